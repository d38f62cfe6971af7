"""Where an incremental pull goes on: one stamp for each object of a stream, in a text that only this connector reads.

SystemModstamp is set inside a transaction and becomes visible at its commit, so rows may appear behind the newest stamp that
was seen. While that stamp is young the next pull looks back; once it has been quiet for longer than any transaction lives, it
need not. The stamp is always one that the org itself gave: neither our clock nor the web server's `Date` decides what is read,
unless the stamp lies years ahead of the latter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from kamsync_salesforce.translate import literal

VERSION = 1
OVERLAP = timedelta(minutes=10)  # longer than any transaction: Apex stops after 10 minutes (Execution Governors and Limits)
SETTLED_AFTER = timedelta(hours=1)
LONGEST_ABSENCE = timedelta(days=14)  # queryAll shows deletions of 15 days (REST API, "sObject Get Deleted")
FURTHEST_AHEAD = timedelta(days=365)  # of the server's clock: a later stamp is an accident
DAWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one object was read: the greatest stamp, and whether nothing older can still appear."""

    stamp: datetime = DAWN
    settled: bool = False

    def condition(self) -> str:
        """The SOQL condition of what may have changed since."""
        if self.settled:
            return f"SystemModstamp > {literal(self.stamp)}"
        return f"SystemModstamp >= {literal(max(DAWN, self.stamp - OVERLAP))}"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Marks by object; valid for one set of fields, and for activities not older than `since`."""

    marks: Mapping[str, Mark]
    fingerprint: str
    read_at: datetime
    since: date | None = None

    def dump(self) -> str:
        """As the text that the core keeps; `load` reads it."""
        marks = {name: [mark.stamp.isoformat(), mark.settled] for name, mark in self.marks.items()}
        body = {"v": VERSION, "fields": self.fingerprint, "read_at": self.read_at.isoformat(), "marks": marks}
        return json.dumps(body | ({"since": self.since.isoformat()} if self.since else {}), separators=(",", ":"))

    def serves(self, fingerprint: str, now: datetime, since: date | None) -> bool:
        """Whether an incremental pull from here finds everything; otherwise the stream must be read whole."""
        if self.fingerprint != fingerprint or now - self.read_at > LONGEST_ABSENCE:
            return False
        return since is None or (self.since is not None and self.since <= since)


def load(text: str | None) -> Cursor | None:
    """The cursor in `text`; None where there is none that this version understands."""
    if not text:
        return None
    try:
        body = json.loads(text)
        if body["v"] != VERSION:
            return None
        marks = {name: Mark(datetime.fromisoformat(stamp), bool(settled)) for name, (stamp, settled) in body["marks"].items()}
        since = date.fromisoformat(body["since"]) if "since" in body else None
        return Cursor(marks, body["fields"], datetime.fromisoformat(body["read_at"]), since)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def advance(before: Mark | None, greatest_seen: datetime | None, server_now: datetime) -> Mark:
    """The mark after a read that began at `server_now`."""
    seen = greatest_seen or DAWN
    if seen > server_now + FURTHEST_AHEAD:
        seen = server_now  # a stamp from the future would hide every change until then
    stamp = max(before.stamp if before else DAWN, seen)
    return Mark(stamp, settled=stamp > DAWN and server_now - stamp >= SETTLED_AFTER)


def fingerprint(parts: Iterable[str]) -> str:
    """Changes when the fields or conditions of a stream do: rows in the cache lack a new field, which only a full pull brings."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]

"""Where an incremental pull goes on: one change stamp for each object of a stream, in a text that only this connector reads.

The stamp is always one that HubSpot itself gave: no clock decides what is read. Search runs over an index that lags behind writes
by seconds (a minute under load), so while the newest stamp is young the next pull looks back; once it has been quiet for longer,
it need not. What changes while a stream is being read may be passed over by the keyset, so the stamp is set back by as long as
the reading took.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

VERSION = 1
OVERLAP = timedelta(minutes=3)  # three times what vendors tell their users to wait after an update
SETTLED_AFTER = timedelta(minutes=10)
LONGEST_ABSENCE = timedelta(days=60)  # archived records are listed for 90 days
_DAWN = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one object was read, whether nothing older can still appear, and how many records there were (0: unknown)."""

    stamp: datetime = _DAWN
    settled: bool = False
    count: int = 0

    def filter(self, stamp_property: str) -> dict[str, str]:
        """The search filter of what may have changed since."""
        if self.settled:
            return {"propertyName": stamp_property, "operator": "GT", "value": str(milliseconds(self.stamp))}
        looked_back = max(_DAWN, self.stamp - OVERLAP)
        return {"propertyName": stamp_property, "operator": "GTE", "value": str(milliseconds(looked_back))}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Marks by object; `scope` names what they cover (properties, pipelines), `since` bounds activities."""

    marks: Mapping[str, Mark]
    scope: str
    read_at: datetime
    since: date | None = None
    extra: str = ""

    def dump(self) -> str:
        body = {
            "v": VERSION,
            "scope": self.scope,
            "read_at": self.read_at.isoformat(),
            "marks": {name: [milliseconds(one.stamp), one.settled, one.count] for name, one in self.marks.items()},
            "since": self.since.isoformat() if self.since else None,
            "extra": self.extra,
        }
        return json.dumps(body, separators=(",", ":"))

    def serves(self, scope: str, now: datetime, since: date | None) -> bool:
        """Whether an incremental pull from here finds everything; otherwise the stream must be read whole."""
        if self.scope != scope or now - self.read_at > LONGEST_ABSENCE:
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
        marks = {name: Mark(moment_of(ms), bool(settled), int(count)) for name, (ms, settled, count) in body["marks"].items()}
        since = date.fromisoformat(body["since"]) if body["since"] else None
        return Cursor(marks, body["scope"], datetime.fromisoformat(body["read_at"]), since, str(body["extra"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def advance(before: Mark | None, greatest: str, *, began_at: datetime, took_seconds: float, count: int) -> Mark:
    """The mark after a read whose newest stamp was `greatest` ("" for none), which began at `began_at` of HubSpot's clock."""
    seen = parse_moment(greatest)
    if seen is None:
        seen = before.stamp if before else _DAWN
    newest = max(seen, before.stamp) if before else seen
    if newest > _DAWN and began_at - newest >= SETTLED_AFTER:
        return Mark(newest, True, count)
    set_back = max(_DAWN, newest - timedelta(seconds=took_seconds)) if newest > _DAWN else _DAWN
    return Mark(max(set_back, before.stamp) if before else set_back, False, count)


def milliseconds(moment: datetime) -> int:
    return round((moment - _DAWN) / timedelta(milliseconds=1))


def moment_of(ms: int) -> datetime:
    return _DAWN + timedelta(milliseconds=ms)


def parse_moment(text: str) -> datetime | None:
    """A stamp as HubSpot writes it: ISO with `Z` and with or without milliseconds, or milliseconds since 1970."""
    if not text:
        return None
    if text.isdigit():
        return moment_of(int(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

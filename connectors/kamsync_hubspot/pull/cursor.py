"""Where an incremental pull goes on: one change stamp for each object of a stream, in a text that only this connector reads.

The stamp is always one that HubSpot itself gave: no clock decides what is read. Search runs over an index that lags behind writes
by seconds (a minute under load), so while the newest stamp is young the next pull looks back; once it has been quiet for longer,
it need not. What changes while a stream is being read may be passed over by the keyset, so the stamp is set back by as long as
the reading took. What the looking back will find again is remembered with its stamp, and not read a second time.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from kamsync_hubspot.translate import _DAWN, milliseconds, moment_of, parse_moment

VERSION = 5
STAMP = "hs_lastmodifieddate"  # of every object but contacts
_OWN_STAMPS = {"contacts": "lastmodifieddate"}  # "Search the CRM": what contacts are sorted and filtered by
OVERLAP = timedelta(minutes=3)  # three times what vendors tell their users to wait after an update
SETTLED_AFTER = timedelta(minutes=10)
LONGEST_ABSENCE = timedelta(days=60)  # archived records are listed for 90 days
REMEMBERED = 2_000  # records of one object; where more were touched a moment ago, they are read again
# Programs make a record and attach it by a second call, which moves no stamp: what is young and loose is read again.
LOOSE_FOR = timedelta(minutes=1)
LOOSE_MARK = "?"
_LATELY = timedelta(hours=1)  # longer than an overlap, the settling and any reading together


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one object was read, whether nothing older can still appear, and how many records there were.

    `recent`: stamps by id of the records that looking back will find again. `archived_pages`: of the list of archived records
    when it was last read. `newest`: the newest stamp seen, which `stamp` may be set back from. `loose`: tasks of ours that hang
    on no company, to be looked at again, since an association moves no stamp.
    """

    stamp: datetime = _DAWN
    settled: bool = False
    count: int = 0
    recent: Mapping[str, str] = field(default_factory=dict)
    archived_pages: int = 0
    newest: str = ""
    loose: Sequence[str] = ()

    @property
    def from_ms(self) -> int:
        """The least stamp that a change since can have."""
        return milliseconds(self.stamp) + 1 if self.settled else milliseconds(max(_DAWN, self.stamp - OVERLAP))

    def filter(self, object_type: str) -> dict[str, str]:
        """The search filter of what may have changed since."""
        return {"propertyName": stamp_property(object_type), "operator": "GTE", "value": str(self.from_ms)}

    def has_seen(self, record: Mapping[str, Any]) -> bool:
        """Whether the record was read as it is now."""
        stamp = stamp_text(record)
        return bool(stamp) and self.recent.get(str(record["id"])) == stamp

    def is_quiet(self, newest: Mapping[str, Any], living: int, now: datetime) -> bool:
        """Whether nothing has come, gone or changed by what search shows, the record changed last being `newest`.

        What the index shows late may stand behind it: that is found with the next change, or when the mark settles.
        """
        return living == self.count and stamp_text(newest) == self.newest and now - self.stamp < SETTLED_AFTER

    def may_miss(self, record: Mapping[str, Any]) -> bool:
        """Whether the record may have changed since."""
        moment = parse_moment(stamp_text(record))
        return moment is None or milliseconds(moment) >= self.from_ms


@dataclass(frozen=True, slots=True)
class Cursor:
    """Marks by object; `scope` names what they cover (properties, pipelines), `since` bounds activities."""

    marks: Mapping[str, Mark]
    scope: str
    read_at: datetime
    since: date | None = None

    def dump(self) -> str:
        """As the text that the core keeps; `load` reads it."""
        body = {
            "v": VERSION,
            "scope": self.scope,
            "read_at": self.read_at.isoformat(),
            "marks": {name: _mark_parts(one) for name, one in self.marks.items()},
            "since": self.since.isoformat() if self.since else None,
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
        marks = {
            name: Mark(moment_of(ms), bool(settled), int(count), dict(recent), int(archived_pages), str(newest), tuple(loose))
            for name, (ms, settled, count, recent, archived_pages, newest, loose) in body["marks"].items()
        }
        since = date.fromisoformat(body["since"]) if body["since"] else None
        return Cursor(marks, body["scope"], datetime.fromisoformat(body["read_at"]), since)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None


def _mark_parts(mark: Mark) -> list[Any]:
    """In the order in which `load` reads them."""
    stamp = milliseconds(mark.stamp)
    return [stamp, mark.settled, mark.count, dict(mark.recent), mark.archived_pages, mark.newest, list(mark.loose)]


class Watch:
    """What one read of one object saw, from which its next mark is made. `began_at`: HubSpot's clock when the read began."""

    def __init__(self, before: Mark | None, began_at: datetime) -> None:
        self._before, self._began_at = before, began_at
        self._began = time.monotonic()
        self._newest = ""
        self._lately, self._young = _text(began_at - _LATELY), _text(began_at - LOOSE_FOR)
        self._recent: dict[str, str] = {}
        self.count = 0
        self.created = 0  # since the mark
        self.edited = 0  # or restored
        self.ids: set[str] = set()  # of an incremental read, those that the overlap finds again included

    def unseen(self, records: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Notes the records; those of them that are not as they were when they were last read."""
        found = []
        for record in records:
            stamp = stamp_text(record)
            record_id = str(record["id"])
            # Without the Z, text order is time order also where milliseconds are left out.
            self._newest = max(self._newest, stamp)
            if stamp >= self._lately and len(self._recent) <= REMEMBERED:
                self._recent[record_id] = stamp
            if self._before is None or not self._before.has_seen(record):
                found.append(record)
        self.count += len(records)
        if self._before is not None:
            self.ids.update(str(record["id"]) for record in records)
            created = sum(self._is_new(record) for record in found)
            self.created += created
            self.edited += len(found) - created
        return found

    def loose(self, record_ids: Iterable[str]) -> None:
        """These belong to no other record: while they are young, the next pull reads them again."""
        for record_id in record_ids:
            stamp = self._recent.get(record_id, "")
            if stamp >= self._young:
                self._recent[record_id] = stamp + LOOSE_MARK  # known, but not as it will be

    def lost(self, living: int) -> int:
        """How many records fewer there are than the mark and what was made since let expect; negative where there are more."""
        return (self._before or Mark()).count + self.created - living

    def hidden(self) -> list[str]:
        """Records seen a moment before the mark that search should have shown again, and did not."""
        return [one for one in (self._before.recent if self._before else {}) if one not in self.ids]

    def may_have_lost(self, living: int) -> bool:
        """Whether records may have been archived since the mark, where `living` are left.

        The numbers tell, unless one was restored or made with an old date while another went: that is looked up where it
        costs one call.
        """
        before = self._before or Mark()
        return self.lost(living) != 0 or (self.edited > 0 and before.archived_pages <= 1)

    def _is_new(self, record: Mapping[str, Any]) -> bool:
        before, moment = self._before, parse_moment(str(record.get("createdAt") or ""))
        if before is None or moment is None or str(record["id"]) in before.recent:
            return False
        return milliseconds(moment) >= before.from_ms

    def mark(self, count: int, archived_pages: int = 0) -> Mark:
        """How far the read came; `count` records are known to exist."""
        before, seen = self._before, parse_moment(self._newest)
        greatest = max(self._newest, before.newest if before else "")
        # A stamp from the future would hide every change until then.
        newest = min(max(seen or _DAWN, before.stamp if before else _DAWN), self._began_at)
        if newest > _DAWN and self._began_at - newest >= SETTLED_AFTER:
            return Mark(newest, True, count, {}, archived_pages, greatest)
        took = timedelta(seconds=time.monotonic() - self._began)
        stamp = max(_DAWN, newest - took) if newest > _DAWN else _DAWN
        if before is not None:
            stamp = max(stamp, before.stamp)
        again = _text(max(_DAWN, stamp - OVERLAP))
        known = (dict(before.recent) if before else {}) | self._recent
        recent = {one: text for one, text in known.items() if text >= again}
        is_all = len(self._recent) <= REMEMBERED and len(recent) <= REMEMBERED
        return Mark(stamp, False, count, recent if is_all else {}, archived_pages, greatest)


def fingerprint(parts: Iterable[Any]) -> str:
    """Changes when what a cursor covers does: rows in the cache lack a new property, which only a full pull brings."""
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).hexdigest()[:16]


def stamp_property(object_type: str) -> str:
    """The property that says when a record of that object was changed last."""
    return _OWN_STAMPS.get(object_type, STAMP)


def stamp_text(record: Mapping[str, Any]) -> str:
    """When the record last changed, as text in whose order time goes; "" where it does not say."""
    properties = record["properties"]
    stamp = properties.get("lastmodifieddate") or properties.get(STAMP) or record.get("updatedAt")
    return str(stamp or "").rstrip("Z")


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()

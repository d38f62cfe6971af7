"""The portal's records: one table an object type, and the graph of associations. In memory, compact, in id order.

A record's values lie in a list by the property's slot, so that a page of a hundred records is cheap to build and half a
million fit in memory. A table also remembers what search still sees of records written a moment ago. No HTTP, no rules.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .catalog import PropertyDefinition
from .kinds import ASSOCIATION_TYPES, AssociationType
from .object_kind import ObjectKind


class Record:
    """`updated`, `archived` in milliseconds (0: not archived). `history`: earlier values, newest first, by property."""

    __slots__ = ("archived", "history", "id", "updated", "values")

    def __init__(self, record_id: str, values: list[str | None], updated: int) -> None:
        self.id = record_id
        self.values = values
        self.updated = updated
        self.archived = 0
        self.history: dict[str, list[tuple[str, int]]] | None = None

    def copy(self) -> Record:
        """The record as it is now, without its history: what search goes on seeing for a while."""
        return Record(self.id, list(self.values), self.updated)


class Table:
    """All records of one object type."""

    def __init__(self, kind: ObjectKind, definitions: Iterator[PropertyDefinition]) -> None:
        self.kind = kind
        self.definitions: dict[str, PropertyDefinition] = {}
        self.slots: dict[str, int] = {}
        self.records: dict[str, Record] = {}
        self.ids: list[str] = []  # of live records, ascending
        self.archived: dict[str, Record] = {}
        self.aliases: dict[str, str] = {}  # merged id -> the id that lives on
        self.unique: dict[str, dict[str, str]] = {}
        self.index_version = 0
        self.unindexed: dict[str, tuple[int, Record | None]] = {}  # id -> (until, what search sees until then)
        self.last_search: tuple[int, bytes, list[Record]] | None = None  # (index_version, query, matches in order)
        self.next_id = kind.first_id + 1
        for definition in definitions:
            self.define(definition)

    def define(self, definition: PropertyDefinition) -> None:
        """Makes room for a property; the values of records that are there stay."""
        self.definitions[definition.name] = definition
        self.slots.setdefault(definition.name, len(self.slots))
        if definition.unique:
            self.unique.setdefault(definition.name, {})

    def new_id(self) -> str:
        """The next id of this object type."""
        self.next_id += 1
        return str(self.next_id - 1)

    def get(self, record: Record, name: str) -> str | None:
        """A value as text; None where the record has none, or the property is unknown."""
        slot = self.slots.get(name)
        return record.values[slot] if slot is not None and slot < len(record.values) else None

    def put(self, record: Record, name: str, value: str | None) -> None:
        """Stores without a stamp, history or index lag: for what the service itself computes."""
        slot = self.slots[name]
        if slot >= len(record.values):
            record.values.extend([None] * (slot + 1 - len(record.values)))
        record.values[slot] = value

    def find(self, record_id: str) -> Record | None:
        """The live record of that id, or the one it was merged into."""
        return self.records.get(record_id) or self.records.get(self.aliases.get(record_id, ""))

    def find_unique(self, name: str, value: str) -> Record | None:
        """The record that has the value of a unique property. Raises KeyError for a property that is not unique."""
        return self.records.get(self.unique[name].get(unique_text(name, value), ""))

    def append(self, record: Record) -> None:
        """Adds a new record; its id is greater than all before."""
        self.records[record.id] = record
        self.ids.append(record.id)
        for name, index in self.unique.items():
            value = self.get(record, name)
            if value:
                index[unique_text(name, value)] = record.id

    def page(self, after: str, limit: int, *, archived: bool = False) -> tuple[list[Record], bool]:
        """Up to `limit` records with ids above `after`, and whether more follow."""
        if archived:
            ids, source = sorted(self.archived), self.archived
        else:
            ids, source = self.ids, self.records
        start = bisect_right(ids, after) if after else 0
        return [source[record_id] for record_id in ids[start : start + limit]], start + limit < len(ids)

    def write(self, record: Record, values: Mapping[str, str | None], now_ms: int) -> None:
        """Sets values and notes what they were; the change stamp becomes `now_ms`."""
        for name, value in values.items():
            old = self.get(record, name)
            if value != old:
                record.history = record.history or {}
                record.history.setdefault(name, []).insert(0, (old or "", record.updated))
            index = self.unique.get(name)
            if index is not None:
                if old:
                    index.pop(unique_text(name, old), None)
                if value:
                    index[unique_text(name, value)] = record.id
            self.put(record, name, value)
        self.stamp(record, now_ms)

    def stamp(self, record: Record, now_ms: int) -> None:
        """Moves the change stamp on, never back."""
        record.updated = max(now_ms, record.updated)

    def archive(self, record: Record, now_ms: int) -> None:
        """Takes the record out of lists and search, and frees its unique values."""
        record.archived = now_ms
        del self.records[record.id]
        del self.ids[bisect_left(self.ids, record.id)]
        self.archived[record.id] = record
        for name, index in self.unique.items():
            value = self.get(record, name)
            if value:
                index.pop(unique_text(name, value), None)

    def hide_from_search(self, record_id: str, before: Record | None, until_ms: int) -> None:
        """Search sees `before` (None: nothing) until then; what it saw already, if an older write is still unseen."""
        kept = self.unindexed.get(record_id)
        self.unindexed[record_id] = (until_ms, kept[1] if kept else before)
        self.index_version += 1

    def settle_index(self, now_ms: int) -> None:
        """Lets search see what was written long enough ago."""
        due = [record_id for record_id, (until, _) in self.unindexed.items() if until <= now_ms]
        for record_id in due:
            del self.unindexed[record_id]
        if due:
            self.index_version += 1


def unique_text(name: str, value: str) -> str:
    """By what two values of a unique property are the same: an email in whatever case."""
    return value.lower() if name == "email" else value


Links = dict[str, dict[str, tuple[int, ...]]]


class Associations:
    """Who is associated with whom, in both directions: `links[(from, to)][from id][to id]` → type ids."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, str], Links] = {}
        self.types: dict[int, AssociationType] = dict(ASSOCIATION_TYPES)

    def of(self, source: str, record_id: str, target: str) -> Mapping[str, tuple[int, ...]]:
        """The records that one is joined to, by id, each with its type ids."""
        return self.links.get((source, target), {}).get(record_id, {})

    def types_between(self, source: str, target: str) -> list[AssociationType]:
        """The types in this direction."""
        return [kind for kind in self.types.values() if (kind.source, kind.target) == (source, target)]

    def add(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        """Adds one type, its unlabelled companion and both inverses; a unique type leaves the record that had it before."""
        inverse = self.types[kind.inverse]
        self._displace(kind, source_id, target_id)
        self._displace(inverse, target_id, source_id)
        self.put(kind, source_id, target_id)
        self.put(inverse, target_id, source_id)
        if kind.unlabelled:
            self.add(self.types[kind.unlabelled], source_id, target_id)

    def _displace(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        if not kind.unique:
            return
        for other_id, type_ids in list(self.of(kind.source, source_id, kind.target).items()):
            if other_id != target_id and kind.type_id in type_ids:
                self.remove(kind, source_id, other_id)

    def put(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        """Notes one direction of an association; twice is once."""
        targets = self.links.setdefault((kind.source, kind.target), {}).setdefault(source_id, {})
        type_ids = targets.get(target_id, ())
        if kind.type_id not in type_ids:
            targets[target_id] = (*type_ids, kind.type_id)

    def remove(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        """Takes one type away, in both directions."""
        self._drop(kind, source_id, target_id)
        self._drop(self.types[kind.inverse], target_id, source_id)

    def _drop(self, kind: AssociationType, source_id: str, target_id: str) -> None:
        targets = self.links.get((kind.source, kind.target), {}).get(source_id)
        if not targets or target_id not in targets:
            return
        rest = tuple(type_id for type_id in targets[target_id] if type_id != kind.type_id)
        if rest:
            targets[target_id] = rest
        else:
            del targets[target_id]

    def unlink(self, source: str, source_id: str, target: str, target_id: str) -> None:
        """Takes every type between the two away, in both directions."""
        for type_id in self.of(source, source_id, target).get(target_id, ()):
            self.remove(self.types[type_id], source_id, target_id)

    def forget(self, source: str, source_id: str) -> list[tuple[str, str]]:
        """Removes every association of a record; says which records lost one."""
        lost = [
            (target, target_id)
            for (origin, target), links in list(self.links.items())
            if origin == source
            for target_id in list(links.get(source_id, {}))
        ]
        for target, target_id in lost:
            self.unlink(source, source_id, target, target_id)
        return lost


@dataclass(slots=True)
class Segment:
    """A list. `processing`: `DYNAMIC`, `MANUAL` or `SNAPSHOT`; `branch` its filters; `members` since when (ms) of manual ones."""

    id: str
    name: str
    kind: ObjectKind
    processing: str
    branch: dict[str, Any] | None
    created_ms: int
    updated_ms: int
    version: int = 1
    members: dict[str, int] = field(default_factory=dict)  # id -> since, of manual ones
    deleted: bool = False


@dataclass(slots=True)
class Export:
    """An export under way or done. `ready_ms`: when its file is there; `key` names the file; `internal_…`: not labels."""

    id: str
    kind: ObjectKind
    names: tuple[str, ...]
    internal_names: bool
    internal_values: bool
    ready_ms: int
    requested_ms: int
    key: str

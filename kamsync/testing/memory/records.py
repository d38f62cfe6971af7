"""The tables of the in-memory CRM: records with a stamp that grows with every change, and what is remembered of the gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from kamsync.model import Stream, Value

Author = Literal["people", "program"]
PREFIXES: Mapping[Stream, str] = {
    Stream.OWNERS: "own",
    Stream.RATES: "rate",
    Stream.ACCOUNTS: "acc",
    Stream.OPPORTUNITIES: "opp",
    Stream.LINE_ITEMS: "item",
    Stream.ACTIVITIES: "act",
    Stream.TASKS: "task",
}  # of ids; any other stream by its own name


@dataclass
class Record:
    """`values` by the CRM's field names. `deleted_with`: the account whose deletion took it along, "" where none did."""

    id: str
    values: dict[str, Value]
    changed: int
    deleted: bool = False
    deleted_with: str = ""

    def copy(self) -> Record:
        """The record as it is now; a value never changes, the record does."""
        return replace(self, values=dict(self.values))

    def get(self, name: str) -> Value:
        """The value of a field, None where there is none."""
        return self.values.get(name)

    def text(self, name: str) -> str:
        """The value as text, "" where there is none."""
        value = self.values.get(name)
        return "" if value is None else str(value)


@dataclass(frozen=True, slots=True)
class Written:
    """One field of one record that changed, by whom, in the order of `stamp`. A new record writes all its fields, from None;
    a deletion, and its undoing, writes `is_deleted`."""

    stamp: int
    author: Author
    stream: Stream
    record_id: str
    name: str
    before: Value
    after: Value


@dataclass
class Backup:
    """All records as they were at a stamp."""

    stamp: int
    tables: dict[Stream, dict[str, Record]]


@dataclass
class Records:
    """Every table, the merges (old id → id that took it in, stamp), and the ids that are gone for good, with their stamps."""

    stamp: int = 0
    tables: dict[Stream, dict[str, Record]] = field(default_factory=lambda: {stream: {} for stream in Stream})
    merges: dict[str, tuple[str, int]] = field(default_factory=dict)
    gone: dict[Stream, dict[str, int]] = field(default_factory=lambda: {stream: {} for stream in Stream})
    log: list[Written] = field(default_factory=list)
    made: dict[Stream, int] = field(default_factory=lambda: dict.fromkeys(Stream, 0))

    def add(self, stream: Stream, values: Mapping[str, Value], author: Author = "people") -> Record:
        """A new record; ids sort in the order of creation."""
        self.made[stream] += 1
        record = Record(f"{PREFIXES.get(stream, stream)}-{self.made[stream]:06}", {}, 0)
        self.tables[stream][record.id] = record
        self.write(stream, record, values, author)
        return record

    def write(self, stream: Stream, record: Record, values: Mapping[str, Value], author: Author = "people") -> None:
        """New values of some fields. The stamp moves as in a real CRM, also where nothing differs; the log tells what does."""
        self.stamp += 1
        record.changed = self.stamp
        for name, given in values.items():
            value = None if given == "" else given
            before = record.values.get(name)
            record.values[name] = value
            if value != before:
                self.log.append(Written(self.stamp, author, stream, record.id, name, before, value))

    def delete(self, stream: Stream, record: Record, author: Author = "people", *, with_account: str = "") -> None:
        """To the recycle bin, where its fields stay."""
        self._put(stream, record, author, deleted=True)
        record.deleted_with = with_account

    def undelete(self, stream: Stream, record: Record) -> None:
        """Out of the recycle bin again, as it was."""
        self._put(stream, record, "people", deleted=False)
        record.deleted_with = ""

    def _put(self, stream: Stream, record: Record, author: Author, *, deleted: bool) -> None:
        self.stamp += 1
        record.changed = self.stamp
        if record.deleted != deleted:
            self.log.append(Written(self.stamp, author, stream, record.id, "is_deleted", record.deleted, deleted))
        record.deleted = deleted

    def living(self, stream: Stream) -> Iterator[Record]:
        """The records of the stream that nobody has deleted, in the order of creation."""
        return (record for record in self.tables[stream].values() if not record.deleted)

    def find(self, stream: Stream, record_id: str) -> Record | None:
        """The living record of that id."""
        record = self.tables[stream].get(record_id)
        return None if record is None or record.deleted else record

    def of_account(self, stream: Stream, account_id: str) -> list[Record]:
        """Its records, deleted ones too."""
        return [record for record in self.tables[stream].values() if record.get("account_id") == account_id]

    def living_id(self, account_id: str) -> str:
        """The id under which a merged account lives on; its own where it was never merged."""
        while account_id in self.merges:
            account_id = self.merges[account_id][0]
        return account_id

    def backup(self) -> Backup:
        """All tables as they are now."""
        tables = {stream: {one: record.copy() for one, record in table.items()} for stream, table in self.tables.items()}
        return Backup(self.stamp, tables)

    def restore(self, backup: Backup, streams: frozenset[Stream]) -> None:
        """Those tables as they were; what was made since is gone for good. Stamps go on: a restored record is a changed one."""
        for stream in streams:
            there, before = self.tables[stream], backup.tables[stream]
            for record_id in [one for one in there if one not in before]:
                self.stamp += 1
                self.gone[stream][record_id] = self.stamp
                del there[record_id]
            for record_id, old in before.items():
                self._restore_one(stream, there.setdefault(record_id, Record(record_id, {}, 0)), old)
        if Stream.ACCOUNTS in streams:
            self.merges = {old: kept for old, kept in self.merges.items() if kept[1] <= backup.stamp}

    def _restore_one(self, stream: Stream, record: Record, old: Record) -> None:
        emptied: dict[str, Value] = dict.fromkeys(record.values)
        if {**emptied, **old.values} != record.values:
            self.write(stream, record, {**emptied, **old.values})
        if record.deleted != old.deleted:
            self._put(stream, record, "people", deleted=old.deleted)
        record.deleted_with = old.deleted_with

"""One object's part of a stream: what is asked of it, and how its values become rows. Values and pure functions only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from kamsync.model import Column, Stream
from kamsync_salesforce.pull.slices import Bounds, by_stamp
from kamsync_salesforce.translate import is_true

Rows = list[list[Any]]
MASTER = "MasterRecordId"  # of a record that was merged: the winner (Object Reference, "Account")
_ANY_DAY = datetime(2000, 1, 1, tzinfo=UTC)


def _keep(values: list[Any]) -> bool:
    return False


@dataclass(frozen=True)
class Source:
    """One object's part of a stream.

    `to_rows` makes rows of values in the order of `fields`. An incremental read also selects `change_fields`, after `fields`,
    and asks `left` of each record's values whether it no longer belongs to the stream. `droppable` fields may be missing in an
    org.
    """

    stream: Stream
    sobject: str
    fields: tuple[str, ...]
    to_rows: Callable[[Rows], Rows]
    id_field: int = 0  # where the record's id stands in `fields`
    full_where: tuple[str, ...] = ()
    change_where: tuple[str, ...] = ()
    full_reads_deleted: bool = False  # archived activities are shown by queryAll only
    keeps_deleted_rows: bool = False  # a deleted record is a row of the stream, not a disappearance
    can_be_deleted: bool = True
    has_merges: bool = False
    for_bulk: bool = True
    change_fields: tuple[str, ...] = ()
    also_changed: Callable[[date], str] | None = None  # what moves no stamp: a condition, from the day of the last reading on
    left: Callable[[list[Any]], bool] = _keep
    droppable: frozenset[str] = frozenset()
    absent_problem: str = ""  # set where an org may lack the object
    is_often_absent: bool = False  # and most orgs do: doctor alone speaks of it
    own_fields: frozenset[str] = frozenset()  # fields that `kamsync setup` creates
    absent: frozenset[str] = frozenset()  # droppable fields that this org turned out not to have
    absent_field_problems: Mapping[str, str] = field(default_factory=dict)  # what follows where one of them is
    bounds: Bounds = by_stamp  # of the slices of a whole read

    def change_select(self) -> tuple[str, ...]:
        """The SELECT list of an incremental read, without the stamp."""
        extras = [
            *self.change_fields,
            *([MASTER] if self.has_merges else []),
            *(["IsDeleted"] if self.can_be_deleted else []),
        ]
        taken = {name.lower() for name in self.fields}
        return self.fields + tuple(name for name in extras if name.lower() not in taken)

    def is_nothing_without(self, name: str) -> bool:
        """Whether the field is what makes a record one of this stream: our tasks are those with our key."""
        return self.stream is Stream.TASKS and name.lower() in {own.lower() for own in self.own_fields}

    def dropping(self, name: str) -> Source:
        """The same source for an org without the droppable field `name`: it is not asked for, and reads as null."""
        return replace(
            self,
            absent=self.absent | {name},
            also_changed=None if self.also_changed and name in self.also_changed(_ANY_DAY.date()) else self.also_changed,
            full_where=tuple(condition for condition in self.full_where if name not in condition),
            bounds=by_stamp if name in self.bounds(_ANY_DAY, None) else self.bounds,
        )


def in_order(columns: Sequence[Column], rows: Rows, names: Sequence[str]) -> Rows:
    """Rows in the order of `names` as rows in the order of `columns`; an unknown column is null."""
    wanted = [column.name for column in columns]
    if wanted == list(names):
        return rows
    places = [names.index(name) if name in names else len(names) for name in wanted]
    pick = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    return [list(pick([*row, None])) for row in rows]


def take_out_the_gone(source: Source, values: Rows, deleted: list[str], merged: dict[str, str]) -> Rows:
    """Of an incremental read: records that stay, cut to the source's fields; the others' ids go into `deleted` or `merged`."""
    names = source.change_select()
    width = len(source.fields)
    tells_deletion = source.can_be_deleted and not source.keeps_deleted_rows
    deleted_at = [name.lower() for name in names].index("isdeleted") if tells_deletion else None
    merged_at = names.index(MASTER) if source.has_merges else None
    kept: Rows = []
    for row in values:
        if deleted_at is not None and is_true(row[deleted_at]):
            winner = row[merged_at] if merged_at is not None else None
            if winner:
                merged[row[source.id_field]] = winner
            else:
                deleted.append(row[source.id_field])
        elif source.left(row):
            deleted.append(row[source.id_field])
        else:
            kept.append(row[:width])
    return kept

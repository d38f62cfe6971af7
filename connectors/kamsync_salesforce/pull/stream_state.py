"""A source on its way through one pull: how it is read, what was seen so far. Lives for one pull; no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from kamsync.contract import PullRequest
from kamsync.foreign import Unread
from kamsync_salesforce.api.bulk import QueryJob
from kamsync_salesforce.api.reads import Values
from kamsync_salesforce.pull.cursor import Mark
from kamsync_salesforce.pull.slices import Slice
from kamsync_salesforce.pull.source import Source
from kamsync_salesforce.translate import STAMP


@dataclass
class Reading:
    """One source, read whole or since a mark; a `slice` of it where the whole is too much for one query."""

    source: Source
    since: Mark | None  # None: whole
    job: QueryJob | None = None
    started: datetime | None = None
    greatest: str = ""  # of this reading's own format, so that text order is time order
    merged: dict[str, str] = field(default_factory=dict)  # loser → winner
    slice: Slice | None = None
    read_at: datetime | None = None  # when the last pull read it

    @property
    def changes_only(self) -> bool:
        """Whether it reads since a mark."""
        return self.since is not None

    def select(self) -> tuple[str, ...]:
        """The SELECT list, the stamp at its end."""
        names = self.source.change_select() if self.changes_only else self.source.fields
        return (*names, STAMP)

    def asked(self) -> list[str]:
        """Without the fields that this org turned out not to have."""
        return [name for name in self.select() if name not in self.source.absent]

    def where(self) -> tuple[str, ...]:
        """The conditions, to be joined by AND."""
        conditions = (*self.source.change_where, self._changed(self.since)) if self.since else self.source.full_where
        return (*conditions, self.slice.condition()) if self.slice else conditions

    def _changed(self, since: Mark) -> str:
        also = self.source.also_changed
        if also is None or self.read_at is None or not also(self.read_at.date()):
            return since.condition()
        return f"{since.condition()} OR {also(self.read_at.date())}"

    @property
    def include_deleted(self) -> bool:
        """Whether the query must show deleted and archived records (queryAll)."""
        return self.source.full_reads_deleted or (self.changes_only and self.source.can_be_deleted)

    def with_absent(self, values: Values) -> Values:
        """Values in the order of `select`, null where a field is absent; works in place."""
        places = [index for index, name in enumerate(self.select()) if name in self.source.absent]
        for row in values:
            for place in places:
                row.insert(place, None)
        return values


@dataclass
class StreamReading:
    """One requested stream on its way."""

    request: PullRequest
    parts: list[Reading]
    fingerprint: str
    problems: list[str] = field(default_factory=list)
    rows: int = 0
    lacking: set[str] = field(default_factory=set)  # names of flags, or TASK_KEY, that the org does not show
    unread: Unread = field(default_factory=Unread)

    def readable(self, values: Values, width: int, id_field: int) -> Values:
        """The rows that are records: as wide as asked, with an id. The others are noted in `unread`."""
        found = [row for row in values if len(row) == width and row[id_field] and isinstance(row[id_field], str)]
        if len(found) < len(values):
            kept = {id(row) for row in found}
            odd = next(row for row in values if id(row) not in kept)
            self.unread.note(odd[id_field] if len(odd) > id_field else "", len(values) - len(found))
        return found

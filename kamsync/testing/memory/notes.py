"""Notes of the in-memory CRM. They are no records of a stream but for what a CRM counts as an activity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from kamsync.contract import NOTE_MARK
from kamsync.model import Stream, Value
from kamsync.model.exchange import NewNote, NoteRef, NoteSeen, Outcome
from kamsync.portions import portions
from kamsync.testing.memory.crm import MemoryCrm
from kamsync.testing.memory.faults import AnswerLost
from kamsync.testing.memory.records import Record
from kamsync.testing.memory.tasks import Call

KIND = "note"


@dataclass(frozen=True, slots=True)
class Notes:
    """The notes of one connection."""

    crm: MemoryCrm
    call: Call

    def fetch(self, notes: Sequence[NoteRef]) -> Mapping[str, NoteSeen]:
        """By id where it is given, else the one with our mark."""
        found: dict[str, NoteSeen] = {}
        for some in portions(notes, self.crm.behaviour.batch_size):
            seen = self.call("fetch_notes", partial(self._look, some))
            found |= {account: NoteSeen(record.id, record.text("body")) for account, record in seen.items()}
        return found

    def _look(self, notes: Sequence[NoteRef]) -> dict[str, Record]:
        found = {note.account_id: self._named(note) for note in notes}
        return {account: record for account, record in found.items() if record is not None}

    def _named(self, note: NoteRef) -> Record | None:
        if note.note_id:
            return self.crm.records.find(Stream.ACTIVITIES, note.note_id)
        marked = (one for one in self.crm.notes(note.account_id) if NOTE_MARK in one.text("body"))
        return next(marked, None)

    def write(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """One outcome a note."""
        for some in portions(notes, self.crm.behaviour.batch_size):
            try:
                yield from self.call("write_notes", partial(self._write_each, some))
            except AnswerLost as lost:
                yield from (Outcome(note.account_id, "unknown", note.note_id, lost.message) for note in some)

    def _write_each(self, notes: Sequence[NewNote]) -> list[Outcome]:
        return [self._write(note) for note in notes]

    def _write(self, note: NewNote) -> Outcome:
        refusal = self.crm.faults.refused.get(note.account_id, "")
        if self.crm.records.find(Stream.ACCOUNTS, note.account_id) is None:
            refusal = "INVALID_CROSS_REFERENCE_KEY: the account is deleted"
        record = self.crm.records.find(Stream.ACTIVITIES, note.note_id) if note.note_id else None
        if note.note_id and record is None:
            refusal = "ENTITY_IS_DELETED: the note is deleted"
        if refusal:
            return Outcome(note.account_id, "rejected", note.note_id, refusal)
        values: dict[str, Value] = {"title": note.title, "body": note.body, "owner_id": note.owner_id}
        if record is not None:
            self.crm.records.write(Stream.ACTIVITIES, record, values, "program")
        else:
            own: dict[str, Value] = {"account_id": note.account_id, "kind": KIND, "activity_date": self.crm.note_day}
            record = self.crm.records.add(Stream.ACTIVITIES, {**own, **values}, "program")
        return Outcome(note.account_id, "done", record.id)

    def delete(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        """One that is gone is done with."""
        for some in portions(notes, self.crm.behaviour.batch_size):
            yield from self.call("delete_notes", partial(self._delete_each, some))

    def _delete_each(self, notes: Sequence[NoteRef]) -> list[Outcome]:
        for note in notes:
            record = self.crm.records.find(Stream.ACTIVITIES, note.note_id)
            if record is not None:
                self.crm.records.delete(Stream.ACTIVITIES, record, "program")
        return [Outcome(note.account_id, "done", note.note_id) for note in notes]

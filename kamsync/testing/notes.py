"""What a connector that keeps notes promises: one on an account, whole, found by its mark, updated in place."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from kamsync.contract import NOTE_MARK, Connection, KeepsNotes
from kamsync.model.exchange import NewNote, NoteRef
from kamsync.sandbox.faults import Kind
from kamsync.testing.harness import Promises, RunningCrm

MARK = f"{NOTE_MARK}0123456789-abcdef0123"


class _Letters(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def handle_data(self, data: str) -> None:
        self.text += data


def letters(body: str) -> str:
    """What a reader sees of a body, without white space."""
    reader = _Letters()
    reader.feed(body)
    return "".join(reader.text.split())


def a_note(crm: RunningCrm, account_id: str, said: str = "&lt;b&gt; A &amp; B, 5&nbsp;€ “ção”", note_id: str = "") -> NewNote:
    """A note of this program on that account."""
    body = f"<p>{MARK}</p><p><b>Plan</b></p><ul><li>{said}</li></ul>"
    return NewNote(account_id, note_id, crm.owner_id, "Account plan", body)


class NotePromises(Promises):
    """What a connector promises about notes, where it keeps any."""

    @pytest.fixture
    def notes(self, connection: Connection) -> KeepsNotes:
        """The connection, where it keeps notes."""
        if not isinstance(connection, KeepsNotes):
            pytest.skip("this connector keeps no notes")
        return connection

    def test_a_note_is_made_on_its_account_and_found_by_its_mark(self, crm: RunningCrm, notes: KeepsNotes) -> None:
        account, without = crm.take_accounts(2)
        note = a_note(crm, account)

        (outcome,) = notes.write_notes([note])
        found = notes.fetch_notes([NoteRef(account, ""), NoteRef(without, "")])

        assert (outcome.ref, outcome.status) == (account, "done")
        assert found.keys() == {account}
        assert found[account].note_id == outcome.record_id
        assert letters(found[account].body) == letters(note.body)
        (shown,) = notes.fetch_notes([NoteRef(account, "")], whole=False).values()
        assert shown.note_id == outcome.record_id and MARK in shown.body

    def test_a_note_is_updated_in_place(self, crm: RunningCrm, notes: KeepsNotes) -> None:
        (account,) = crm.take_accounts(1)
        (made,) = notes.write_notes([a_note(crm, account)])

        (again,) = notes.write_notes([a_note(crm, account, "more", made.record_id)])
        found = notes.fetch_notes([NoteRef(account, made.record_id)])[account]

        assert (again.status, again.record_id) == ("done", made.record_id)
        assert "more" in found.body
        assert notes.fetch_notes([NoteRef(account, "")])[account].note_id == made.record_id

    def test_a_deleted_note_is_missing_and_deleting_it_again_is_done(self, crm: RunningCrm, notes: KeepsNotes) -> None:
        (account,) = crm.take_accounts(1)
        (made,) = notes.write_notes([a_note(crm, account)])

        outcomes = [one for _ in range(2) for one in notes.delete_notes([NoteRef(account, made.record_id)])]

        assert [one.status for one in outcomes] == ["done", "done"]
        assert notes.fetch_notes([NoteRef(account, made.record_id)]) == {}
        assert notes.fetch_notes([NoteRef(account, "")]) == {}
        (late,) = notes.write_notes([a_note(crm, account, "late", made.record_id)])
        assert late.status == "rejected" and late.message

    def test_a_note_for_an_account_that_is_gone_stops_no_other(self, crm: RunningCrm, notes: KeepsNotes) -> None:
        gone, good = crm.take_accounts(2)
        crm.people.delete_account(gone)

        outcomes = {one.ref: one for one in notes.write_notes([a_note(crm, gone), a_note(crm, good)])}

        assert outcomes.keys() == {gone, good}
        assert outcomes[good].status == "done" and outcomes[gone].status == "rejected"
        assert outcomes[gone].message and notes.fetch_notes([NoteRef(gone, "")]) == {}


class NoteFaultPromises(NotePromises):
    """The same on a bad line."""

    @pytest.mark.parametrize("kind", ("reset_before", "reset_after"))
    def test_a_lost_answer_to_any_call_makes_no_second_note(self, crm: RunningCrm, notes: KeepsNotes, kind: Kind) -> None:
        (first,) = crm.take_accounts(1)
        calls = crm.calls_of(lambda: list(notes.write_notes([a_note(crm, first)])))
        assert calls

        for position in range(calls):
            (account,) = crm.take_accounts(1)
            crm.server.faults.add(kind, skip=position)
            (outcome,) = notes.write_notes([a_note(crm, account)])
            crm.server.faults.clear()
            found = notes.fetch_notes([NoteRef(account, "")])

            assert outcome.status in ("done", "unknown")
            assert len(found) == 1 or outcome.status == "unknown"
            if outcome.status == "done":
                assert found[account].note_id == outcome.record_id
                list(notes.delete_notes([NoteRef(account, outcome.record_id)]))
                assert notes.fetch_notes([NoteRef(account, "")]) == {}  # there was no second one

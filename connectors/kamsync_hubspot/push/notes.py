"""The note with an account's plan: found by its mark, made with its association, updated in place, pinned where nothing is.

A create carries its association to the company (type 190, "Notes" guide), so a note is whole or not there; it is never sent
twice, and after a lost answer the company's notes tell whether it was made. HubSpot shows a note only with an owner and a time in
milliseconds. Pinning is a property of the company ("Companies" guide, hs_pinned_engagement_id): one a record, so a pin that
somebody else has set stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kamsync.contract import NOTE_MARK
from kamsync.errors import KamsyncError
from kamsync.model.exchange import NewNote, NoteRef, NoteSeen, Outcome
from kamsync.portions import portions
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import BATCH, fetch_links, read_batch, search_pages
from kamsync_hubspot.api.writes import archive, outcome, write
from kamsync_hubspot.translate import Record

NOTES, COMPANIES = "notes", "companies"
BODY, PINNED = "hs_note_body", "hs_pinned_engagement_id"
NOTE_BATCH = "/crm/v3/objects/notes/batch"
NOTE_TO_COMPANY = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 190}
TRACE = "objectWriteTraceId"  # told back with each record of a batch, and with each error
READ_ALL_BELOW = 300  # notes of the accounts asked for; of more the search names ours
NEWEST = 3  # of an account, which the search's index may not have yet
_MARK = re.compile(re.escape(NOTE_MARK.strip()) + r"\s+(\S{21})")


class Notes:
    """Notes of one connection."""

    def __init__(self, client: Client, portal: Portal) -> None:
        self._client = client
        self._portal = portal

    def fetch(self, notes: Sequence[NoteRef]) -> Mapping[str, NoteSeen]:
        """By account id. HubSpot's body comes whole in any case."""
        by_id = {note.note_id: note.account_id for note in notes if note.note_id}
        found = {by_id[str(one["id"])]: _seen(one) for one in self._read(by_id) if str(one["id"]) in by_id}
        return found | self._marked([note.account_id for note in notes if not note.note_id])

    def write(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """New ones, then those that are updated."""
        for some in portions([note for note in notes if not note.note_id], BATCH):
            yield from self._make({note.account_id: note for note in some})
        older = {note.note_id: note for note in notes if note.note_id}
        inputs = [{"id": note_id, "properties": {BODY: note.body}} for note_id, note in older.items()]
        for note_id, result in write(self._client, f"{NOTE_BATCH}/update", inputs, doing="updating notes"):
            yield outcome(older[note_id].account_id, note_id, result, self._portal.record_url(older[note_id].account_id))

    def delete(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        """HubSpot answers 204, also for notes that are gone already."""
        accounts = {note.note_id: note.account_id for note in notes}
        for note_id, result in archive(self._client, f"{NOTE_BATCH}/archive", list(accounts), doing="deleting notes"):
            yield outcome(accounts[note_id], note_id, result, "")

    # --- finding -------------------------------------------------------------------------------------------------------------

    def _read(self, ids: Iterable[str]) -> Iterator[Record]:
        return read_batch(self._client, NOTES, list(ids), [BODY])

    def _marked(self, accounts: Sequence[str]) -> dict[str, NoteSeen]:
        """Of each account's notes the oldest with our mark."""
        if not accounts:
            return {}
        links = fetch_links(self._client, COMPANIES, NOTES, accounts)
        notes = {account: sorted({link.id for link in found}, key=int) for account, found in links.items()}
        wanted = {note for ids in notes.values() for note in ids}
        if len(wanted) > READ_ALL_BELOW:
            newest = {note for ids in notes.values() for note in ids[-NEWEST:]}
            wanted &= newest | set(self._searched())
        ours = {str(one["id"]): one for one in self._read(sorted(wanted, key=int)) if _mark(one)}
        first = {account: next((note for note in ids if note in ours), "") for account, ids in notes.items()}
        return {account: _seen(ours[note]) for account, note in first.items() if note}

    def _searched(self) -> Iterator[str]:
        filters = [{"propertyName": BODY, "operator": "CONTAINS_TOKEN", "value": NOTE_MARK.split()[0]}]
        for records, _ in search_pages(self._client, NOTES, filters, []):
            yield from (str(one["id"]) for one in records)

    # --- making --------------------------------------------------------------------------------------------------------------

    def _make(self, notes: Mapping[str, NewNote]) -> Iterator[Outcome]:
        now = str(int(self._portal.now().timestamp() * 1000))
        inputs = [_input(note, now) for note in notes.values()]
        by_mark = {_MARK.findall(note.body)[0]: account for account, note in notes.items() if _MARK.search(note.body)}

        def account_of(record: Record) -> str:
            return str(record.get(TRACE) or by_mark.get(_mark(record), ""))

        results = dict(
            write(self._client, f"{NOTE_BATCH}/create", inputs, doing="creating notes", key_of=account_of, repeatable=False)
        )
        silent = [account for account, result in results.items() if result.status == "unanswered"]
        late = self._after_silence(silent, notes)
        made: dict[str, str] = {}
        for account, result in results.items():
            note_id = str(result.record["id"]) if result.record is not None else late.get(account, "")
            if note_id:
                made[account] = note_id
                yield Outcome(account, "done", note_id)
            else:
                yield outcome(account, "", result, self._portal.record_url(account))
        self._pin(made)

    def _after_silence(self, accounts: Sequence[str], notes: Mapping[str, NewNote]) -> dict[str, str]:
        """What a call without an answer made is ours; nothing where this question has no answer either."""
        try:
            found = self._marked(accounts)
        except KamsyncError as error:
            self._client.log("note_lookup_failed", error=error.message)
            return {}
        return {
            account: seen.note_id
            for account, seen in found.items()
            if _MARK.findall(seen.body) == _MARK.findall(notes[account].body)
        }

    def _pin(self, made: Mapping[str, str]) -> None:
        """Where nobody has pinned anything. What HubSpot refuses here is no failure: the note is there."""
        if not made:
            return
        try:
            companies = list(read_batch(self._client, COMPANIES, list(made), [PINNED]))
            free = [str(one["id"]) for one in companies if not one["properties"].get(PINNED)]
            inputs = [{"id": account, "properties": {PINNED: made[account]}} for account in free if account in made]
            for account, result in write(self._client, "/crm/v3/objects/companies/batch/update", inputs, doing="pinning notes"):
                if result.status != "done":
                    self._client.log("note_not_pinned", account=account, error=result.message)
        except KamsyncError as error:
            self._client.log("notes_not_pinned", error=error.message)


def _input(note: NewNote, now: str) -> Record:
    properties = {"hs_timestamp": now, BODY: note.body}
    if note.owner_id:
        properties["hubspot_owner_id"] = note.owner_id
    company = {"to": {"id": note.account_id}, "types": [NOTE_TO_COMPANY]}
    return {"id": note.account_id, TRACE: note.account_id, "properties": properties, "associations": [company]}


def _seen(record: Record) -> NoteSeen:
    return NoteSeen(str(record["id"]), str(record["properties"].get(BODY) or ""))


def _mark(record: Record) -> str:
    found = _MARK.search(re.sub(r"<[^>]*>|&nbsp;", " ", str(record["properties"].get(BODY) or "")))
    return found[1] if found else ""

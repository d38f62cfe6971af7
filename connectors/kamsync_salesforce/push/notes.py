"""The note with an account's plan: a ContentNote, hung on the account by a ContentDocumentLink.

Both are made by one composite request, all or nothing (REST API, "Composite"), so that no note is left that hangs nowhere. Object
Reference, "ContentNote": the content is base64 HTML, of which Salesforce strips what it holds for unsafe and line breaks;
"ContentDocumentLink": a query must be narrowed to documents or records; ShareType I follows the record's own sharing.
"""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from kamsync.contract import NOTE_MARK
from kamsync.errors import KamsyncError
from kamsync.model.exchange import NewNote, NoteRef, NoteSeen, Outcome
from kamsync.portions import portions
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.composite import SUBREQUESTS, is_gone, is_good, outcome_of, send, subrequest
from kamsync_salesforce.api.errors import GONE, fault_of, is_unanswered
from kamsync_salesforce.translate import IDS_PER_QUERY, full_id, quote, select

NOTE, LINK = "ContentNote", "ContentDocumentLink"
PAIRS = SUBREQUESTS // 2
TITLE_LENGTH = 255


class Notes:
    """Notes of one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def fetch(self, notes: Sequence[NoteRef], *, whole: bool) -> Mapping[str, NoteSeen]:
        """By account id. Without `whole` the preview of a note, of 255 characters, stands for its body."""
        named = {note.note_id: note.account_id for note in notes if note.note_id}
        owners = self._on_accounts([note.account_id for note in notes if not note.note_id])
        found: dict[str, NoteSeen] = {}
        for record in self._records([*named, *owners]):
            note_id, preview = str(record["Id"]), str(record.get("TextPreview") or "")
            account = named.get(note_id, "") or (owners.get(note_id, "") if NOTE_MARK.strip() in preview else "")
            if account and account not in found:
                body = self._body(note_id) if whole else preview
                if body is not None:
                    found[account] = NoteSeen(note_id, body)
        return found

    def _on_accounts(self, accounts: Sequence[str]) -> dict[str, str]:
        """The accounts by the ids of all notes that hang on them."""
        found: dict[str, str] = {}
        for some in portions(accounts, IDS_PER_QUERY):
            listed = ", ".join(quote(account) for account in some)
            where = (f"LinkedEntityId IN ({listed})", "ContentDocument.FileType = 'SNOTE'")
            soql = select(LINK, ("ContentDocumentId", "LinkedEntityId"), where)
            for record in self._client.records(soql, doing="looking for notes"):
                note_id = full_id(str(record["ContentDocumentId"]))
                if note_id:  # by anything else no note is found, and a query that names it is refused whole
                    found[note_id] = str(record["LinkedEntityId"])
        return found

    def _records(self, ids: Sequence[str]) -> Iterator[Mapping[str, Any]]:
        """The notes that exist, the oldest first."""
        for some in portions(sorted(set(ids)), IDS_PER_QUERY):
            listed = ", ".join(quote(one) for one in some)
            soql = select(NOTE, ("Id", "TextPreview"), (f"Id IN ({listed})",), "CreatedDate, Id")
            yield from self._client.records(soql, doing="reading notes")

    def _body(self, note_id: str) -> str | None:
        """None where the note has gone since it was listed."""
        target = io.BytesIO()
        try:
            self._client.download(f"sobjects/{NOTE}/{note_id}/Content", target, doing="reading a note", accept="*/*")
        except KamsyncError as error:
            fault = fault_of(error)
            if fault is None or fault.code not in GONE:
                raise
            return None
        return target.getvalue().decode("utf-8", "replace")

    # --- writing -------------------------------------------------------------------------------------------------------------

    def write(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """New ones by twelve, then those that are updated by twenty-five."""
        for some in portions([note for note in notes if not note.note_id], PAIRS):
            yield from self._make(some)
        for some in portions([note for note in notes if note.note_id], SUBREQUESTS):
            asked = [self._request("PATCH", f"{NOTE}/{note.note_id}", f"r{at}", _content(note)) for at, note in enumerate(some)]
            for note, answer in zip(some, self._answered(asked, "updating notes"), strict=True):
                yield outcome_of(note.account_id, note.note_id, [answer])

    def delete(self, notes: Sequence[NoteRef]) -> Iterator[Outcome]:
        """To the recycle bin; the links go along."""
        for some in portions(notes, SUBREQUESTS):
            asked = [self._request("DELETE", f"{NOTE}/{note.note_id}", f"r{at}") for at, note in enumerate(some)]
            for note, answer in zip(some, self._answered(asked, "deleting notes"), strict=True):
                done = Outcome(note.account_id, "done", note.note_id)
                yield done if is_gone(answer) else outcome_of(note.account_id, note.note_id, [answer])

    def _make(self, notes: Sequence[NewNote]) -> Iterator[Outcome]:
        """Together; where one is refused, which takes the others along, each by itself."""
        requests = [one for place, note in enumerate(notes) for one in self._pair(note, place)]
        try:
            answers = send(self._client, requests, "creating notes", together=True)
        except KamsyncError as error:
            if not is_unanswered(error):
                raise
            yield from after_silence(self._client, notes, error, look=partial(self.fetch, whole=False), mark=_mark)
            return
        pairs = list(zip(answers[::2], answers[1::2], strict=True))
        if len(notes) > 1 and any(not is_good(answer) for answer in answers):
            for note in notes:
                yield from self._make([note])
            return
        for note, (made, linked) in zip(notes, pairs, strict=True):
            if is_good(made) and is_good(linked):
                body = made.get("body")
                yield Outcome(note.account_id, "done", str(body.get("id") or "") if isinstance(body, Mapping) else "")
            else:
                yield outcome_of(note.account_id, "", [made, linked])

    def _pair(self, note: NewNote, place: int) -> Iterator[dict[str, Any]]:
        yield self._request("POST", NOTE, f"note{place}", _content(note))
        link = {
            "ContentDocumentId": f"@{{note{place}.id}}",
            "LinkedEntityId": note.account_id,
            "ShareType": "I",
            "Visibility": "InternalUsers",  # not in a portal for customers
        }
        yield self._request("POST", LINK, f"link{place}", link)

    def _request(self, method: str, path: str, reference: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return subrequest(self._client, method, path, reference, body)

    def _answered(self, requests: Sequence[Mapping[str, Any]], doing: str) -> list[Mapping[str, Any]]:
        """What may be repeated; no answers where the line stays silent."""
        try:
            return send(self._client, requests, doing)
        except KamsyncError as error:
            if not is_unanswered(error):
                raise
            return [{} for _ in requests]


def _content(note: NewNote) -> dict[str, str]:
    return {"Title": note.title[:TITLE_LENGTH], "Content": b64encode(note.body.encode()).decode()}


def after_silence(
    client: Client,
    notes: Sequence[NewNote],
    error: KamsyncError,
    *,
    look: Callable[[Sequence[NoteRef]], Mapping[str, NoteSeen]],
    mark: Callable[[str], object],
) -> Iterator[Outcome]:
    """What a call that ended in `error`, without an answer, wrote is ours: the note that `look` finds has the same `mark`.

    Where this question has no answer either, the next run asks.
    """
    try:
        found = look([NoteRef(note.account_id, note.note_id) for note in notes])
    except KamsyncError as other:
        client.log("note_lookup_failed", error=other.message)
        found = {}
    for note in notes:
        seen = found.get(note.account_id)
        if seen is not None and mark(seen.body) == mark(note.body):
            yield Outcome(note.account_id, "done", seen.note_id)
        else:
            yield Outcome(note.account_id, "unknown", note.note_id, error.message)


def _mark(text: str) -> str:
    """What follows the mark's words, as long as a mark is."""
    _, _, rest = text.partition(NOTE_MARK.strip())
    return rest.strip()[:21]

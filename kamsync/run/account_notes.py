"""Notes with the plans of accounts: which there are, what is to be written, and writing it without touching a person's words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date

from kamsync.contract import Capabilities, Connection, KeepsNotes
from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, HeldBack, ReassignTask, UpdateAccount, WriteNote
from kamsync.decide.program import NO_TIER, Program
from kamsync.model.exchange import NewNote, NoteRef, NoteSeen
from kamsync.note_text import mark_in, marked, own_part, program_part, read_note, state_of
from kamsync.report.account_plan.note import note_html, note_title, own_part_html, state_values
from kamsync.report.account_plan.plan import AccountPlan, Step
from kamsync.run.account_plan import account_plan_of, portfolio_of
from kamsync.store.accounts import owners
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.notes import NO_MARK, KnownNote, keep_notes, known_notes, unlooked_accounts

EDITED = "a person edited the account plan's note: it is theirs now, and is not written over"
DELETED = "a person deleted the account plan's note; it is not made again"
NO_NOTES = "[plans] note = true has no effect: the connector of this CRM keeps no notes."


def learn_notes(connection: Connection, cache: Cache) -> None:
    """Asks the CRM for notes of key accounts of which nothing is known here: on the first run, or with a new cache."""
    accounts = unlooked_accounts(cache)
    if not accounts or not isinstance(connection, KeepsNotes):
        return
    seen = connection.fetch_notes([NoteRef(account, "") for account in accounts], whole=False)
    with cache.transaction():
        keep_notes(cache, (_known(account, seen.get(account)) for account in accounts))


def _known(account_id: str, seen: NoteSeen | None) -> KnownNote:
    mark = mark_in(seen.body) if seen is not None else None
    if seen is None or mark is None:
        return KnownNote(account_id, "", "none")
    return KnownNote(account_id, seen.note_id, "ours", mark)


def plan_notes(
    cache: Cache,
    program: Program,
    evaluation: Evaluation,
    as_of: date,
    changes: Sequence[Change],
    capabilities: Capabilities,
) -> tuple[list[WriteNote], list[HeldBack]]:
    """The notes that would be written, and those that are a person's. `changes`: the rest of the plan, which the notes show."""
    active = {owner.id for owner in owners(cache) if owner.is_active}
    known, portfolio = known_notes(cache), portfolio_of(cache, program, evaluation, as_of)
    scores = {change.account_id: change.fields["score"].after for change in _updates(changes) if "score" in change.fields}
    by_account: dict[str, list[Change]] = {}
    for change in changes:
        by_account.setdefault(change.account_id, []).append(change)
    notes: list[WriteNote] = []
    held: list[HeldBack] = []
    for decision, name, observed in evaluation.settled():
        account_id = decision.account_id
        note = known.get(account_id)
        has_one = note is not None and note.note_id != ""
        if decision.code == "group" or (decision.tier == NO_TIER and not has_one):
            continue
        page = account_plan_of(cache, program, evaluation, portfolio, account_id, as_of)
        page = replace(page, steps=tuple(_steps_after(page, by_account.get(account_id, ()), portfolio.owners)))
        score = scores.get(account_id, observed.get("score"))
        state = state_of(state_values(page, float(score) if isinstance(score, int | float) else None, program.language))
        if note is not None and note.mark.state == state:
            continue
        if note is not None and note.state == "theirs":
            if has_one:  # that one is gone was said when it was found, and there is nothing left to look at
                held.append(HeldBack(account_id, name, "account plan's note", EDITED))
            continue
        said = note_html(page, program, length=capabilities.note_length, keeps_goals=capabilities.keeps_goals)
        body, _ = marked(said, state)
        body += own_part_html(program)
        owner = str(evaluation.facts(account_id).get("owner_id") or "")
        owner = owner if owner in active else ""  # a CRM refuses a note in the name of somebody who has left
        why = "what it tells has changed" if has_one else "a key account, and no note with its plan"
        notes.append(
            WriteNote(account_id, name, note.note_id if note else "", owner, note_title(page, program), body, reasons=(why,))
        )
    return notes, held


def _updates(changes: Sequence[Change]) -> Iterator[UpdateAccount]:
    return (change for change in changes if isinstance(change, UpdateAccount))


def _steps_after(page: AccountPlan, changes: Sequence[Change], owners: Mapping[str, str]) -> Iterator[Step]:
    """The account's tasks as they are once its `changes` are carried out."""
    closed = {(c.subject, c.due) for c in changes if isinstance(c, CloseTask)}
    given = {(c.subject, c.due): c.new_owner_id for c in changes if isinstance(c, ReassignTask)}
    for step in page.steps:
        task = (step.subject, step.due)
        owner = owners.get(given[task], given[task]) if step.is_open and task in given else step.owner
        yield replace(step, is_open=step.is_open and task not in closed, owner=owner)
    for change in changes:
        if isinstance(change, CreateTask | AttachTask):
            yield Step(change.subject, change.due, owners.get(change.owner_id, change.owner_id), is_open=True)


def look_once_more(
    connection: KeepsNotes, cache: Cache, notes: Sequence[WriteNote]
) -> tuple[list[WriteNote], list[tuple[WriteNote, str]], dict[str, str]]:
    """Of what a plan would write, what may be written, each with what it replaces; the others with their reason; and by account
    what people keep in their own part of the note, which stays and is in neither of the two.

    One that stands there already, word for word, is in neither list.
    """
    seen = connection.fetch_notes([NoteRef(note.account_id, note.note_id) for note in notes])
    allowed: list[WriteNote] = []
    held: list[tuple[WriteNote, str]] = []
    found: list[KnownNote] = []
    kept: dict[str, str] = {}
    for note in notes:
        there = seen.get(note.account_id)
        if there is None and note.note_id:
            held.append((note, DELETED))
            found.append(KnownNote(note.account_id, "", "theirs"))
        elif there is None:
            allowed.append(replace(note, note_id=""))
        else:
            read, wanted = read_note(there.body), read_note(note.body)
            if read is None or not read.is_intact:
                held.append((note, EDITED))
                found.append(KnownNote(note.account_id, there.note_id, "theirs"))
            elif wanted is not None and read.mark == wanted.mark:
                found.append(KnownNote(note.account_id, there.note_id, "ours", read.mark))
            else:
                allowed.append(replace(note, note_id=there.note_id, before=program_part(there.body)))
                kept[note.account_id] = own_part(there.body)
    with cache.transaction():
        keep_notes(cache, found)
    return allowed, held, kept


def new_note(note: WriteNote, kept: str) -> NewNote:
    """What is sent. `kept`: people's part of the note that is there, "" where there is none."""
    body = program_part(note.body) + kept if kept else note.body
    return NewNote(note.account_id, note.note_id, note.owner_id, note.title, body)


def written_note(account_id: str, note_id: str, body: str) -> KnownNote:
    """What is known of a note that was just written."""
    return KnownNote(account_id, note_id, "ours", mark_in(body) or NO_MARK)

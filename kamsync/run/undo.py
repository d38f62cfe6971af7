"""Undo: the inverse of a run's journal as a plan like any other, record by record, leaving alone what people changed since.

Flags go back to what the run had found; tasks that nobody touched are removed and their keys freed. Undoing an undo is a redo:
the flags come again, and so do the tasks. Records are looked up in the CRM by id and key as they are now, so neither a lagging
index nor a lost answer hides anything.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from kamsync.contract import KeepsNotes
from kamsync.decide.guards import TierMoves
from kamsync.decide.plan import Change, DeleteNote, DeleteTask, FieldChange, HeldBack, ReassignTask, UpdateAccount
from kamsync.decide.task_values import CreatedTask
from kamsync.decide.updates import assemble_plan
from kamsync.errors import ConfigError, PlanRefused
from kamsync.flags import PEOPLES_WORD, same_value
from kamsync.model import Value
from kamsync.model.exchange import NoteRef, TaskRef, TaskSeen
from kamsync.note_text import mark_in, own_lines, program_part, read_note
from kamsync.run.apply import Applied
from kamsync.run.moments import new_run_id, today
from kamsync.run.planning import PlannedRun
from kamsync.run.recovery import NOTE_OPS, recover
from kamsync.run.refresh import refresh
from kamsync.run.second_look import GUARDED_FLAGS, NOTE
from kamsync.run.shell import Shell
from kamsync.run.sync import carry_out
from kamsync.store.accounts import flags_of, merged_into
from kamsync.store.journal import Entry, entries, fields_of, note_of, task_of
from kamsync.store.ledger import created_tasks
from kamsync.store.runs import Run, find_run, undone_by
from kamsync.store.schema import HAPPENED, Meta


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What undoing would write, and the run that it takes back."""

    planned: PlannedRun
    undone_run: str


def plan_undo(shell: Shell, run_id: str) -> UndoPlan:
    """Pulls, then compares what the run wrote with what the CRM shows now; writes nothing.

    Raises ConfigError for an unknown run, PlanRefused for one that was taken back already.
    """
    run = _run_to_undo(shell, run_id)
    now = shell.clock()
    summary = refresh(shell.connection, shell.cache, shell.config, now=now, progress=shell.read)
    recover(shell.connection, shell.cache, now)
    wrote = [entry for entry in entries(shell.cache, run.run_id) if entry.outcome in HAPPENED]
    changes: list[Change] = []
    held: list[HeldBack] = []
    _undo_updates(shell, run, [entry for entry in wrote if entry.op == "update_account"], changes, held)
    _undo_tasks(shell, run, [entry for entry in wrote if entry.op not in ("update_account", *NOTE_OPS)], changes, held)
    _undo_notes(shell, run, [entry for entry in wrote if entry.op in NOTE_OPS], changes, held)
    plan = assemble_plan(
        run_id=shell.run_id or new_run_id(now),
        as_of=today(shell.config, now),
        crm=shell.config.connector.kind,
        criteria_hash=shell.config.compiled.hash,
        base=run.run_id,
        changes=changes,
        held_back=held,
        org_id=shell.cache.meta(Meta.ORG_ID) or "",
    )
    touched = {change.account_id for change in changes} | {one.account_id for one in held}
    return UndoPlan(PlannedRun(plan, TierMoves(0, 0), {}, len(touched), lacking=summary.lacking), run.run_id)


def carry_out_undo(shell: Shell, undo: UndoPlan) -> Applied:
    """Writes the inverse plan, itself journalled, so that an undo can be undone."""
    return carry_out(shell, undo.planned, undoes=undo.undone_run)


def _run_to_undo(shell: Shell, run_id: str) -> Run:
    run = find_run(shell.cache, run_id)
    if run is None:
        raise ConfigError(f"There is no run {run_id!r} in the cache.", fix="`kamsync runs` lists them.")
    by = undone_by(shell.cache, run.run_id)
    if by is not None:
        raise PlanRefused(
            f"Run {run.run_id} was already undone, by {by.run_id} on {by.started_at[:10]}. Nothing was written.",
            fix=f"To write it again: kamsync undo {by.run_id}",
        )
    return run


def _undo_updates(shell: Shell, run: Run, found: Iterable[Entry], changes: list[Change], held: list[HeldBack]) -> None:
    """Flags back to what the run had found; of accounts that were merged on the one that lives on."""
    lives_on = merged_into(shell.cache)
    by_living: dict[str, list[Entry]] = defaultdict(list)
    for entry in found:
        by_living[lives_on.get(entry.account_id, entry.account_id)].append(entry)
    flags = sorted({flag for some in by_living.values() for entry in some for flag in entry.intent["fields"]} | set(PEOPLES_WORD))
    mapped = [flag for flag in flags if flag in shell.config.program.mapped_flags]
    shown = shell.connection.fetch_accounts(list(by_living), mapped) if by_living else {}
    for account_id, some in by_living.items():
        present = shown.get(account_id)
        chosen = _whose(account_id, some, present) if present is not None else None
        for entry in some:
            if present is None or entry is not chosen:
                where = "it is gone from the CRM" if present is None else f"it was merged into {account_id}"
                held.append(HeldBack(entry.account_id, entry.name, "account update", where))
        if present is not None and chosen is not None:
            _undo_update(account_id, chosen, run, present, changes, held)


def _whose(account_id: str, some: Sequence[Entry], present: Mapping[str, Value]) -> Entry | None:
    """The update whose record the living one still is; None where a merge left nobody's as the run had written it.

    Where the merge made a new id, that is told by what the record shows, and two that say the same must also take the same back.
    """
    own = [entry for entry in some if entry.account_id == account_id]
    if own:
        return own[0]
    same = [entry for entry in some if all(same_value(present.get(flag), one.after) for flag, one in _moved(entry).items())]
    return same[0] if same and all(_moved(entry) == _moved(same[0]) for entry in same) else None


def _moved(entry: Entry) -> dict[str, FieldChange]:
    return {flag: change for flag, change in fields_of(entry).items() if not same_value(change.before, change.after)}


def _undo_update(
    account_id: str, entry: Entry, run: Run, present: Mapping[str, Value], changes: list[Change], held: list[HeldBack]
) -> None:
    back, kept = _fields_back(fields_of(entry), present)
    if kept:
        reason = f"{', '.join(kept)} changed since the run; what people or later runs wrote stays"
        held.append(HeldBack(account_id, entry.name, "account update", reason))
    if back:
        changes.append(UpdateAccount(account_id, entry.name, MappingProxyType(back), (f"undo of run {run.run_id}",)))


def _fields_back(wrote: Mapping[str, FieldChange], present: Mapping[str, Value]) -> tuple[dict[str, FieldChange], list[str]]:
    """The fields to write back, and those that stay because they are no longer as the run left them.

    Where the tier or the override is no longer the run's, nothing of the record is touched: what was decided stays noted beside
    the tier that a person chose, so that the next run knows it for theirs.
    """
    moved = [flag for flag, change in wrote.items() if not same_value(change.before, change.after)]
    foreign = [flag for flag in moved if not same_value(present.get(flag), wrote[flag].after)]
    theirs = [flag for flag in foreign if not same_value(present.get(flag), wrote[flag].before)]
    if any(flag in GUARDED_FLAGS for flag in theirs):
        return {}, theirs
    settling = [flag for flag in moved if flag in GUARDED_FLAGS]
    as_before = [flag for flag in settling if flag in foreign]
    if as_before and as_before != settling:
        return {}, as_before  # a record is written whole: what is as before the run beside what the run left is a person's choice
    back = {flag: FieldChange(wrote[flag].after, wrote[flag].before) for flag in moved if flag not in foreign}
    return back, theirs


def _undo_tasks(shell: Shell, run: Run, found: Iterable[Entry], changes: list[Change], held: list[HeldBack]) -> None:
    undone = ("create_task", "delete_task", "reassign_task")
    some = [entry for entry in found if entry.op in undone or _hold_closed(entry, held)]
    if not some:
        return
    refs = [TaskRef(entry.ref, "" if entry.op == "delete_task" else entry.record_id or "") for entry in some]
    seen = shell.connection.fetch_tasks(refs)
    made = created_tasks(shell.cache)
    for entry in some:
        if entry.op == "create_task":
            _undo_creation(entry, run, seen.get(entry.ref), made.get(entry.ref), changes, held)
        elif entry.op == "reassign_task":
            _undo_hand_over(entry, run, seen.get(entry.ref), made.get(entry.ref), changes, held)
        else:
            _redo_creation(shell, entry, run, seen.get(entry.ref), changes, held)


def _undo_notes(shell: Shell, run: Run, found: Sequence[Entry], changes: list[Change], held: list[HeldBack]) -> None:
    """A new note goes, an older one says again what it said; one that is no longer as the run left it stays."""
    if not found or not isinstance(shell.connection, KeepsNotes):
        return
    seen = shell.connection.fetch_notes([NoteRef(entry.account_id, entry.record_id or "") for entry in found])
    why = (f"undo of run {run.run_id}",)
    for entry in found:
        note, there = note_of(entry), seen.get(entry.account_id)
        if entry.op == "delete_note":
            if there is None:
                changes.append(replace(note, note_id="", before="", reasons=why))
            else:
                held.append(HeldBack(entry.account_id, entry.name, NOTE, "there is a note again"))
            continue
        read = read_note(there.body) if there is not None else None
        if there is None or read is None or not read.is_intact or read.mark != mark_in(note.body):
            gone = "it is gone from the CRM" if there is None else "it has changed since the run"
            held.append(HeldBack(entry.account_id, entry.name, NOTE, gone))
        elif note.before:
            before = program_part(there.body)
            changes.append(replace(note, note_id=there.note_id, body=note.before, before=before, reasons=why))
        elif own_lines(there.body):
            held.append(HeldBack(entry.account_id, entry.name, NOTE, "a person wrote objectives into it"))
        else:
            changes.append(DeleteNote(entry.account_id, entry.name, there.note_id, note, why))


def _hold_closed(entry: Entry, held: list[HeldBack]) -> bool:
    if entry.op == "close_task":
        what = f'task "{entry.intent["subject"]}"'
        held.append(HeldBack(entry.account_id, entry.name, what, "a closed task is not opened again", entry.ref))
    return False


def _undo_hand_over(
    entry: Entry, run: Run, seen: TaskSeen | None, made: CreatedTask | None, changes: list[Change], held: list[HeldBack]
) -> None:
    """Back to the person who had it, where it is still as the run had left it."""
    if seen is None or seen.is_deleted:
        return
    before, after = str(entry.intent["owner_id"]), str(entry.intent["new_owner_id"])
    if seen.is_open and seen.owner_id == after and made is not None and (seen.subject, seen.due) == (made.subject, made.due):
        account_id, why = seen.account_id or entry.account_id, (f"undo of run {run.run_id}",)
        changes.append(ReassignTask(entry.ref, seen.task_id, account_id, entry.name, seen.subject, after, seen.due, before, why))
    else:
        held.append(HeldBack(entry.account_id, entry.name, f'task "{seen.subject}"', "a person worked on it", entry.ref))


def _undo_creation(
    entry: Entry, run: Run, seen: TaskSeen | None, made: CreatedTask | None, changes: list[Change], held: list[HeldBack]
) -> None:
    """Only what the run itself made goes; one that was there before it is not the run's. `made`: whose it became since."""
    if entry.outcome != "done" or seen is None or seen.is_deleted:
        return
    task = task_of(entry)
    task = replace(task, owner_id=made.owner_id) if made is not None else task
    if seen.is_open and (seen.owner_id, seen.subject, seen.due) == (task.owner_id, task.subject, task.due):
        why = (f"undo of run {run.run_id}",)
        account_id = seen.account_id or entry.account_id
        changes.append(DeleteTask(entry.ref, seen.task_id, account_id, entry.name, task.subject, task, why))
    else:
        held.append(HeldBack(entry.account_id, entry.name, f'task "{seen.subject}"', "a person worked on it", entry.ref))


def _redo_creation(
    shell: Shell, entry: Entry, run: Run, seen: TaskSeen | None, changes: list[Change], held: list[HeldBack]
) -> None:
    task = task_of(entry)
    if seen is not None:
        held.append(HeldBack(entry.account_id, entry.name, f'task "{task.subject}"', "its key exists again", entry.ref))
    elif flags_of(shell.cache, entry.account_id, ()) is None:  # of a merged one the next plan sees what the survivor lacks
        held.append(
            HeldBack(entry.account_id, entry.name, f'task "{task.subject}"', "its account is gone from the CRM", entry.ref)
        )
    else:
        due = max(task.due, today(shell.config, shell.clock()))
        changes.append(replace(task, due=due, reasons=(f"undo of run {run.run_id}",)))

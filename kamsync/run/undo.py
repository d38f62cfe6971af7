"""Undo: the inverse of a run's journal, record by record, leaving alone what people changed since."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from kamsync.decide.plan import FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.decide.updates import assemble_plan
from kamsync.errors import ConfigError
from kamsync.flags import FLAG_PREFIX
from kamsync.model import TaskRef, Value
from kamsync.run.apply import Applied, Applier
from kamsync.run.moments import new_run_id, today
from kamsync.run.refresh import refresh
from kamsync.run.shell import Shell
from kamsync.store.journal import Entry, entries, fields_of, find_run, finish_run, start_run


@dataclass(frozen=True, slots=True)
class UndoPlan:
    """What undoing would write: flags back to what the run had found, tasks that nobody touched to delete."""

    plan: Plan
    tasks: tuple[tuple[TaskRef, str], ...]  # with the account's name
    undone_run: str


def plan_undo(shell: Shell, run_id: str) -> UndoPlan:
    """Pulls, then compares what the run wrote with what the CRM shows now. Raises ConfigError for an unknown run."""
    run = find_run(shell.cache, run_id)
    if run is None:
        raise ConfigError(f"There is no run {run_id!r} in the cache.", fix="`kamsync runs` lists them.")
    refresh(shell.connection, shell.cache, shell.config, now=shell.clock(), progress=shell.progress)
    updates: list[UpdateAccount] = []
    held: list[HeldBack] = []
    tasks: list[tuple[TaskRef, str]] = []
    for entry in entries(shell.cache, run.run_id):
        if entry.outcome not in ("done", "unknown", None):
            continue
        if entry.op == "update_account":
            _undo_update(shell, entry, updates, held)
        elif entry.op == "create_task":
            _undo_task(shell, entry, tasks, held)
        else:
            held.append(HeldBack(entry.account_id, entry.intent["name"], "closed task", "a closed task is not opened again"))
    now = shell.clock()
    plan = assemble_plan(
        run_id=new_run_id(now),
        as_of=today(shell.config, now),
        crm=shell.config.connector.kind,
        criteria_hash="",
        base=run.run_id,
        updates=updates,
        held_back=held,
    )
    return UndoPlan(plan, tuple(tasks), run.run_id)


def carry_out_undo(shell: Shell, undo: UndoPlan) -> Applied:
    """Writes the inverse plan, itself journalled, so that an undo can be undone."""
    start_run(shell.cache, undo.plan.run_id, "undo", shell.clock(), undo.plan.as_of)
    applied = Applier(shell.connection, shell.cache, shell.clock, shell.stopping).apply(undo.plan)
    names = {ref.key: name for ref, name in undo.tasks}
    for outcome in shell.connection.delete_tasks([ref for ref, _ in undo.tasks]):
        if outcome.status in ("done", "existed"):
            applied.closed += 1
            with shell.cache.bookkeeping() as connection:
                connection.execute("UPDATE task_ledger SET status = 'undone' WHERE key = ?", (outcome.ref,))
                connection.execute("UPDATE tasks SET is_open = 0, is_deleted = 1 WHERE key = ?", (outcome.ref,))
        else:
            applied.rejected.append((names[outcome.ref], outcome.message, outcome.url))
    finish_run(
        shell.cache,
        undo.plan.run_id,
        "done" if applied.complete else "partial",
        shell.clock(),
        applied.summary(),
        message=f"undo of {undo.undone_run}",
    )
    return applied


def _undo_update(shell: Shell, entry: Entry, updates: list[UpdateAccount], held: list[HeldBack]) -> None:
    wrote = fields_of(entry)
    present = _present(shell, entry.account_id, wrote)
    name = entry.intent["name"]
    if present is None:
        held.append(HeldBack(entry.account_id, name, "account update", "the account is gone from the CRM"))
        return
    back = {}
    for flag, change in wrote.items():
        if _same(present[flag], change.after):
            back[flag] = FieldChange(change.after, change.before)
        elif not _same(present[flag], change.before):
            held.append(HeldBack(entry.account_id, name, flag, "changed since the run; it stays as it is"))
    if back:
        why = (f"undo of run {entry.intent.get('run', '')}".strip(),)
        updates.append(UpdateAccount(entry.account_id, name, MappingProxyType(back), why))


def _present(shell: Shell, account_id: str, wrote: Mapping[str, FieldChange]) -> dict[str, Value] | None:
    columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in wrote)
    row = shell.cache.connection.execute(f"SELECT {columns} FROM accounts WHERE id = ?", (account_id,)).fetchone()
    return None if row is None else dict(zip(wrote, row, strict=True))


def _same(shown: Value, written: Value) -> bool:
    """Equal as the CRM stores it: scores to the cent, dates as text, instants to the second."""
    if isinstance(shown, float | int) and isinstance(written, float | int):
        return abs(shown - written) < 0.005
    if isinstance(written, date):
        return str(shown or "")[:19] == written.isoformat()[:19]
    return (shown or None) == (written or None)


def _undo_task(shell: Shell, entry: Entry, tasks: list[tuple[TaskRef, str]], held: list[HeldBack]) -> None:
    row = shell.cache.connection.execute(
        "SELECT id, owner_id, subject, due, is_open, coalesce(is_deleted, 0) FROM tasks WHERE key = ?", (entry.ref,)
    ).fetchone()
    name = entry.intent["name"]
    if row is None or row[5]:
        return  # nobody sees it any more
    task_id, owner_id, subject, due, is_open, _ = row
    untouched = (owner_id, subject, due) == (entry.intent["owner_id"], entry.intent["subject"], entry.intent["due"])
    if is_open and untouched:
        tasks.append((TaskRef(entry.ref, task_id), name))
    else:
        held.append(HeldBack(entry.account_id, name, f'task "{subject}"', "a person worked on it", entry.ref))

"""Recovery: what an earlier run left open is looked up in the CRM and settled, before anything new is planned.

A run that was killed, or that got no answer, leaves intents without an outcome in the journal. What a record or a key shows
now counts, not what an answer said: it happened, it did not, or people changed the record since and nobody can tell. Journal,
history, cache and ledger are corrected; what did not happen is wanted again by the plan that follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never, cast

from kamsync.contract import Connection, KeepsNotes
from kamsync.decide.plan import Op
from kamsync.flags import same_value
from kamsync.model import Value
from kamsync.model.exchange import NoteRef, TaskRef, TaskSeen
from kamsync.note_text import mark_in
from kamsync.store.accounts import keep_flags, merged_into
from kamsync.store.database import Cache
from kamsync.store.history import settle_history
from kamsync.store.journal import Entry, Settled, fields_of, settle_entries, task_of, unsettled
from kamsync.store.ledger import Made, Status, free_keys, keep_made, keep_seen, mark_attached, mark_closed, mark_reassigned
from kamsync.store.notes import KnownNote, keep_notes

NOTE_OPS = ("write_note", "delete_note")


def recover(connection: Connection, cache: Cache, now: datetime) -> int:
    """Settles every open entry of earlier runs; returns how many there were. Raises what the connector raises."""
    found = unsettled(cache)
    updates = [entry for entry in found if entry.op == "update_account"]
    if updates:
        _settle_updates(connection, cache, updates, now)
    notes = [entry for entry in found if entry.op in NOTE_OPS]
    if notes and isinstance(connection, KeepsNotes):
        _settle_notes(connection, cache, notes, now)
    others = [entry for entry in found if entry.op not in ("update_account", *NOTE_OPS)]
    if others:
        _settle_tasks(connection, cache, others, now)
    return len(found)


def _settle_updates(connection: Connection, cache: Cache, found: Sequence[Entry], now: datetime) -> None:
    lives_on = merged_into(cache)
    ids = {entry.account_id: lives_on.get(entry.account_id, entry.account_id) for entry in found}
    flags = sorted({flag for entry in found for flag in entry.intent["fields"]})
    shown = connection.fetch_accounts(sorted(set(ids.values())), flags)
    settled = [(entry, how_it_went(entry, shown.get(ids[entry.account_id]))) for entry in found]
    with cache.transaction():
        settle_entries(cache, ((entry, how, "") for entry, how in settled), now)
        for account_id in set(ids.values()) & shown.keys():
            keep_flags(cache, account_id, shown[account_id])
        for entry, how in settled:
            settle_history(cache, entry.run_id, {entry.account_id, ids[entry.account_id]}, happened=how == "done")


def how_it_went(entry: Entry, shown: Mapping[str, Value] | None) -> Settled:
    """Whether an account update was written, by what the record shows now: one record is written whole or not at all."""
    if shown is None:
        return "unclear"
    moved = {flag: change for flag, change in fields_of(entry).items() if not same_value(change.before, change.after)}
    if any(same_value(shown.get(flag), change.after) for flag, change in moved.items()):
        return "done"
    return "absent" if all(same_value(shown.get(flag), change.before) for flag, change in moved.items()) else "unclear"


def _settle_notes(connection: KeepsNotes, cache: Cache, found: Sequence[Entry], now: datetime) -> None:
    """By the mark of the note that is on the account now. What a person made of it since is not looked at here."""
    lives_on = merged_into(cache)
    accounts = sorted({lives_on.get(entry.account_id, entry.account_id) for entry in found})
    seen = connection.fetch_notes([NoteRef(account_id, "") for account_id in accounts])
    with cache.transaction():
        settled: list[tuple[Entry, Settled, str]] = []
        for entry in found:
            there = seen.get(lives_on.get(entry.account_id, entry.account_id))
            mark = mark_in(there.body) if there is not None else None
            if entry.op == "delete_note":
                how: Settled = "done" if there is None else "absent"
            else:
                how = "done" if mark is not None and mark == mark_in(str(entry.intent["body"])) else "absent"
            settled.append((entry, how, there.note_id if there is not None else ""))
            if there is None:
                keep_notes(cache, [KnownNote(entry.account_id, "", "none")])
            elif mark is not None:
                keep_notes(cache, [KnownNote(entry.account_id, there.note_id, "ours", mark)])
        settle_entries(cache, settled, now)


def _settle_tasks(connection: Connection, cache: Cache, found: Sequence[Entry], now: datetime) -> None:
    seen = connection.fetch_tasks([TaskRef(entry.ref, _task_id(entry)) for entry in found])
    with cache.transaction():
        settled = [(entry, *_settle_task(cache, entry, seen.get(entry.ref))) for entry in found]
        settle_entries(cache, settled, now)


def _task_id(entry: Entry) -> str:
    return str(entry.intent.get("task_id") or entry.record_id or "")


def _settle_task(cache: Cache, entry: Entry, seen: TaskSeen | None) -> tuple[Settled, str]:
    """How it is, and the task's id; keeps what follows from it."""
    task_id = seen.task_id if seen is not None else ""
    match cast(Op, entry.op):
        case "create_task":
            if seen is None or not seen.key:
                return "absent", ""
            task = task_of(entry)
            status: Status = "created" if seen.account_id else "loose"
            keep_made(
                cache, [Made(task.key, task.account_id, task_id, task.owner_id, task.subject, task.due, status, entry.run_id)]
            )
            keep_seen(cache, task.key, seen)
            return "done", task_id
        case "attach_task":
            if seen is None or not seen.account_id:
                return "absent", task_id
            mark_attached(cache, [(entry.ref, seen.account_id)])
            return "done", task_id
        case "reassign_task":
            if seen is None or seen.is_deleted:
                return "done", task_id
            if seen.owner_id != entry.intent["new_owner_id"]:
                return ("absent" if seen.owner_id == entry.intent["owner_id"] else "unclear"), task_id
            mark_reassigned(cache, [(entry.ref, seen.owner_id)])
            return "done", task_id
        case "close_task":
            if seen is not None and seen.is_open and not seen.is_deleted:
                return "absent", task_id
            mark_closed(cache, [entry.ref])
            return "done", task_id
        case "delete_task":
            if seen is not None and not seen.is_deleted:
                return ("absent" if seen.key else "halved"), task_id
            free_keys(cache, [entry.ref])
            return "done", task_id
        case ("update_account" | "write_note" | "delete_note") as other:
            raise ValueError(f"{other} is no write of a task")
        case never:
            assert_never(never)

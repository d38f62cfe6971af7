"""Carries a plan out: looks again, notes each write before it happens, writes, and keeps what the CRM answered.

Flags come first, then the tasks that follow from them. An account or a task that a person changed since the plan was made is
held back, and an account whose update was held back or refused gets no tasks. One refused record never stops another.
Interrupting between batches leaves a state from which the next run goes on (run.recovery).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime
from itertools import count
from typing import TypeVar

from kamsync.contract import Connection, HandsTasksOver, KeepsNotes
from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    HeldBack,
    Plan,
    ReassignTask,
    UpdateAccount,
    WriteNote,
    account_name_of,
    op_of,
    ref_of,
)
from kamsync.log import log
from kamsync.model.exchange import AccountUpdate, NewTask, NoteRef, Outcome, TaskHandOver, TaskRef
from kamsync.run.account_notes import look_once_more, new_note, written_note
from kamsync.run.second_look import NOTE, changed_accounts, following, untouched
from kamsync.store.accounts import forget_inherited_overrides, keep_flags
from kamsync.store.database import Cache
from kamsync.store.history import Remembered, remember, settle_history
from kamsync.store.journal import note_intents, note_outcomes
from kamsync.store.ledger import free_keys, keep_made, made_from, mark_attached, mark_closed, mark_reassigned
from kamsync.store.notes import KnownNote, keep_notes
from kamsync.store.schema import HAPPENED

TOLD = 200  # times that progress is told of one kind of write
BATCH = 200  # answers that are kept together
CHUNK = 20_000  # writes that are noted together; a connector may make one bulk job of them
SETTLE_AN_ENTRY = ("tier", "since")  # what the tasks of an entry, and their keys, follow from
T = TypeVar("T", bound=Change)
F = TypeVar("F", CreateTask, WriteNote)
E = TypeVar("E", ReassignTask, CloseTask, DeleteTask)


@dataclass
class Applied:
    """What came of a plan. `rejected` are (account name or key, the CRM's words, link)."""

    updated: int = 0
    created: int = 0
    existed: int = 0
    attached: int = 0
    reassigned: int = 0
    closed: int = 0
    deleted: int = 0
    notes: int = 0
    unknown: int = 0
    rejected: list[tuple[str, str, str]] = dataclass_field(default_factory=list)
    held_back: list[HeldBack] = dataclass_field(default_factory=list)
    stopped: bool = False

    @property
    def complete(self) -> bool:
        """Whether every write was answered and none refused; what was held back is as it should be."""
        return not self.rejected and not self.unknown and not self.stopped

    def summary(self) -> dict[str, int]:
        """Counts, as `runs` and `--json` show them."""
        return {
            "updated": self.updated,
            "created": self.created,
            "existed": self.existed,
            "attached": self.attached,
            "reassigned": self.reassigned,
            "closed": self.closed,
            "deleted": self.deleted,
            "notes": self.notes,
            "rejected": len(self.rejected),
            "unknown": self.unknown,
            "held_back": len(self.held_back),
        }


@dataclass(frozen=True)
class Applier:
    """Everything that carrying out needs. `stopping` is asked between batches; `history` has the decisions by account id.

    `progress(what, so far, of how many)` is called as answers arrive."""

    connection: Connection
    cache: Cache
    run_id: str
    clock: Callable[[], datetime]
    stopping: Callable[[], bool]
    history: Mapping[str, Remembered]
    mapped_flags: Collection[str]
    progress: Callable[[str, int, int | None], None]

    def apply(self, plan: Plan) -> Applied:
        """Writes the plan; never raises for a record, only for what stops the whole (no network, no access, no calls left)."""
        applied = Applied()
        held, updates = changed_accounts(self.connection, self.cache, plan, self.mapped_flags)
        applied.held_back += updates
        refused = self._update([c for c in plan.changes if isinstance(c, UpdateAccount) and c.account_id not in held], applied)
        self._create(self._allowed([c for c in plan.changes if isinstance(c, CreateTask)], held | refused, applied), applied)
        self._attach([c for c in plan.changes if isinstance(c, AttachTask)], applied)
        self._reassign([c for c in plan.changes if isinstance(c, ReassignTask)], applied)
        self._close([c for c in plan.changes if isinstance(c, CloseTask)], applied)
        self._delete([c for c in plan.changes if isinstance(c, DeleteTask)], applied)
        if isinstance(self.connection, KeepsNotes):
            notes = self._allowed([c for c in plan.changes if isinstance(c, WriteNote)], held | refused, applied)
            self._write_notes(self.connection, notes, applied)
            self._delete_notes(self.connection, [c for c in plan.changes if isinstance(c, DeleteNote)], applied)
        return applied

    def _allowed(self, changes: Sequence[F], held: set[str], applied: Applied) -> list[F]:
        applied.held_back += following(changes, held)
        return [change for change in changes if change.account_id not in held]

    def _untouched(
        self, changes: Sequence[E], expected: Callable[[E], tuple[str, str, date | None]], applied: Applied
    ) -> list[E]:
        kept, held = untouched(self.connection, changes, expected)
        applied.held_back += held
        return kept

    def _chunks(self, changes: Sequence[T], applied: Applied) -> Iterator[Sequence[T]]:
        """Portions whose intents are noted before the first call of each."""
        for start in range(0, len(changes), CHUNK):
            if self._stops(applied):
                return
            chunk = changes[start : start + CHUNK]
            pending = [self.history[c.account_id] for c in chunk if isinstance(c, UpdateAccount) and c.account_id in self.history]
            with self.cache.transaction():
                note_intents(self.cache, self.run_id, chunk)
                remember(self.cache, pending, settled=False)
            yield chunk

    def _stops(self, applied: Applied) -> bool:
        applied.stopped = applied.stopped or self.stopping()
        return applied.stopped

    def _telling(self, what: str, total: int) -> Callable[[Iterable[Outcome]], Iterator[Outcome]]:
        """Passes outcomes on, chunk after chunk, and tells some two hundred times how many of the `total` have come."""
        arrived, step = count(1), max(1, total // TOLD)

        def tell(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
            for outcome in outcomes:
                so_far = next(arrived)
                if so_far % step == 0 or so_far == total:
                    self.progress(what, so_far, total)
                yield outcome

        return tell

    def _batches(self, outcomes: Iterable[Outcome], applied: Applied) -> Iterator[list[Outcome]]:
        """Outcomes as they arrive, in portions small enough that a kill loses little; none after somebody wants to stop."""
        batch: list[Outcome] = []
        for outcome in outcomes:
            batch.append(outcome)
            if len(batch) >= BATCH:
                yield batch
                batch = []
                if self._stops(applied):
                    return
        if batch:
            yield batch

    def _write(
        self,
        what: str,
        changes: Sequence[T],
        push: Callable[[Sequence[T]], Iterable[Outcome]],
        keep: Callable[[Sequence[Outcome]], None],
        applied: Applied,
    ) -> int:
        """Carries one kind of change out; returns how many of them the CRM now shows.

        `push` asks the CRM; `keep` tells the cache what came of it, in one transaction with the journal; `what` is how progress
        is told.
        """
        names = {ref_of(change): account_name_of(change) for change in changes}
        told = self._telling(what, len(changes))
        happened = 0
        for chunk in self._chunks(changes, applied):
            op = op_of(chunk[0])
            for outcomes in self._batches(told(push(chunk)), applied):
                with self.cache.transaction():
                    self._note(op, outcomes)
                    keep(outcomes)
                happened += len(_done(outcomes))
                applied.unknown += sum(o.status == "unknown" for o in outcomes)
                applied.rejected += [(names.get(o.ref, o.ref), o.message, o.url) for o in outcomes if o.status == "rejected"]
        return happened

    def _note(self, op: str, outcomes: Sequence[Outcome]) -> None:
        note_outcomes(self.cache, self.run_id, op, outcomes, self.clock())
        for one in outcomes:
            log().debug("write", op=op, ref=one.ref, outcome=one.status, record_id=one.record_id, said=one.message)

    def _update(self, updates: Sequence[UpdateAccount], applied: Applied) -> set[str]:
        """Writes flags; returns the accounts whose tier, or since when they are in it, did not go through."""
        by_id = {u.account_id: u for u in updates}
        written: set[str] = set()

        def keep(outcomes: Sequence[Outcome]) -> None:
            done = _done(outcomes)
            self._keep_what_was_written([by_id[ref] for ref in done], [o.ref for o in outcomes if o.status == "rejected"])
            written.update(done)

        applied.updated += self._write(
            "accounts written",
            updates,
            lambda chunk: self.connection.push_accounts([_account_update(u) for u in chunk]),
            keep,
            applied,
        )
        return {u.account_id for u in updates if u.account_id not in written and not u.fields.keys().isdisjoint(SETTLE_AN_ENTRY)}

    def _keep_what_was_written(self, updates: Sequence[UpdateAccount], rejected: Sequence[str]) -> None:
        """The cache shows at once what the CRM now shows, so that the echo of our own writes changes nothing."""
        for update in updates:
            keep_flags(self.cache, update.account_id, {flag: change.after for flag, change in update.fields.items()})
        forget_inherited_overrides(self.cache, [u.account_id for u in updates if "override" in u.fields])
        settle_history(self.cache, self.run_id, [u.account_id for u in updates], happened=True)
        settle_history(self.cache, self.run_id, rejected, happened=False)

    def _create(self, creates: Sequence[CreateTask], applied: Applied) -> None:
        by_key = {c.key: c for c in creates}
        existed = 0

        def keep(outcomes: Sequence[Outcome]) -> None:
            nonlocal existed
            made = [made_from(by_key[o.ref], o, self.run_id) for o in outcomes]
            keep_made(self.cache, [one for one in made if one is not None])
            existed += sum(o.status == "existed" for o in outcomes)

        happened = self._write(
            "tasks created", creates, lambda chunk: self.connection.create_tasks([_new_task(c) for c in chunk]), keep, applied
        )
        applied.created += happened - existed
        applied.existed += existed

    def _attach(self, attaches: Sequence[AttachTask], applied: Applied) -> None:
        """Asking to create a key that exists repairs what is missing, and makes nothing."""
        accounts = {c.key: c.account_id for c in attaches}
        applied.attached += self._write(
            "tasks attached",
            attaches,
            lambda chunk: self.connection.create_tasks(
                [NewTask(c.key, c.account_id, c.owner_id, c.subject, "", c.due) for c in chunk]
            ),
            lambda outcomes: mark_attached(self.cache, [(key, accounts[key]) for key in _done(outcomes)]),
            applied,
        )

    def _reassign(self, reassigns: Sequence[ReassignTask], applied: Applied) -> None:
        untouched = self._untouched(reassigns, lambda c: (c.owner_id, c.subject, c.due), applied)
        if not untouched:
            return
        connection = self.connection
        assert isinstance(connection, HandsTasksOver)  # the plan asks no other for it
        owners = {c.key: c.new_owner_id for c in untouched}
        applied.reassigned += self._write(
            "tasks handed over",
            untouched,
            lambda chunk: connection.reassign_tasks([TaskHandOver(c.key, c.task_id, c.new_owner_id) for c in chunk]),
            lambda outcomes: mark_reassigned(self.cache, [(key, owners[key]) for key in _done(outcomes)]),
            applied,
        )

    def _close(self, closes: Sequence[CloseTask], applied: Applied) -> None:
        applied.closed += self._write(
            "tasks closed",
            self._untouched(closes, lambda c: (c.owner_id, c.subject, c.due), applied),
            lambda chunk: self.connection.close_tasks([TaskRef(c.key, c.task_id) for c in chunk]),
            lambda outcomes: mark_closed(self.cache, _done(outcomes)),
            applied,
        )

    def _delete(self, deletes: Sequence[DeleteTask], applied: Applied) -> None:
        applied.deleted += self._write(
            "tasks removed",
            self._untouched(deletes, lambda c: (c.task.owner_id, c.task.subject, c.task.due), applied),
            lambda chunk: self.connection.delete_tasks([TaskRef(c.key, c.task_id) for c in chunk]),
            lambda outcomes: free_keys(self.cache, _done(outcomes)),
            applied,
        )

    def _write_notes(self, connection: KeepsNotes, notes: Sequence[WriteNote], applied: Applied) -> None:
        """A note that a person edited or deleted since is left alone; what is replaced goes into the journal first."""
        if not notes or self._stops(applied):
            return
        allowed, theirs, kept = look_once_more(connection, self.cache, notes)
        applied.held_back += [HeldBack(note.account_id, note.account_name, NOTE, reason) for note, reason in theirs]
        bodies = {note.account_id: note.body for note in allowed}
        applied.notes += self._write(
            "notes written",
            allowed,
            lambda chunk: connection.write_notes([new_note(one, kept.get(one.account_id, "")) for one in chunk]),
            lambda outcomes: keep_notes(
                self.cache, (written_note(o.ref, o.record_id, bodies[o.ref]) for o in outcomes if o.status in HAPPENED)
            ),
            applied,
        )

    def _delete_notes(self, connection: KeepsNotes, notes: Sequence[DeleteNote], applied: Applied) -> None:
        applied.notes += self._write(
            "notes removed",
            notes,
            lambda chunk: connection.delete_notes([NoteRef(one.account_id, one.note_id) for one in chunk]),
            lambda outcomes: keep_notes(self.cache, (KnownNote(account_id, "", "none") for account_id in _done(outcomes))),
            applied,
        )


def _done(outcomes: Sequence[Outcome]) -> list[str]:
    """Keys or ids of what the CRM now shows."""
    return [o.ref for o in outcomes if o.status in HAPPENED]


def _account_update(update: UpdateAccount) -> AccountUpdate:
    return AccountUpdate(update.account_id, update.name, {flag: change.after for flag, change in update.fields.items()})


def _new_task(task: CreateTask) -> NewTask:
    return NewTask(task.key, task.account_id, task.owner_id, task.subject, task.body, task.due, task.priority, task.type)

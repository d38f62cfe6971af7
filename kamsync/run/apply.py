"""Carries a plan out: looks again, notes each write before it happens, writes, and keeps what the CRM answered.

Order is the plan's: tasks before flags (decide.plan says why). An account that a person changed since the plan was made is held
back. One refused record never stops another. Interrupting between batches leaves a state from which the next run goes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import datetime
from typing import TypeVar

from kamsync.contract import Connection
from kamsync.decide.plan import CloseTask, CreateTask, HeldBack, Plan, UpdateAccount
from kamsync.decide.program import NO_TIER
from kamsync.flags import FLAG_PREFIX, FLAGS, from_json, to_json
from kamsync.model import AccountUpdate, NewTask, Outcome, TaskRef, Value
from kamsync.store.database import Cache
from kamsync.store.history import Remembered, remember
from kamsync.store.journal import note_intents, note_outcomes

CHUNK = 20_000  # writes between two looks at `stopping`; a connector may make one bulk job of them
T = TypeVar("T")
GUARDED_FLAGS = ("tier", "override", "override_until")


@dataclass
class Applied:
    """What came of a plan. `rejected` are (account name or key, the CRM's words, link)."""

    updated: int = 0
    created: int = 0
    existed: int = 0
    closed: int = 0
    unknown: int = 0
    rejected: list[tuple[str, str, str]] = dataclass_field(default_factory=list)
    held_back: list[HeldBack] = dataclass_field(default_factory=list)
    stopped: bool = False

    @property
    def complete(self) -> bool:
        return not self.rejected and not self.unknown and not self.stopped

    def summary(self) -> dict[str, int]:
        return {
            "updated": self.updated,
            "created": self.created,
            "existed": self.existed,
            "closed": self.closed,
            "rejected": len(self.rejected),
            "unknown": self.unknown,
            "held_back": len(self.held_back),
        }


@dataclass(frozen=True)
class Applier:
    """Everything that carrying out needs. `stopping` is asked between batches; `history` has the receipts by account id."""

    connection: Connection
    cache: Cache
    clock: Callable[[], datetime]
    stopping: Callable[[], bool] = lambda: False
    history: Mapping[str, Remembered] = dataclass_field(default_factory=dict)

    def apply(self, plan: Plan) -> Applied:
        """Writes the plan; never raises for a record, only for what stops the whole (no network, no access, no calls left)."""
        applied = Applied()
        updates = self._still_as_planned([c for c in plan.changes if isinstance(c, UpdateAccount)], applied)
        creates = [c for c in plan.changes if isinstance(c, CreateTask)]
        closes = [c for c in plan.changes if isinstance(c, CloseTask)]
        for chunk in self._chunks(creates, applied):
            self._create(plan, chunk, applied)
        for closing in self._chunks(closes, applied):
            self._close(plan, closing, applied)
        for updating in self._chunks(updates, applied):
            self._update(plan, updating, applied)
        return applied

    def _chunks(self, changes: Sequence[T], applied: Applied) -> Iterator[Sequence[T]]:
        for start in range(0, len(changes), CHUNK):
            if self.stopping():
                applied.stopped = True
                return
            yield changes[start : start + CHUNK]

    def _still_as_planned(self, updates: Sequence[UpdateAccount], applied: Applied) -> list[UpdateAccount]:
        """Leaves out accounts whose tier or override a person changed after the plan looked."""
        if not updates:
            return []
        now = self.connection.fetch_accounts([u.account_id for u in updates], GUARDED_FLAGS)
        kept = []
        for update in updates:
            reason = self._moved_on(update, now.get(update.account_id))
            if reason:
                applied.held_back.append(HeldBack(update.account_id, update.name, "account update", reason))
            else:
                kept.append(update)
        return kept

    def _moved_on(self, update: UpdateAccount, present: Mapping[str, Value] | None) -> str:
        if present is None:
            return "the account is gone from the CRM"
        known = self._as_pulled(update.account_id)
        for flag in GUARDED_FLAGS:
            if flag in present and flag in known and (present[flag] or None) != (known[flag] or None):
                return f"a person changed {flag} since the plan was made; the next run takes it into account"
        return ""

    def _as_pulled(self, account_id: str) -> dict[str, Value]:
        columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in GUARDED_FLAGS)
        row = self.cache.connection.execute(f"SELECT {columns} FROM accounts WHERE id = ?", (account_id,)).fetchone()
        if row is None:
            return {}
        return {flag: _typed(flag, value) for flag, value in zip(GUARDED_FLAGS, row, strict=True)}

    def _create(self, plan: Plan, creates: Sequence[CreateTask], applied: Applied) -> None:
        note_intents(self.cache, plan.run_id, creates)
        by_key = {c.key: c for c in creates}
        tasks = [NewTask(c.key, c.account_id, c.owner_id, c.subject, c.body, c.due, c.priority) for c in creates]
        for outcomes in _batches(self.connection.create_tasks(tasks)):
            with self.cache.bookkeeping() as connection:
                note_outcomes(self.cache, plan.run_id, "create_task", outcomes, self.clock())
                connection.executemany(
                    "INSERT OR REPLACE INTO task_ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    [_ledger_row(by_key[o.ref], o, plan.run_id) for o in outcomes if o.status in ("done", "existed")],
                )
                # What did not come about is offered again: its account has entered its tier by then, and no playbook fires.
                connection.executemany(
                    "INSERT OR REPLACE INTO waiting_tasks VALUES (?, ?, ?)",
                    [(o.ref, by_key[o.ref].account_id, plan.run_id) for o in outcomes if o.status not in ("done", "existed")],
                )
            applied.created += sum(o.status == "done" for o in outcomes)
            applied.existed += sum(o.status == "existed" for o in outcomes)
            self._count_failures(outcomes, {key: c.account_name for key, c in by_key.items()}, applied)

    def _close(self, plan: Plan, closes: Sequence[CloseTask], applied: Applied) -> None:
        note_intents(self.cache, plan.run_id, closes)
        for outcomes in _batches(self.connection.close_tasks([TaskRef(c.key, c.task_id) for c in closes])):
            done = [(o.ref,) for o in outcomes if o.status in ("done", "existed")]
            with self.cache.bookkeeping() as connection:
                note_outcomes(self.cache, plan.run_id, "close_task", outcomes, self.clock())
                connection.executemany("UPDATE task_ledger SET status = 'closed' WHERE key = ?", done)
                connection.executemany("UPDATE tasks SET is_open = 0 WHERE key = ?", done)
            applied.closed += len(done)
            self._count_failures(outcomes, {c.key: c.account_name for c in closes}, applied)

    def _update(self, plan: Plan, updates: Sequence[UpdateAccount], applied: Applied) -> None:
        note_intents(self.cache, plan.run_id, updates)
        by_id = {u.account_id: u for u in updates}
        wanted = [AccountUpdate(u.account_id, u.name, {n: f.after for n, f in u.fields.items()}) for u in updates]
        for outcomes in _batches(self.connection.push_accounts(wanted)):
            done = [by_id[o.ref] for o in outcomes if o.status in ("done", "existed")]
            with self.cache.transaction():
                note_outcomes(self.cache, plan.run_id, "update_account", outcomes, self.clock())
                self._keep_what_was_written(plan, done)
            applied.updated += len(done)
            self._count_failures(outcomes, {i: u.name for i, u in by_id.items()}, applied)

    def _keep_what_was_written(self, plan: Plan, updates: Sequence[UpdateAccount]) -> None:
        """The cache shows at once what the CRM now shows, so that the echo of our own writes changes nothing."""
        connection = self.cache.connection
        for update in updates:
            names = ", ".join(f'"{FLAG_PREFIX}{flag}" = ?' for flag in update.fields)
            values = [_stored(change.after) for change in update.fields.values()]
            connection.execute(f"UPDATE accounts SET {names} WHERE id = ?", (*values, update.account_id))
        moment = self.clock().isoformat(timespec="seconds")
        connection.executemany(
            "INSERT OR REPLACE INTO written SELECT id, coalesce(flag_tier, ?), flag_since, ?, ? FROM accounts WHERE id = ?",
            [(NO_TIER, plan.run_id, moment, u.account_id) for u in updates],
        )
        connection.executemany("DELETE FROM drift WHERE account_id = ?", [(u.account_id,) for u in updates if "tier" in u.fields])
        remember(self.cache, [self.history[u.account_id] for u in updates if u.account_id in self.history])

    def _count_failures(self, outcomes: Sequence[Outcome], names: Mapping[str, str], applied: Applied) -> None:
        applied.unknown += sum(o.status == "unknown" for o in outcomes)
        applied.rejected += [(names.get(o.ref, o.ref), o.message, o.url) for o in outcomes if o.status == "rejected"]


def _batches(outcomes: Iterable[Outcome], size: int = 200) -> Iterator[list[Outcome]]:
    """Outcomes as they arrive, in portions small enough that a kill loses little and large enough to be quick."""
    batch: list[Outcome] = []
    for outcome in outcomes:
        batch.append(outcome)
        if len(batch) >= size:
            yield batch
            batch = []
    if batch:
        yield batch


def _ledger_row(task: CreateTask, outcome: Outcome, run_id: str) -> tuple[str | None, ...]:
    status = "created" if outcome.status == "done" else "existed"
    return (task.key, task.account_id, outcome.record_id, task.owner_id, task.subject, task.due.isoformat(), status, run_id)


def _stored(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%SZ")
    return to_json(value)  # type: ignore[no-any-return]  # dates become text, all else is what it was


def _typed(flag: str, value: Value) -> Value:
    return from_json(flag, value) if flag in FLAGS else value

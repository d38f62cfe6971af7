"""Runs the decision core over the cache: facts by SQL, scores streamed, tiers settled, receipts on demand."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Self

from kamsync.decide.criteria import needed_names
from kamsync.decide.decision import Decision, FactValue
from kamsync.decide.expressions import compile_expression
from kamsync.decide.facts import known_columns, with_what_they_need
from kamsync.decide.playbooks import DECIDED_NAMES
from kamsync.decide.program import Held, Playbook, Program
from kamsync.decide.receipts import Receipt
from kamsync.decide.tiers import Standing, settle, tier_order
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import Value
from kamsync.store.database import saying_what_is_wrong
from kamsync.store.facts_table import make_facts
from kamsync.store.past import show_the_past
from kamsync.store.read_only import open_reading
from kamsync.store.scores import NOTHING_HELD, Scores

_SETTLED = Standing("", None, False, None, None, None, None, 0.0, 0.0, NOTHING_HELD)


class Evaluation:
    """The programme's decisions on one day over one cache. A context manager; single use, single thread."""

    def __init__(self, path: Path, program: Program, as_of: date, *, replayed: Mapping[str, Held] | None = None) -> None:
        """`replayed`: what each account held, instead of what the CRM shows; the past day is seen as it was known then."""
        self._path, self._program, self._as_of, self._replayed = path, program, as_of, replayed
        self._decisions: list[Decision] = []  # in the order of Scores.row
        self._held: dict[str, Held] = {}
        self._drift_seen: dict[str, date] = {}
        self.problems: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        with saying_what_is_wrong(self._path):
            self._db = open_reading(self._path)
            try:
                with _no_collecting():
                    self._evaluate()
            except BaseException:
                self._db.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def names(self) -> Mapping[str, str]:
        """Account names by id; the id where there is none."""
        return _Names(self._db, self._scores.row)

    def decisions(self) -> Iterator[Decision]:
        """Every decision, by account id."""
        return iter(self._decisions)

    def decision(self, account_id: str) -> Decision:
        return self._decisions[self._scores.row[account_id]]

    def held(self, account_id: str) -> Held:
        return self._held.get(account_id, NOTHING_HELD)

    def drift_seen(self, account_id: str) -> date:
        return self._drift_seen.get(account_id, self._as_of)

    def settled(self) -> Iterator[tuple[Decision, str, Mapping[str, Value]]]:
        """Each decision with the account's name and the flags that the CRM shows, by account id."""
        flags = [flag for flag in FLAGS if FLAG_PREFIX + flag in self._account_columns]
        columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in flags)
        with closing(self._db.execute(f"SELECT id, name, {columns} FROM accounts ORDER BY id")) as rows:
            for decision, (account_id, name, *values) in zip(self._decisions, rows, strict=True):
                yield decision, name or account_id, dict(zip(flags, values, strict=True))

    def facts(self, account_id: str) -> Mapping[str, FactValue]:
        """Every fact that was computed for the account, and its mapped fields."""
        row = self._db.execute("SELECT * FROM temp.facts WHERE id = ?", (account_id,))
        names = [column[0] for column in row.description]
        values = row.fetchone()
        return {} if values is None else dict(zip(names, values, strict=True))

    def receipt(self, account_id: str) -> Receipt:
        """The decision with what each criterion brought."""
        return self._scores.receipt(self.decision(account_id))

    def raw(self) -> Iterator[tuple[Decision, list[float], list[int], Sequence[FactValue]]]:
        """What every receipt is made of, by account id: see Scores.raw."""
        for decision, (scaled, unknown, row) in zip(self._decisions, self._scores.raw(), strict=True):
            yield decision, scaled, unknown, row

    def firing(self, playbook: Playbook) -> Iterator[tuple[str, Mapping[str, FactValue]]]:
        """Accounts for which the playbook's `when` holds, with the facts and what was decided, by account id."""
        self._store_decisions()
        when = compile_expression(playbook.when, {**known_columns(self._program.account_columns), **DECIDED_NAMES})
        sql = f"SELECT f.*, d.* FROM temp.facts f JOIN temp.decided d ON d.rowid = f.rowid WHERE ({when.sql}) ORDER BY f.rowid"
        with closing(self._db.execute(sql)) as rows:
            names = [column[0] for column in rows.description]
            found = rows.fetchall()
        for values in found:
            facts = dict(zip(names, values, strict=True))
            yield str(facts["id"]), facts

    def won_amounts_12m(self) -> dict[str, float]:
        """Won amounts of the last 12 months by account id."""
        return dict(self._db.execute("SELECT id, coalesce(won_amount_12m, 0) FROM temp.facts ORDER BY rowid").fetchall())

    def owners(self) -> dict[str, str]:
        """Owner ids by account id, "" where there is none."""
        return dict(self._db.execute("SELECT id, coalesce(owner_id, '') FROM temp.facts ORDER BY rowid").fetchall())

    def known_values(self) -> Mapping[str, Sequence[bool]]:
        """Whether each criterion's value was known, in the order of `scaled_scores`."""
        rows = [row for row, decision in enumerate(self._decisions) if decision.eligible]
        return {c.name: [self._scores.scored(i, row).known for row in rows] for i, c in enumerate(self._program.criteria)}

    def scaled_scores(self) -> Mapping[str, Sequence[float | None]]:
        """Each criterion's scaled scores over the eligible accounts, by account id (None: skipped), for `criteria check`."""
        rows = [row for row, decision in enumerate(self._decisions) if decision.eligible]
        return {c.name: [self._scores.scored(i, row).scaled for row in rows] for i, c in enumerate(self._program.criteria)}

    def _evaluate(self) -> None:
        self._account_columns = {row[1] for row in self._db.execute("PRAGMA table_info(accounts)")}
        if self._replayed is not None:
            mapped = self._program.account_columns.items()
            dates = {name for name, kind in mapped if kind == "date" and name in self._account_columns}
            show_the_past(self._db, self._as_of, dates - {"created_date"})
        found = self._db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()
        self.generation: str = found[0] if found else ""
        wanted = with_what_they_need(needed_names(self._program))
        self.problems = make_facts(self._db, self._program, self._as_of, wanted)
        self._scores = Scores(self._db, self._program, self._as_of, self._replayed)
        standings = self._scores.take_standings()
        for row, decision in enumerate(settle(standings, self._program, self._as_of)):
            self._decisions.append(decision)
            standing, standings[row] = standings[row], _SETTLED  # half the memory goes back as the decisions come
            if standing.held is not NOTHING_HELD:
                self._held[decision.account_id] = standing.held
            if standing.drift_seen is not None:
                self._drift_seen[decision.account_id] = standing.drift_seen

    def _store_decisions(self) -> None:
        """The decisions as a table beside the facts, for what playbooks ask."""
        exists = self._db.execute("SELECT count(*) FROM temp.sqlite_master WHERE name = 'decided'").fetchone()[0]
        if exists:
            return
        order = tier_order(self._program)
        names = ", ".join(f'"{name}"' for name in DECIDED_NAMES)
        self._db.execute(f"CREATE TEMP TABLE decided ({names})")
        health = {}
        if FLAG_PREFIX + "health" in self._account_columns:
            health = dict(self._db.execute("SELECT id, flag_health FROM accounts WHERE flag_health IS NOT NULL"))
        self._db.executemany(
            f"INSERT INTO temp.decided VALUES ({', '.join('?' * len(DECIDED_NAMES))})",  # rows in the order of the facts
            (
                (
                    d.tier,
                    d.previous_tier,
                    order[d.tier] < order[d.previous_tier],
                    order[d.tier] > order[d.previous_tier],
                    d.score,
                    d.segment,
                    d.health,
                    health.get(d.account_id),
                )
                for d in self._decisions
            ),
        )


class _Names(Mapping[str, str]):
    """Looked up where they are asked for: a plan names few of a million accounts."""

    def __init__(self, db: sqlite3.Connection, row: Mapping[str, int]) -> None:
        self._db, self._row = db, row

    def __getitem__(self, account_id: str) -> str:
        if account_id not in self._row:
            raise KeyError(account_id)
        found = self._db.execute("SELECT name FROM temp.facts WHERE id = ?", (account_id,)).fetchone()
        return str(found[0] or account_id)

    def __contains__(self, account_id: object) -> bool:
        return account_id in self._row

    def __iter__(self) -> Iterator[str]:
        return iter(self._row)

    def __len__(self) -> int:
        return len(self._row)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Millions of small values and no cycles: looking for some again and again would take a fifth of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()

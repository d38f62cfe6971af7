"""Runs the decision core over the cache: facts by SQL, scores streamed, tiers settled, receipts on demand."""

from __future__ import annotations

import gc
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from kamsync.decide.tiers import settle, tier_order
from kamsync.model import FLAG_PREFIX, FLAGS, Value
from kamsync.store.database import saying_what_is_wrong
from kamsync.store.facts_table import make_facts
from kamsync.store.reading import open_reading
from kamsync.store.scores import Scores


class Evaluation:
    """The programme's decisions on one day over one cache. A context manager; single use, single thread."""

    def __init__(self, path: Path, program: Program, as_of: date, *, replayed: Mapping[str, Held] | None = None) -> None:
        """`replayed`: what each account held, instead of what the CRM shows; for rehearsals on past days."""
        self._path, self._program, self._as_of, self._replayed = path, program, as_of, replayed
        self._decisions: dict[str, Decision] = {}
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
        """Account names by id."""
        return self._scores.names

    def decisions(self) -> Iterator[Decision]:
        """Every decision, by account id."""
        return iter(self._decisions.values())

    def decision(self, account_id: str) -> Decision:
        return self._decisions[account_id]

    def held(self, account_id: str) -> Held:
        return self._scores.standings[self._scores.row[account_id]].held

    def drift_seen(self, account_id: str) -> date:
        return self._scores.standings[self._scores.row[account_id]].drift_seen or self._as_of

    def settled(self) -> Iterator[tuple[Decision, str, Mapping[str, Value]]]:
        """Each decision with the account's name and the flags that the CRM shows, by account id."""
        flags = [flag for flag in FLAGS if FLAG_PREFIX + flag in self._account_columns]
        columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in flags)
        with closing(self._db.execute(f"SELECT id, name, {columns} FROM accounts ORDER BY id")) as rows:
            for account_id, name, *values in rows:
                yield self._decisions[account_id], name or account_id, dict(zip(flags, values, strict=True))

    def facts(self, account_id: str) -> Mapping[str, FactValue]:
        """Every fact that was computed for the account, and its mapped fields."""
        row = self._db.execute("SELECT * FROM temp.facts WHERE id = ?", (account_id,))
        names = [column[0] for column in row.description]
        values = row.fetchone()
        return {} if values is None else dict(zip(names, values, strict=True))

    def receipt(self, account_id: str) -> Receipt:
        """The decision with what each criterion brought."""
        return self._scores.receipt(self._decisions[account_id])

    def firing(self, playbook: Playbook, wanted: Collection[str] = ()) -> Iterator[tuple[str, Mapping[str, FactValue]]]:
        """Accounts for which the playbook's `when` holds, with the facts and what was decided, by account id."""
        self._store_decisions()
        when = compile_expression(playbook.when, {**known_columns(self._program.account_columns), **DECIDED_NAMES})
        sql = f"SELECT * FROM temp.facts JOIN temp.decided USING (id) WHERE ({when.sql}) ORDER BY id"
        with closing(self._db.execute(sql)) as rows:
            names = [column[0] for column in rows.description]
            found = rows.fetchall()
        for values in found:
            facts = dict(zip(names, values, strict=True))
            yield str(facts["id"]), facts

    def won_amount_12m(self, account_id: str) -> float:
        return self._scores.standings[self._scores.row[account_id]].won_amount_12m

    def owners(self) -> dict[str, str]:
        """Owner ids by account id, "" where there is none."""
        return {standing.account_id: standing.owner_id or "" for standing in self._scores.standings}

    def known_values(self) -> Mapping[str, Sequence[bool]]:
        """Whether each criterion's value was known, in the order of `scaled_scores`."""
        rows = [row for row, standing in enumerate(self._scores.standings) if standing.eligible]
        return {c.name: [self._scores.scored(i, row).known for row in rows] for i, c in enumerate(self._program.criteria)}

    def scaled_scores(self) -> Mapping[str, Sequence[float | None]]:
        """Each criterion's scaled scores over the eligible accounts, by account id (None: skipped), for `criteria check`."""
        rows = [row for row, standing in enumerate(self._scores.standings) if standing.eligible]
        return {c.name: [self._scores.scored(i, row).scaled for row in rows] for i, c in enumerate(self._program.criteria)}

    def _evaluate(self) -> None:
        self._account_columns = {row[1] for row in self._db.execute("PRAGMA table_info(accounts)")}
        wanted = with_what_they_need(needed_names(self._program))
        self.problems = make_facts(self._db, self._program, self._as_of, wanted)
        self._scores = Scores(self._db, self._program, self._as_of, self._replayed)
        for decision in settle(self._scores.standings, self._program, self._as_of):
            self._decisions[decision.account_id] = decision

    def _store_decisions(self) -> None:
        """The decisions as a table beside the facts, for what playbooks ask."""
        exists = self._db.execute("SELECT count(*) FROM temp.sqlite_master WHERE name = 'decided'").fetchone()[0]
        if exists:
            return
        order = tier_order(self._program)
        names = ", ".join(f'"{name}"' for name in DECIDED_NAMES)
        self._db.execute(f"CREATE TEMP TABLE decided (id TEXT PRIMARY KEY, {names})")
        health = {}
        if FLAG_PREFIX + "health" in self._account_columns:
            health = dict(self._db.execute("SELECT id, flag_health FROM accounts WHERE flag_health IS NOT NULL"))
        self._db.executemany(
            f"INSERT INTO temp.decided VALUES (?{', ?' * len(DECIDED_NAMES)})",
            (
                (
                    d.account_id,
                    d.tier,
                    d.previous_tier,
                    order[d.tier] < order[d.previous_tier],
                    order[d.tier] > order[d.previous_tier],
                    d.score,
                    d.segment,
                    d.health,
                    health.get(d.account_id),
                )
                for d in self._decisions.values()
            ),
        )


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

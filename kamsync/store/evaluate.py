"""Runs the decision core over the cache: facts by SQL, scores streamed, tiers settled, receipts on demand."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from kamsync.decide.candidate import Standing
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.decision import Decision
from kamsync.decide.expressions import Compiled
from kamsync.decide.fact import FactValue
from kamsync.decide.months import months_before
from kamsync.decide.moves import UNFINISHED_ENTRY, LastMoves, move_of, stay_began
from kamsync.decide.playbooks import reads_the_move
from kamsync.decide.program import NO_TIER, Held, Playbook
from kamsync.decide.receipts import Receipt
from kamsync.decide.tiers import settle, tier_order
from kamsync.decide.white_space import FamilyAmount
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import Value
from kamsync.store.database import saying_what_is_wrong
from kamsync.store.facts_table import make_facts
from kamsync.store.history import recent_moves_by_account
from kamsync.store.kpis import Figures, changed_figures
from kamsync.store.laboratory import Laboratory
from kamsync.store.past import show_the_past
from kamsync.store.read_only import open_reading
from kamsync.store.schema import Meta
from kamsync.store.scores import NOTHING_HELD, Scores

_SETTLED = Standing("", None, False, None, None, None, None, 0.0, 0.0, NOTHING_HELD)


class Evaluation:
    """The programme's decisions on one day over one cache. A context manager; single use, single thread."""

    def __init__(self, path: Path, compiled: CompiledProgram, as_of: date, *, replayed: Mapping[str, Held] | None = None) -> None:
        """`replayed`: what each account held, instead of what the CRM shows; the past day is seen as it was known then."""
        self._path, self._compiled, self._as_of, self._replayed = path, compiled, as_of, replayed
        self._program = compiled.program
        self._decisions: list[Decision] = []  # in the order of Scores.row
        self._held: dict[str, Held] = {}
        self._order = tier_order(compiled.program)
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
        """The decision on one account. Raises KeyError for an id that the cache does not hold."""
        return self._decisions[self._scores.row[account_id]]

    def held(self, account_id: str) -> Held:
        """What the CRM shows of the account's tier and override."""
        return self._held.get(account_id, NOTHING_HELD)

    def stay_began(self, account_id: str) -> date | None:
        """The first day whose tasks can be of the account's present stay in its tier (decide.moves)."""
        return stay_began(self.decision(account_id), self.held(account_id), self._remembered.get(account_id))

    @cached_property
    def _remembered(self) -> Mapping[str, LastMoves]:
        return recent_moves_by_account(self._db)

    def settled(self) -> Iterator[tuple[Decision, str, Mapping[str, Value]]]:
        """Each decision with the account's name and the flags that the CRM shows, by account id."""
        flags = [flag for flag in FLAGS if flag in self._program.mapped_flags]
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

    def columns(self, names: Sequence[str]) -> Iterator[tuple[FactValue, ...]]:
        """The named facts of every account, by account id; None where there is no such fact or it was not computed."""
        known = {column[0] for column in self._db.execute("SELECT * FROM temp.facts LIMIT 0").description}
        wanted = ", ".join(f'"{name}"' if name in known else "NULL" for name in names)
        with closing(self._db.execute(f"SELECT {wanted} FROM temp.facts ORDER BY rowid")) as rows:
            yield from rows

    def bought_families(self) -> dict[str, frozenset[str]] | None:
        """Product families that each account has bought, by account id; None where no fact asked for line items."""
        if not self._has_table("bought"):
            return None
        found: dict[str, set[str]] = {}
        with closing(self._db.execute("SELECT account_id, family FROM temp.bought WHERE account_id IS NOT NULL")) as rows:
            for account_id, family in rows:
                found.setdefault(account_id, set()).add(family)
        return {account_id: frozenset(families) for account_id, families in found.items()}

    def sold_families(self) -> tuple[str, ...]:
        """Product families that anyone has bought in the last 24 months, by name; none where no fact asked for line items."""
        if not self._has_table("sold"):
            return ()
        return tuple(family for (family,) in self._db.execute("SELECT family FROM temp.sold ORDER BY 1"))

    def family_amounts(self) -> Iterator[FamilyAmount]:
        """What each account bought of each product family in the last 24 months; nothing where no fact asked for line items.

        An opportunity with several families counts for each with an equal part.
        """
        if not self._has_table("sold"):
            return
        account = "o.account_id"
        if self._has_table("leads"):
            account = "coalesce((SELECT lead FROM temp.leads WHERE leads.id = o.account_id), o.account_id)"
        sql = (
            f"SELECT {account}, l.family, sum(coalesce(o.amount * money_factor(o.currency, o.close_date), 0) / l.families)"
            " FROM opportunities o JOIN (SELECT opportunity_id, product_family AS family,"
            " count(*) OVER (PARTITION BY opportunity_id) AS families FROM line_items WHERE product_family IS NOT NULL"
            " GROUP BY opportunity_id, product_family) l ON l.opportunity_id = o.id"
            " WHERE o.is_won AND o.account_id IS NOT NULL AND o.close_date > ? AND o.close_date <= ? GROUP BY 1, 2 ORDER BY 1, 2"
        )
        window = (months_before(self._as_of, 24).isoformat(), self._as_of.isoformat())
        with closing(self._db.execute(sql, window)) as rows:
            for row in rows:
                yield FamilyAmount(*row)

    def receipt(self, account_id: str) -> Receipt:
        """The decision with what each criterion brought."""
        return self._scores.receipt(self.decision(account_id))

    def raw(self) -> Iterator[tuple[Decision, list[float], list[int], Sequence[FactValue]]]:
        """What every receipt is made of, by account id: see Scores.raw."""
        for decision, (scaled, unknown, row) in zip(self._decisions, self._scores.raw(), strict=True):
            yield decision, scaled, unknown, row

    def laboratory(self) -> Laboratory:
        """A place to try other weights, tiers and rules on these accounts, for as long as this is open."""
        return Laboratory(self._db, self._scores, self._compiled, self._decisions, self._held, self._as_of)

    def firing(self, playbook: Playbook) -> Iterator[tuple[str, Mapping[str, FactValue], date | None]]:
        """Accounts for which the playbook's `when` holds: id, the facts with what was decided, and the day of an earlier move.

        The day is None where this run sees what the playbook asks for. Where `when` asks for a move, the accounts that moved in
        the last weeks follow, as they were when they moved: what no run has made for them by now is still wanted.
        """
        self._store_decisions()
        yield from self._fired(playbook, "decided")
        if reads_the_move(playbook):
            self._store_moves()
            yield from self._fired(playbook, "moved")

    def holding(self, account_id: str, conditions: Sequence[Compiled]) -> tuple[bool | None, ...]:
        """Whether each condition over the facts and what was decided holds for the account; None where that is not known."""
        self._store_decisions()
        wanted = ", ".join(f"({one.sql})" for one in conditions)
        sql = f"SELECT {wanted} FROM temp.facts f JOIN temp.decided d ON d.fact = f.rowid WHERE f.id = ?"
        row = self._db.execute(sql, (account_id,)).fetchone()
        return tuple(None if one is None else bool(one) for one in row)

    def decided_facts(self, account_id: str) -> Mapping[str, FactValue]:
        """The values of DECIDED_NAMES as playbooks see them on this run."""
        self._store_decisions()
        columns = ", ".join(f'd."{name}"' for name in DECIDED_NAMES)
        sql = f"SELECT {columns} FROM temp.facts f JOIN temp.decided d ON d.fact = f.rowid WHERE f.id = ?"
        return dict(zip(DECIDED_NAMES, self._db.execute(sql, (account_id,)).fetchone(), strict=True))

    def _fired(self, playbook: Playbook, table: str) -> Iterator[tuple[str, Mapping[str, FactValue], date | None]]:
        when = self._compiled.firing[playbook.name]
        columns = ", ".join(f'd."{name}"' for name in DECIDED_NAMES)
        sql = (
            f"SELECT f.*, {columns}, d.moved_on FROM temp.facts f JOIN temp.{table} d ON d.fact = f.rowid"
            f" WHERE ({when.sql}) ORDER BY f.rowid, d.rowid"
        )
        with closing(self._db.execute(sql)) as rows:
            names = [column[0] for column in rows.description]
            found = rows.fetchall()
        for values in found:
            facts = dict(zip(names, values, strict=True))
            moved_on = facts.pop("moved_on")
            yield str(facts["id"]), facts, date.fromisoformat(moved_on) if moved_on else None

    def changed_figures(self) -> Iterator[Figures]:
        """Accounts whose key figures are not what the cache keeps."""
        self._store_decisions()
        names = [row[1] for row in self._db.execute("PRAGMA temp.table_info(facts)")]
        return changed_figures(self._db, names)

    def won_amounts_12m(self) -> dict[str, float]:
        """Won amounts of the last 12 months by account id."""
        return dict(self._db.execute("SELECT id, coalesce(won_amount_12m, 0) FROM temp.facts ORDER BY rowid").fetchall())

    def owners(self) -> dict[str, str]:
        """Owner ids by account id, "" where there is none."""
        return dict(self._db.execute("SELECT id, coalesce(owner_id, '') FROM temp.facts ORDER BY rowid").fetchall())

    def leads(self) -> Mapping[str, str]:
        """Who decides for an account, where the group is the unit and it does not lead; empty elsewhere."""
        return self._scores.leads

    def counted(self) -> int:
        """How many accounts `top_percent` is a share of."""
        return sum(self._scores.counts)

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
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (Meta.GENERATION,)).fetchone()
        self.generation: str = found[0] if found else ""
        self.problems = make_facts(self._db, self._compiled, self._as_of)
        self._scores = Scores(self._db, self._compiled, self._as_of, self._replayed)
        standings = self._scores.take_standings()
        for row, decision in enumerate(settle(standings, self._program, self._as_of, self._scores.seating())):
            self._decisions.append(decision)
            standing, standings[row] = standings[row], _SETTLED  # half the memory goes back as the decisions come
            if standing.held is not NOTHING_HELD:
                self._held[decision.account_id] = standing.held

    def _store_decisions(self) -> None:
        """The decisions as a table beside the facts, for what playbooks ask."""
        if not self._make_table("decided"):
            return
        health = self._shown_health()
        self._fill(
            "decided",
            (
                (position, None, *self._decided(d, d.previous_tier, health.get(d.account_id)))
                for position, d in enumerate(self._decisions, start=1)
            ),
        )

    def _store_moves(self) -> None:
        """Accounts that moved lately and that this run leaves where they are, as they were on the day of their move."""
        if not self._make_table("moved"):
            return
        self._fill("moved", self._moves(self._remembered, self._shown_health()))

    def _moves(self, known: Mapping[str, LastMoves], health: Mapping[str, str]) -> Iterator[tuple[FactValue, ...]]:
        earliest = self._as_of - UNFINISHED_ENTRY
        for position, d in enumerate(self._decisions, start=1):
            last = known.get(d.account_id)
            move = move_of(d, self.held(d.account_id), last, self._order, earliest)
            if move is not None:
                fields = self._decided(d, move.previous_tier, health.get(d.account_id), move.entered)
                yield (position, move.day.isoformat(), *fields)
            if last is not None and last.health == d.health and last.health_moved_on and last.health_moved_on > earliest:
                yield (position, last.health_moved_on.isoformat(), *self._decided(d, d.tier, last.previous_health))

    def _decided(
        self, decision: Decision, previous_tier: str | None, previous_health: str | None, entered: bool | None = None
    ) -> tuple[FactValue, ...]:
        """The values of DECIDED_NAMES. `entered`: how the account moved, where its previous tier is not known."""
        order = self._order
        if previous_tier is not None:
            up, down = order[decision.tier] < order[previous_tier], order[decision.tier] > order[previous_tier]
        else:
            up, down = entered is True, entered is False
        rank = None if decision.tier == NO_TIER else order[decision.tier] + 1
        until = decision.until.isoformat() if decision.until else None
        said = (decision.score, decision.segment, decision.health, previous_health, until)
        return (decision.tier, rank, previous_tier, up, down, *said)

    def _shown_health(self) -> dict[str, str]:
        return dict(self._db.execute("SELECT id, flag_health FROM accounts WHERE flag_health IS NOT NULL"))

    def _make_table(self, name: str) -> bool:
        """False where it is there already."""
        if self._has_table(name):
            return False
        names = ", ".join(f'"{column}"' for column in DECIDED_NAMES)
        self._db.execute(f"CREATE TEMP TABLE {name} (fact INTEGER, moved_on, {names})")
        if name == "decided":
            self._db.execute("CREATE INDEX temp.decided_fact ON decided (fact)")
            self._db.execute("CREATE INDEX temp.decided_rank ON decided (tier_rank)")  # most playbooks ask for key accounts
        return True

    def _has_table(self, name: str) -> bool:
        return self._db.execute("SELECT 1 FROM temp.sqlite_master WHERE name = ?", (name,)).fetchone() is not None

    def _fill(self, name: str, rows: Iterable[tuple[FactValue, ...]]) -> None:
        marks = ", ".join("?" * (len(DECIDED_NAMES) + 2))
        self._db.executemany(f"INSERT INTO temp.{name} VALUES ({marks})", rows)


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

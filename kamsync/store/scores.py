"""Every account's scores over temp.facts, in chunks: the criteria's values by SQL, column by column to 0…100 and to the axes.

Memory holds one compact standing an account, and nine bytes for each of its criteria, from which receipts are made on demand.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from kamsync.decide.candidate import Standing
from kamsync.decide.columns import column_scorer, coverages, means
from kamsync.decide.compiled import CompiledCriterion, CompiledProgram, CompiledSeat
from kamsync.decide.decision import Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.months import days_before
from kamsync.decide.program import Held, Program, Seat
from kamsync.decide.receipts import Receipt
from kamsync.decide.scoring import Scored
from kamsync.flags import FLAG_PREFIX
from kamsync.store.readings import Readings

CHUNK = 2_000
AXES_OF_MEANS = (("attractiveness", "strength"), ("attractiveness",), ("strength",), ("health",))
HEALTH_MEAN = 3  # its place among the means
NOISE = 1e-9  # of sums of weights
NOTHING_HELD = Held()
_HELD_FLAGS = ("tier", "since", "override", "override_until", "decided_tier")
_NOTHING_SHOWN = (None,) * (len(_HELD_FLAGS) + 2)


class Scores:
    """Standings by account id, and what each criterion brought. `replayed`: see Evaluation.

    `row`: each account's place by its id. `scaled` (nan: left out of the mean), `unknown`: a column a criterion, in that order.
    `counts`: whether `top_percent` is a share of them, in the order of `row`.
    `leads`: who decides for an account, where the group is the unit and it does not lead.
    """

    def __init__(
        self, db: sqlite3.Connection, compiled: CompiledProgram, as_of: date, replayed: Mapping[str, Held] | None
    ) -> None:
        self._db, self._compiled, self._program, self._replayed = db, compiled, compiled.program, replayed
        # IS TRUE is 0 or 1 whatever the expression gives: null is not true, as in a playbook's `when`.
        self._as_of, self._eligible = as_of, f"(({compiled.eligible.sql}) IS TRUE)"
        self.leads: Mapping[str, str] = {}
        if compiled.program.unit == "group":
            self.leads = dict(db.execute("SELECT id, lead FROM temp.leads").fetchall())
            self._eligible = f"({self._eligible} AND id NOT IN (SELECT id FROM temp.leads))"
        self._counts = f"({self._eligible} AND (({compiled.active.sql}) IS TRUE))"
        program = compiled.program
        values = [one.value for one in compiled.criteria]
        self._readings = Readings(program.criteria, [value.columns for value in values])
        self._read = ", ".join(["id", *(value.sql for value in values), *(f'"{name}"' for name in self._readings.names)])
        self._scorers = [column_scorer(one.criterion, as_of) for one in compiled.criteria]
        self._axes = [[i for i, c in enumerate(program.criteria) if c.axis in axes] for axes in AXES_OF_MEANS]
        self._weights = [[program.criteria[i].weight for i in axis] for axis in self._axes]
        self.scaled = [array("d") for _ in program.criteria]
        self.unknown = [bytearray() for _ in program.criteria]
        self.counts = bytearray()
        self._standings: list[Standing] = []
        self.row: dict[str, int] = {}
        self._owners: dict[str | None, str | None] = {}  # each id once, not once an account
        self._score()

    def receipt(self, decision: Decision) -> Receipt:
        """The decision with what each criterion brought."""
        position = self.row[decision.account_id]
        row = self._db.execute(f"SELECT {self._read} FROM temp.facts WHERE id = ?", (decision.account_id,)).fetchone()
        return self._readings.receipt(decision, [self.scored(i, position) for i in range(len(self.scaled))], row[1:])

    def take_standings(self) -> list[Standing]:
        """Every standing, by account id; the caller's from now on."""
        taken, self._standings = self._standings, []
        return taken

    def seating(self) -> list[list[str]]:
        """For each seat the eligible accounts that could have it by their evidence, best rank first."""
        return [self._claims(seat, compiled) for seat, compiled in zip(self._program.seats, self._compiled.seats, strict=True)]

    def _claims(self, seat: Seat, compiled: CompiledSeat) -> list[str]:
        oldest = days_before(self._as_of, seat.valid_days).isoformat()
        sql = (
            f"SELECT id FROM temp.facts WHERE ({self._eligible}) AND ({compiled.when.sql}) AND ({compiled.evidence.sql}) >= ?"
            f" ORDER BY ({compiled.rank.sql}) IS NULL, ({compiled.rank.sql}) DESC, id"
        )
        return [account_id for (account_id,) in self._db.execute(sql, (oldest,))]

    def raw(self) -> Iterator[tuple[list[float], list[int], Sequence[Any]]]:
        """By account id: scaled scores (nan: left out), which values were unknown, and the row that a receipt reads."""
        with closing(self._db.execute(f"SELECT {self._read} FROM temp.facts ORDER BY rowid")) as rows:
            for position, row in enumerate(rows):
                yield [one[position] for one in self.scaled], [one[position] for one in self.unknown], row[1:]

    def scored(self, criterion: int, row: int) -> Scored:
        """One criterion of one account, by their places."""
        scaled = self.scaled[criterion][row]
        return Scored(None if scaled != scaled else scaled, known=not self.unknown[criterion][row])

    # -- scoring -------------------------------------------------------------------------------------------------------------

    def _score(self) -> None:
        eligible = self._eligible
        fired = [f"(({rule.sql}) IS TRUE)" for rule in self._compiled.rules]
        since = [f"({one.since.sql})" if one.since else "NULL" for one in self._compiled.criteria]
        computed = ", ".join([eligible, self._counts, *fired, *(f"({one.value.sql})" for one in self._compiled.criteria), *since])
        facts = f"SELECT id, owner_id, won_amount_12m, {computed} FROM temp.facts ORDER BY rowid"
        # The cache may still hold what a flag showed while it was mapped. Of several merged accounts the override that holds
        # longest counts, with its own date.
        mapped = self._compiled.program.mapped_flags
        shown = ", ".join(f'a."{FLAG_PREFIX}{flag}"' if flag in mapped else "NULL" for flag in _HELD_FLAGS)
        held = (
            f"SELECT {shown}, m.override, m.override_until FROM accounts a LEFT JOIN ("
            "SELECT new_id, override, override_until, row_number() OVER (PARTITION BY new_id"
            " ORDER BY override_until IS NOT NULL, override_until DESC, old_id) AS place"
            " FROM merges WHERE override <> '') m ON m.new_id = a.id AND m.place = 1 ORDER BY a.id"
        )
        among = self._among(eligible)
        with closing(self._db.execute(facts)) as rows, closing(self._db.execute(held)) as holding:
            while some := rows.fetchmany(CHUNK):
                self._standings += self._stand(some, holding.fetchmany(CHUNK), len(fired), among)

    def _stand(
        self,
        rows: list[tuple[Any, ...]],
        holding: list[tuple[str | None, ...]],
        rules: int,
        among: Mapping[int, array[float]],
    ) -> Iterator[Standing]:
        first, count, criteria = len(self.row), len(rows), len(self._program.criteria)
        mapped = "decided_tier" in self._program.mapped_flags
        ids, owners, won, eligible, counts, *columns = zip(*rows, strict=True)
        fired, values, since = columns[:rules], columns[rules : rules + criteria], columns[rules + criteria :]
        for i, seen in among.items():
            values[i] = tuple(None if one != one else one for one in seen[first : first + count])
        scored = [score(values[i], since[i]) for i, score in enumerate(self._scorers)]
        for position in (position for position, takes_part in enumerate(eligible) if not takes_part):
            for column in scored:
                column.scaled[position], column.known[position] = None, False
        for i, column in enumerate(scored):
            self.scaled[i].extend([math.nan if one is None else one for one in column.scaled])
            self.unknown[i].extend([not one for one in column.known])
        scaled, known = [one.scaled for one in scored], [one.known for one in scored]
        made = measures(self._program, self._axes, self._weights, scaled, known, count)
        holds = list(zip(*fired, strict=True)) if fired else [()] * count
        self.counts.extend(map(bool, counts))
        self.row.update(zip(ids, range(first, first + count), strict=True))
        for i, account_id in enumerate(ids):
            yield Standing(
                account_id,
                self._owners.setdefault(owners[i], owners[i]),
                bool(eligible[i]),
                made.score[i],
                made.attractiveness[i],
                made.strength[i],
                made.health[i],
                made.coverage[i] if eligible[i] else 0.0,
                won[i] or 0.0,
                _held(holding[i], mapped) if self._replayed is None else self._replayed.get(account_id, NOTHING_HELD),
                tuple(rule for rule, fires in enumerate(holds[i]) if fires) if rules else (),
                counts=bool(counts[i]),
                lead=self.leads.get(account_id),
            )

    def _among(self, eligible: str) -> Mapping[int, array[float]]:
        """The criteria that compare accounts, by place: each account's value among the eligible ones (nan: it has none)."""
        found = {}
        for i, criterion in enumerate(self._compiled.criteria):
            if criterion.criterion.scale.compares:
                seen = self._one_among(criterion, eligible)
                found[i] = array("d", [math.nan if one is None else one for one in seen])
        return found

    def _one_among(self, criterion: CompiledCriterion, eligible: str) -> Sequence[float | None]:
        values = self._column(f"CASE WHEN {eligible} THEN ({criterion.value.sql}) END")
        groups = self._column(criterion.beside[0].sql) if criterion.beside else None
        return criterion.criterion.scale.among(values, groups) or [None] * len(values)

    def _column(self, sql: str) -> list[FactValue]:
        return [value for (value,) in self._db.execute(f"SELECT ({sql}) FROM temp.facts ORDER BY rowid")]


class Measures(NamedTuple):
    """What a programme makes of some accounts' criteria, a list each: means, None where unknown, and the share known, 0…1."""

    score: Sequence[float | None]
    attractiveness: Sequence[float | None]
    strength: Sequence[float | None]
    health: Sequence[float | None]
    coverage: Sequence[float]


def measures(
    program: Program,
    axes: Sequence[Sequence[int]],
    weights: Sequence[Sequence[float]],
    scaled: Sequence[Sequence[float | None]],
    known: Sequence[Sequence[bool]],
    count: int,
) -> Measures:
    """Of `count` accounts. `axes` and `weights` in the order of AXES_OF_MEANS, the columns in that of the criteria."""
    score, attractiveness, strength, health = (
        means(some, [scaled[i] for i in axis], count) for axis, some in zip(axes, weights, strict=True)
    )
    coverage, health_coverage = (coverages(weights[axis], [known[i] for i in axes[axis]], count) for axis in (0, HEALTH_MEAN))
    least = program.health_min_coverage - NOISE
    seen = [one if share >= least else None for one, share in zip(health, health_coverage, strict=True)]
    return Measures(score, attractiveness, strength, seen, coverage)


def _held(shown: Sequence[str | None], is_mapped: bool) -> Held:
    """What the CRM shows, with the override of an account that was merged into this one where it has none of its own."""
    if shown == _NOTHING_SHOWN and is_mapped:
        return NOTHING_HELD
    tier, since, override, until, decided, inherited, inherited_until = shown
    inherits = bool(inherited) and not override
    return Held(
        tier or None,
        _date(since),
        (inherited if inherits else override) or None,
        _date(inherited_until if inherits else until),
        decided or None,
        is_mapped,
        inherits,
    )


@lru_cache(maxsize=4096)
def _date(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None

"""Other weights, tiers and rules tried on the accounts of one evaluation, in less than a second for a hundred thousand.

What a criterion makes of an account does not change with weights, so it is not asked again. Only accounts that could have a tier
are settled, by the very functions of `decide`: those whose score and rank come near a place, that have or had a tier, that people
overrule, that a rule or a seat concerns. All others have none. Reads the evaluation only.
"""

from __future__ import annotations

import math
import sqlite3
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from operator import add

from kamsync.decide.candidate import Standing
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decision import Decision
from kamsync.decide.places import places_in
from kamsync.decide.plain import as_plain
from kamsync.decide.program import NO_TIER, Criterion, Held, Tier
from kamsync.decide.tiers import settle
from kamsync.errors import ConfigError
from kamsync.store.scores import AXES_OF_MEANS, HEALTH_MEAN, NOTHING_HELD, Scores, measures

NEAR = 0.05  # points: more than rounding and the order of a sum can differ
CELL = 10  # points of a side of the matrix's cells


@dataclass(frozen=True, slots=True)
class Trial:
    """What a programme would decide. `decisions`: those of all who could have a tier, by id; all others have none.

    `cells`: how many of the others lie in each cell of the matrix, by (strength, attractiveness) of its lower corner.
    """

    decisions: Mapping[str, Decision]
    cells: Mapping[tuple[int, int], int]


class Laboratory:
    """Over an open evaluation; single thread, as that is."""

    def __init__(
        self,
        db: sqlite3.Connection,
        scores: Scores,
        compiled: CompiledProgram,
        decisions: Sequence[Decision],
        held: Mapping[str, Held],
        as_of: date,
    ) -> None:
        """`decisions` in the order of `scores.row`."""
        self._db, self._scores, self._base, self._as_of = db, scores, compiled, as_of
        self._ids = list(scores.row)
        self._eligible = [decision.eligible for decision in decisions]
        self._counted = sum(scores.counts)
        self._held = held
        self._seating = scores.seating()
        self._facts = list(db.execute("SELECT owner_id, won_amount_12m FROM temp.facts ORDER BY rowid"))
        self._leads: Mapping[str, str] = scores.leads
        self._fired: dict[str, frozenset[int]] = {}
        self._always = {
            row
            for row, decision in enumerate(decisions)
            if decision.tier != NO_TIER or decision.account_id in held or decision.code == "group"
        }
        self._always |= {scores.row[account_id] for ids in self._seating for account_id in ids}
        # What is left out of a mean counts 0 with weight 0.
        self._scaled = [array("d", [0.0 if one != one else one for one in column]) for column in scores.scaled]
        self._counts = [None if not _has_gaps(column) else [one == one for one in column] for column in scores.scaled]

    def try_out(self, compiled: CompiledProgram) -> Trial:
        """Raises ConfigError where the programme differs in more than weights, tiers, segments and rules."""
        self._check(compiled)
        program = compiled.program
        axes = [[i for i, c in enumerate(program.criteria) if c.axis in names] for names in AXES_OF_MEANS]
        weights = [[program.criteria[i].weight for i in axis] for axis in axes]
        score, attractiveness, strength = (self._mean(axes[k], weights[k]) for k in range(HEALTH_MEAN))
        fired = [self._fires(rule.sql) for rule in compiled.rules]
        rows = self._candidates(score, program.tiers, fired)
        standings = list(self._stand(rows, compiled, axes, weights, fired))
        elsewhere = self._counted - sum(standing.counts for standing in standings)
        decided = settle(standings, program, self._as_of, self._seating, counted_elsewhere=elsewhere)
        decisions = {decision.account_id: decision for decision in decided}
        return Trial(decisions, self._ground(attractiveness, strength, {*rows}))

    def _check(self, compiled: CompiledProgram) -> None:
        same = [_without_weight(one) for one in compiled.program.criteria] == [
            _without_weight(one) for one in self._base.program.criteria
        ]
        program, base = compiled.program, self._base.program
        if not same or (program.eligible.text, program.active.text) != (base.eligible.text, base.active.text):
            raise ConfigError(
                "The lab changes weights, tiers, segments and rules; criteria are edited in a file.",
                fix="Edit the file and see it with `kamsync simulate --criteria FILE`.",
            )

    def _mean(self, axis: Sequence[int], weights: Sequence[float]) -> list[float] | None:
        """Every account's weighted mean, as near as floats are; None where the axis is empty. Who is not eligible has none."""
        if not axis or not sum(weights):
            return None
        total: list[float] = [0.0] * len(self._ids)
        whole, gaps = 0.0, [0.0] * len(self._ids)
        any_gaps = False
        for i, weight in zip(axis, weights, strict=True):
            total = list(map(add, total, [weight * one for one in self._scaled[i]]))
            counts = self._counts[i]
            if counts is None:
                whole += weight
            else:
                gaps = list(map(add, gaps, [weight * one for one in counts]))
                any_gaps = True
        if not any_gaps:
            return [one / whole for one in total]
        return [one / (whole + gap) if whole + gap else 0.0 for one, gap in zip(total, gaps, strict=True)]

    def _fires(self, sql: str) -> frozenset[int]:
        """Rows for which the rule's condition holds."""
        if sql not in self._fired:
            try:
                found = self._db.execute(f"SELECT rowid FROM temp.facts WHERE ({sql}) IS TRUE").fetchall()
            except sqlite3.OperationalError as error:
                raise ConfigError(
                    f"A rule reads what was not computed for this evaluation: {error}.",
                    fix="Use a fact that the programme reads already, or try it with `kamsync simulate --criteria FILE`.",
                ) from error
            self._fired[sql] = frozenset(rowid - 1 for (rowid,) in found)
        return self._fired[sql]

    def _candidates(self, score: list[float] | None, tiers: Sequence[Tier], fired: Iterable[frozenset[int]]) -> list[int]:
        """Rows that could have a tier, in their order."""
        if self._leads:
            return list(range(len(self._ids)))
        near: set[int] = set()
        if score is not None and tiers:
            least = self._least(score, tiers) - NEAR
            near = {row for row, value in enumerate(score) if value >= least and self._eligible[row]}
        return sorted(near.union(self._always, *fired))

    def _least(self, score: Sequence[float], tiers: Sequence[Tier]) -> float:
        """The score below which nobody who has no tier yet, and whom no rule concerns, can get one.

        Such an account gets a place only if all that score better have one too, so never behind as many as there are places;
        but for a tier that limits its owners, where it may pass better ones whose owner is full: there its threshold counts.
        """
        least = min(tier.enter for tier in tiers)
        limits = [places_in(tier, self._counted) for tier in tiers]
        if any(limit is None for limit in limits):
            return least
        places = sum(limit or 0 for limit in limits) + len(self._always)
        best = sorted((value for value, takes_part in zip(score, self._eligible, strict=True) if takes_part), reverse=True)
        if places < len(best):
            least = max(least, best[places])
        return min([least, *(tier.enter for tier in tiers if tier.max_per_owner is not None)])

    def _stand(
        self,
        rows: Sequence[int],
        compiled: CompiledProgram,
        axes: Sequence[Sequence[int]],
        weights: Sequence[Sequence[float]],
        fired: Sequence[frozenset[int]],
    ) -> Iterable[Standing]:
        """Standings as `Scores` makes them, of some rows."""
        columns = [[None if column[row] != column[row] else column[row] for row in rows] for column in self._scores.scaled]
        known = [[not column[row] for row in rows] for column in self._scores.unknown]
        for position, row in enumerate(rows):
            if not self._eligible[row]:
                for column, knows in zip(columns, known, strict=True):
                    column[position], knows[position] = None, False
        made = measures(compiled.program, axes, weights, columns, known, len(rows))
        for position, row in enumerate(rows):
            account_id, (owner, won) = self._ids[row], self._facts[row]
            yield Standing(
                account_id,
                owner,
                self._eligible[row],
                made.score[position],
                made.attractiveness[position],
                made.strength[position],
                made.health[position],
                made.coverage[position] if self._eligible[row] else 0.0,
                won or 0.0,
                self._held.get(account_id, NOTHING_HELD),
                tuple(number for number, rows_of in enumerate(fired) if row in rows_of),
                counts=bool(self._scores.counts[row]),
                lead=self._leads.get(account_id),
            )

    def _ground(
        self, attractiveness: Sequence[float] | None, strength: Sequence[float] | None, without: set[int]
    ) -> Mapping[tuple[int, int], int]:
        found: dict[tuple[int, int], int] = {}
        if attractiveness is None or strength is None:
            return found
        top = 100 // CELL - 1
        for row, (x, y) in enumerate(zip(strength, attractiveness, strict=True)):
            if self._eligible[row] and row not in without:
                cell = (min(int(x // CELL), top) * CELL, min(int(y // CELL), top) * CELL)
                found[cell] = found.get(cell, 0) + 1
        return found


def _has_gaps(column: array[float]) -> bool:
    return math.isnan(math.fsum(column))


def _without_weight(criterion: Criterion) -> object:
    return as_plain(replace(criterion, weight=0.0, label=""))

"""From scores to tiers: hysteresis, rules, holds, capacity, overrides, drift (DECISIONS.md §6). Pure.

`settle` takes every account of the programme at once, because capacity compares them. Tiers are indexes into the programme's
list, best first; `len(tiers)` is no tier. Order of input never matters: ties end at the account id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.decide.decision import Capacity, Code, Decision
from kamsync.decide.program import NO_TIER, Held, Program, Rule


@dataclass(slots=True)
class Standing:
    """One account on its way to a tier. `fired` are indexes of the rules that hold for it."""

    account_id: str
    owner_id: str | None
    eligible: bool
    score: float | None
    attractiveness: float | None
    strength: float | None
    health_score: float | None
    coverage: float
    won_amount_12m: float
    held: Held
    fired: tuple[int, ...] = ()
    current: int = 0
    since: date | None = None
    placed: int = 0
    floor: int | None = None
    ceiling: int = 0
    code: Code = "score"
    until: date | None = None
    override: str | None = None
    drifted: bool = False
    writes_override: bool = False
    capacity: Capacity | None = None
    notes: tuple[str, ...] = ()


def settle(standings: Sequence[Standing], program: Program, as_of: date) -> Iterable[Decision]:
    """One decision for each standing, in the order given."""
    ladder = Ladder(program, as_of)
    for standing in standings:
        ladder.place(standing)
    ladder.fill(standings)
    return (ladder.decision(standing) for standing in standings)


class Ladder:
    """The programme's tiers with the day for which they are decided."""

    def __init__(self, program: Program, as_of: date) -> None:
        self._program = program
        self._as_of = as_of
        self._tiers = program.tiers
        self._none = len(program.tiers)
        self._exact = {tier.name: index for index, tier in enumerate(program.tiers)}
        self._folded = {tier.name.casefold(): index for index, tier in enumerate(program.tiers)}

    def place(self, standing: Standing) -> None:
        """§6.1 to §6.4, §6.6 and §6.7: everything but capacity."""
        self._see_current(standing)
        if self._overridden(standing):
            return
        if not standing.eligible:
            standing.placed, standing.code = self._none, "not_eligible"
            return
        rules = [self._program.rules[index] for index in standing.fired]
        if any(rule.exclude for rule in rules):
            standing.placed, standing.code = self._none, "excluded"
            return
        self._by_score(standing)
        self._by_rules(standing, rules)
        self._by_holds(standing)

    def fill(self, standings: Iterable[Standing]) -> None:
        """§6.5: best tier first; who does not fit competes further down."""
        waiting: list[list[Standing]] = [[] for _ in range(self._none + 1)]
        taken: list[list[Standing]] = [[] for _ in range(self._none + 1)]
        eligible = 0
        for standing in standings:
            eligible += standing.eligible
            fixed = standing.code == "override" or self._is_promised(standing)
            (taken if fixed else waiting)[standing.placed].append(standing)
        for index in range(self._none):
            for pushed in self._full(index, waiting[index], taken[index], eligible):
                pushed.placed = self._next_below(pushed, index)
                pushed.code = "capacity"
                (taken if self._is_promised(pushed) else waiting)[pushed.placed].append(pushed)

    def decision(self, standing: Standing) -> Decision:
        """The settled values of one account."""
        moved = standing.placed != standing.current
        since = self._as_of if moved else standing.since or self._as_of
        better, missing = self._next_up(standing)
        return Decision(
            account_id=standing.account_id,
            tier=self._name(standing.placed),
            previous_tier=self._name(standing.current),
            since=since,
            code=standing.code,
            eligible=standing.eligible,
            score=standing.score,
            attractiveness=standing.attractiveness,
            strength=standing.strength,
            health_score=standing.health_score,
            coverage=standing.coverage,
            segment=self._segment(standing),
            health=self._health(standing.health_score),
            override=standing.override,
            until=standing.until,
            capacity=standing.capacity,
            fired=tuple(self._program.rules[i].reason or self._program.rules[i].when.text for i in standing.fired),
            next_tier=better,
            points_missing=missing,
            notes=standing.notes,
            drifted=standing.drifted,
            writes_override=standing.writes_override,
        )

    def _see_current(self, standing: Standing) -> None:
        """The current tier: what people see, under `reclaim` what was decided, also where people see no tier of the programme."""
        held = standing.held
        shown, decided = self._index(held.tier), self._index(held.decided_tier)
        known = held.decided_tier is not None
        standing.drifted = known and shown != decided
        if shown is None:
            standing.notes += (f"the CRM's tier {held.tier!r} is none of this programme; it counts as {self._name_of(decided)}",)
            standing.drifted = False
            shown = decided if known else self._none
        if self._program.drift == "reclaim" and known:
            shown = decided
        standing.current = self._none if shown is None else shown
        standing.since = held.since

    def _overridden(self, standing: Standing) -> bool:
        """A person's choice: the override field until its date, else a tier that was changed by hand."""
        held = standing.held
        wanted = (held.override or "").strip()
        if wanted:
            index = self._index(wanted)
            if index is None:
                standing.notes += (f"the override {held.override!r} names no tier and is ignored",)
            elif held.override_until is None or self._as_of <= held.override_until:
                standing.placed, standing.code = index, "override"
                standing.override, standing.until = self._name(index), held.override_until
                standing.writes_override = held.inherited
                if standing.drifted:
                    self._moves_from_decided(standing)
                    standing.drifted = False  # a person has said what they want where it belongs
                    if index != self._index(held.tier):
                        standing.notes += (f"the tier was changed to {held.tier or NO_TIER!r} by hand; the override holds",)
                return True
        return self._adopted(standing)

    def _adopted(self, standing: Standing) -> bool:
        """§6.7: a person changed the tier, or had one before this program ever wrote; it becomes the override that it is."""
        held, program = standing.held, self._program
        index = self._index(held.tier)
        drifted = standing.drifted and program.drift == "adopt"
        never_wrote = held.is_mapped and held.decided_tier is None
        existed = program.existing_tiers == "override" and never_wrote and index != self._none
        if index is None or not (drifted or existed):
            return False
        standing.placed, standing.code, standing.writes_override = index, "override", True
        standing.override, standing.until = self._name(index), self._as_of + timedelta(days=program.adopt_days)
        if drifted:
            self._moves_from_decided(standing)
        return True

    def _moves_from_decided(self, standing: Standing) -> None:
        """By whichever field a person chose, the account moves from what had been decided to what they want."""
        decided = self._index(standing.held.decided_tier)
        standing.current = self._none if decided is None else decided

    def _by_score(self, standing: Standing) -> None:
        standing.placed, standing.code = self._none, "score"
        if standing.score is None:
            return
        for index, tier in enumerate(self._tiers):
            if standing.score >= tier.enter:
                standing.placed = index
                return
            if index >= standing.current and standing.score >= tier.leave:
                standing.placed, standing.code = index, "hysteresis"
                return

    def _by_rules(self, standing: Standing, rules: Sequence[Rule]) -> None:
        floors = [self._exact[rule.floor] for rule in rules if rule.floor is not None]
        ceilings = [self._ceiling(rule.ceiling) for rule in rules if rule.ceiling is not None]
        if floors:
            standing.floor = min(floors)
            if standing.floor < standing.placed:
                standing.placed, standing.code = standing.floor, "floor"
        if ceilings:
            standing.ceiling = max(ceilings)
            if standing.ceiling > standing.placed:
                standing.placed, standing.code = standing.ceiling, "ceiling"

    def _by_holds(self, standing: Standing) -> None:
        if round(standing.coverage, 9) < self._program.min_coverage:
            standing.placed, standing.code = standing.current, "low_coverage"
            return
        if standing.placed > standing.current and self._is_young(standing):
            standing.placed, standing.code = standing.current, "min_days"

    def _is_young(self, standing: Standing) -> bool:
        """In its current tier for less than that tier's `min_days`."""
        if standing.current == self._none or standing.since is None:
            return False
        return (self._as_of - standing.since).days < self._tiers[standing.current].min_days

    def _is_promised(self, standing: Standing) -> bool:
        """A promise to a customer: nobody leaves a tier before its `min_days` for lack of room."""
        return standing.placed == standing.current and standing.placed != self._none and self._is_young(standing)

    def _full(self, index: int, waiting: list[Standing], taken: list[Standing], eligible: int) -> list[Standing]:
        """Those of `waiting` for whom tier `index` has no room, each with its rank and the limit that it met."""
        tier = self._tiers[index]
        limits = [("max_accounts", tier.max_accounts)]
        if tier.top_percent is not None:
            share = math.ceil(round(tier.top_percent * eligible / 100, 9))
            limits.append(("top_percent", share))
        given = [(limit, kind) for kind, limit in limits if limit is not None]
        if not given and tier.max_per_owner is None:
            return []
        most, kind = min(given, default=(None, "max_accounts"))
        per_owner = Counter(standing.owner_id for standing in taken)
        count, pushed = len(taken), []
        for rank, standing in enumerate(sorted(waiting, key=lambda s: self._rank(s, index)), start=len(taken) + 1):
            owner_full = (
                tier.max_per_owner is not None and standing.owner_id and per_owner[standing.owner_id] >= tier.max_per_owner
            )
            if most is not None and count >= most:
                standing.capacity = standing.capacity or Capacity(tier.name, rank, most, kind)  # type: ignore[arg-type]  # from `limits`
            elif owner_full and tier.max_per_owner is not None:
                standing.capacity = standing.capacity or Capacity(tier.name, rank, tier.max_per_owner, "max_per_owner")
            else:
                count += 1
                per_owner[standing.owner_id] += 1
                continue
            pushed.append(standing)
        return pushed

    def _rank(self, standing: Standing, index: int) -> tuple[float, float, str]:
        """Best first: score, with the tier's own margin for those who are in it, revenue, then the id."""
        tier = self._tiers[index]
        bonus = tier.enter - tier.leave if standing.current == index else 0.0
        score = -math.inf if standing.score is None else round(standing.score + bonus, 6)
        return (-score, -standing.won_amount_12m, standing.account_id)

    def _next_below(self, standing: Standing, index: int) -> int:
        """The next tier that the score reaches, the floor promises (every tier from itself down), or that it may not leave yet.

        Never one above a ceiling.
        """
        for below in range(max(index + 1, standing.ceiling), self._none):
            tier = self._tiers[below]
            enters = standing.score is not None and standing.score >= tier.enter
            stays = standing.score is not None and below >= standing.current and standing.score >= tier.leave
            promised = below == standing.current and self._is_young(standing)
            if enters or stays or promised or (standing.floor is not None and below >= standing.floor):
                return below
        return self._none

    def _next_up(self, standing: Standing) -> tuple[str | None, float | None]:
        if standing.placed == 0 or not self._tiers:
            return None, None
        better = self._tiers[standing.placed - 1]
        return better.name, None if standing.score is None else round(better.enter - standing.score, 2)

    def _segment(self, standing: Standing) -> str | None:
        if standing.attractiveness is None or standing.strength is None:
            return None
        attractive = standing.attractiveness >= self._program.segment_attractiveness
        strong = standing.strength >= self._program.segment_strength
        return {(True, True): "key", (True, False): "development", (False, True): "maintenance"}.get(
            (attractive, strong), "opportunistic"
        )

    def _health(self, health_score: float | None) -> str | None:
        if health_score is None:
            return None
        if health_score >= self._program.health_green:
            return "green"
        return "amber" if health_score >= self._program.health_amber else "red"

    def _ceiling(self, name: str) -> int:
        return self._none if name == NO_TIER else self._exact[name]

    def _name(self, index: int) -> str:
        return NO_TIER if index == self._none else self._tiers[index].name

    def _name_of(self, index: int | None) -> str:
        return "no tier" if index is None or index == self._none else self._tiers[index].name

    def _index(self, name: str | None) -> int | None:
        """A tier's index, `none` and empty included; None for a word that is no tier."""
        text = (name or "").strip()
        if not text or text.casefold() == NO_TIER:
            return self._none
        return self._exact.get(text, self._folded.get(text.casefold()))


def tier_order(program: Program) -> Mapping[str, int]:
    """Each tier's place, best 0; NO_TIER last."""
    return {**{tier.name: index for index, tier in enumerate(program.tiers)}, NO_TIER: len(program.tiers)}

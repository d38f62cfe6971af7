"""From scores to tiers: hysteresis, rules, holds, seats, capacity, reviews, overrides, drift (DECISIONS.md §6). Pure.

`settle` takes every account of the programme at once, because capacity compares them. Tiers are indexes into the programme's
list, best first; `len(tiers)` is no tier. Order of input never matters: ties end at the account id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

from kamsync.decide.candidate import Standing, is_young
from kamsync.decide.decision import Code, Decision
from kamsync.decide.places import fill_places
from kamsync.decide.program import NO_TIER, Held, Program, Rule

_SETTLED: frozenset[Code] = frozenset({"override", "not_eligible", "excluded", "group"})  # no review and no seat touches them
_ANY_TIME: frozenset[Code] = _SETTLED | {"floor", "ceiling", "seat"}  # what moves tiers between reviews


def settle(
    standings: Sequence[Standing],
    program: Program,
    as_of: date,
    seating: Sequence[Sequence[str]] = (),
    *,
    counted_elsewhere: int = 0,
) -> Iterable[Decision]:
    """One decision for each standing, in the order given.

    `seating`: for each of the programme's seats the ids of those who could have it, in the order of their claim.
    `counted_elsewhere`: accounts of which `top_percent` is a share and that are not among the standings: they cannot
    have a tier.
    """
    ladder = Ladder(program, as_of, counted_elsewhere)
    ladder.place_all(standings)
    ladder.seat(standings, seating)
    fill_places(standings, program, as_of, counted_elsewhere=counted_elsewhere)
    if is_between_reviews(standings, program, as_of):
        ladder.hold_until_review(standings)
    ladder.follow_leads(standings)
    return (ladder.decision(standing) for standing in standings)


def is_between_reviews(standings: Iterable[Standing], program: Program, as_of: date) -> bool:
    """The day's month is none of the programme's review months, nor the one in which the org was decided for the first time.

    That month is read from the CRM, so that a first run that was killed is carried on: nobody took a tier before it, and somebody
    took one in it by score. Where all moved in it for what acts at any time (people, rules, seats), the org was decided before.
    """
    if not program.review_months or as_of.month in program.review_months:
        return False
    month = as_of.replace(day=1)
    decided = [one for one in standings if _was_decided(one.held) and one.held.since is not None]
    earlier = any(one.held.since is not None and one.held.since < month for one in decided)
    return earlier or (bool(decided) and all(one.code in _ANY_TIME or one.held.override for one in decided))


def _was_decided(held: Held) -> bool:
    return held.decided_tier is not None if held.is_mapped else bool(held.tier)


class Ladder:
    """The programme's tiers with the day for which they are decided."""

    def __init__(self, program: Program, as_of: date, counted_elsewhere: int = 0) -> None:
        self._program, self._counted_elsewhere = program, counted_elsewhere
        self._as_of = as_of
        self._tiers = program.tiers
        self._none = len(program.tiers)
        self._exact = {tier.name: index for index, tier in enumerate(program.tiers)}
        self._folded = {tier.name.casefold(): index for index, tier in enumerate(program.tiers)}

    def place_all(self, standings: Sequence[Standing]) -> None:
        """Each standing; the members of groups first, because a new lead stands where they stood."""
        members = [one for one in standings if one.lead is not None]
        for standing in members:
            self.place(standing)
        before = self._best_of_groups(members)
        for standing in standings:
            if standing.lead is None:
                self.place(standing, before.get(standing.account_id))

    def _best_of_groups(self, members: Iterable[Standing]) -> dict[str, tuple[int, date]]:
        """By lead: the best tier that a member has by itself, and the earliest day since when."""
        found: dict[str, tuple[int, date]] = {}
        for one in members:
            if one.lead is not None and one.code == "group" and one.current != self._none:
                stood = (one.current, one.since or self._as_of)
                found[one.lead] = min(stood, found.get(one.lead, stood))
        return found

    def place(self, standing: Standing, group_before: tuple[int, date] | None = None) -> None:
        """§6.1 to §6.4, §6.6 and §6.7: everything but capacity.

        `group_before`: where the group of a lead stood that was never decided itself, because it was put above the group later.
        """
        self._see_current(standing)
        if group_before is not None and standing.current == self._none and standing.held.decided_tier is None:
            standing.current, standing.since = group_before
        if self._overridden(standing):
            return
        if standing.lead is not None:
            standing.placed, standing.code = self._none, "group"
            return
        if not standing.eligible:
            standing.placed, standing.code = self._none, "not_eligible"
            return
        rules = self._fired(standing)
        if any(rule.exclude for rule in rules):
            standing.placed, standing.code = self._none, "excluded"
            return
        self._by_score(standing)
        self._by_rules(standing, rules)
        self._by_holds(standing)

    def seat(self, standings: Iterable[Standing], seating: Sequence[Sequence[str]]) -> None:
        """§6.5: reserved places, those of the best tier first; nobody takes two, and none above a ceiling."""
        claims = sorted(zip(self._program.seats, seating, strict=True), key=lambda claim: self._exact[claim[0].tier])
        if not any(ids for _, ids in claims):
            return
        by_id = {one.account_id: one for one in standings}
        for order, (seat, ids) in enumerate(claims):
            tier = self._exact[seat.tier]
            free = [one for one in map(by_id.__getitem__, ids) if self._may_sit(one, tier)]
            for turn, standing in enumerate(free[: seat.count]):
                standing.seat, standing.seat_order, standing.seat_reason = tier, (order, turn), seat.reason or seat.when.text
                self._take_seat(standing)

    def _may_sit(self, standing: Standing, tier: int) -> bool:
        return standing.code not in _SETTLED and standing.seat is None and standing.ceiling <= tier

    def _take_seat(self, standing: Standing) -> None:
        if standing.seat is not None and standing.placed >= standing.seat:
            standing.placed, standing.code = standing.seat, "seat"

    def hold_until_review(self, standings: Sequence[Standing]) -> None:
        """§6.5: score, hysteresis and capacity wait for the next review; all else acts on the tier that the account has.

        What was settled so far is what the review would make of it.
        """
        found = [(one.placed, one.code, one.capacity) for one in standings]
        for standing in standings:
            if standing.code not in _SETTLED:
                self._place_again(standing)
        fill_places(standings, self._program, self._as_of, keeps_all=True, counted_elsewhere=self._counted_elsewhere)
        for standing, (placed, code, capacity) in zip(standings, found, strict=True):
            if standing.placed == placed:
                standing.code, standing.capacity = code, capacity
            else:
                standing.would_be = placed

    def _place_again(self, standing: Standing) -> None:
        """From the current tier, or from a better score where rises are let through."""
        standing.capacity = None
        self._by_score(standing)
        if self._program.review_between != "rises" or standing.placed >= standing.current:
            standing.placed, standing.code = standing.current, "review"
        self._by_rules(standing, self._fired(standing), agreeing=True)
        self._by_holds(standing)
        self._take_seat(standing)

    def follow_leads(self, standings: Iterable[Standing]) -> None:
        """The members of a group have its lead's tier; where they are left alone, none of their own."""
        members = [one for one in standings if one.code == "group"]
        if not members:
            return
        leads = {one.account_id: one for one in standings}
        for member in members:
            if self._program.members == "none":
                member.current = self._none
            elif member.lead is not None:
                member.placed = leads[member.lead].placed

    def _fired(self, standing: Standing) -> list[Rule]:
        return [self._program.rules[index] for index in standing.fired]

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
            notes=(*standing.notes, *self._written_back(standing)),
            drifted=standing.drifted,
            writes_override=standing.writes_override,
            seat=standing.seat_reason if standing.code == "seat" else "",
            would_be=None if standing.would_be is None else self._name(standing.would_be),
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

    def _written_back(self, standing: Standing) -> tuple[str, ...]:
        """Under `reclaim`: that a person's tier does not stay."""
        theirs = self._index(standing.held.tier)
        if not standing.drifted or standing.code == "override" or theirs == standing.placed:
            return ()
        return (f"the tier was changed to {standing.held.tier or NO_TIER!r} by hand; it is written back",)

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

    def _by_rules(self, standing: Standing, rules: Sequence[Rule], *, agreeing: bool = False) -> None:
        """`agreeing`: a rule settles the tier also where the account would be in it without."""
        floors = [self._exact[rule.floor] for rule in rules if rule.floor is not None]
        ceilings = [self._ceiling(rule.ceiling) for rule in rules if rule.ceiling is not None]
        if floors:
            standing.floor = min(floors)
            if standing.floor < standing.placed + agreeing:
                standing.placed, standing.code = standing.floor, "floor"
        if ceilings:
            standing.ceiling = max(ceilings)
            if standing.ceiling > standing.placed - agreeing:
                standing.placed, standing.code = standing.ceiling, "ceiling"

    def _by_holds(self, standing: Standing) -> None:
        if round(standing.coverage, 9) < self._program.min_coverage:
            standing.placed, standing.code = standing.current, "low_coverage"
            return
        if standing.placed > standing.current and is_young(standing, self._program, self._as_of):
            standing.placed, standing.code = standing.current, "min_days"

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

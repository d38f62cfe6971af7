"""Who has a place in a tier that is limited: capacity of DECISIONS.md §6.5. Pure.

Places are taken in this order: overrides; accounts that may not leave yet; seats; then by rank. Order of input never matters:
ties end at the account id.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import date

from kamsync.decide.candidate import Standing, is_promised, is_young
from kamsync.decide.decision import Capacity
from kamsync.decide.program import Program, Tier

Rank = tuple[int, tuple[int, int], float, float, str]


def fill_places(
    standings: Iterable[Standing], program: Program, as_of: date, *, keeps_all: bool = False, counted_elsewhere: int
) -> None:
    """Best tier first; who does not fit competes further down. `keeps_all`: nobody leaves the current tier for lack of room.

    `counted_elsewhere`: accounts of which `top_percent` is a share and that are not among the standings.
    """
    _Places(program, as_of, keeps_all).fill(standings, counted_elsewhere)


class _Places:
    def __init__(self, program: Program, as_of: date, keeps_all: bool) -> None:
        self._program, self._as_of, self._keeps_all = program, as_of, keeps_all
        self._tiers, self._none = program.tiers, len(program.tiers)

    def fill(self, standings: Iterable[Standing], counted: int) -> None:
        waiting: list[list[Standing]] = [[] for _ in range(self._none + 1)]
        taken: list[list[Standing]] = [[] for _ in range(self._none + 1)]
        for standing in standings:
            counted += standing.eligible and standing.counts
            if standing.code != "group":
                (taken if self._stays(standing) else waiting)[standing.placed].append(standing)
        for index in range(self._none):
            for pushed in self._full(index, waiting[index], taken[index], counted):
                pushed.placed = self._next_below(pushed, index)
                pushed.code = "seat" if pushed.placed == pushed.seat else "capacity"
                (taken if self._stays(pushed) else waiting)[pushed.placed].append(pushed)

    def _stays(self, standing: Standing) -> bool:
        """Takes its place before all others."""
        if standing.code == "override" or is_promised(standing, self._program, self._as_of):
            return True
        return self._keeps_all and standing.placed == standing.current

    def _full(self, index: int, waiting: list[Standing], taken: list[Standing], counted: int) -> list[Standing]:
        """Those of `waiting` for whom tier `index` has no room, each with its rank and the limit that it met."""
        tier = self._tiers[index]
        most = _smallest_limit(tier, counted)
        if most is None and tier.max_per_owner is None:
            return []
        per_owner = Counter(standing.owner_id for standing in taken)
        count, pushed = len(taken), []
        for rank, standing in enumerate(sorted(waiting, key=lambda s: self._rank(s, index)), start=len(taken) + 1):
            owner_full = (
                tier.max_per_owner is not None and standing.owner_id and per_owner[standing.owner_id] >= tier.max_per_owner
            )
            if most is not None and count >= most.limit:
                standing.capacity = standing.capacity or Capacity(tier.name, rank, most.limit, most.kind)
            elif owner_full and tier.max_per_owner is not None:
                standing.capacity = standing.capacity or Capacity(tier.name, rank, tier.max_per_owner, "max_per_owner")
            else:
                count += 1
                per_owner[standing.owner_id] += 1
                continue
            pushed.append(standing)
        return pushed

    def _rank(self, standing: Standing, index: int) -> Rank:
        """Best first: its seat here; else score, with the tier's own margin for those who are in it, revenue, then the id."""
        tier = self._tiers[index]
        seated = standing.seat == index
        bonus = tier.enter - tier.leave if standing.current == index else 0.0
        score = -math.inf if standing.score is None else round(standing.score + bonus, 6)
        turn = standing.seat_order if seated else (0, 0)
        return (not seated, turn, -score, -standing.won_amount_12m, standing.account_id)

    def _next_below(self, standing: Standing, index: int) -> int:
        """The next tier that the score reaches, the floor promises (every tier from itself down), where it has a seat, or that
        it does not leave yet. Never one above a ceiling.
        """
        for below in range(max(index + 1, standing.ceiling), self._none):
            tier = self._tiers[below]
            enters = standing.score is not None and standing.score >= tier.enter
            stays = standing.score is not None and below >= standing.current and standing.score >= tier.leave
            kept = self._keeps_all or is_young(standing, self._program, self._as_of)
            promised = below == standing.current and kept
            held = promised or below == standing.seat or (standing.floor is not None and below >= standing.floor)
            if held or enters or stays:
                return below
        return self._none


def places_in(tier: Tier, counted: int) -> int | None:
    """How many accounts the tier takes as a whole, where `top_percent` is a share of so many; None where it is not limited."""
    limit = _smallest_limit(tier, counted)
    return None if limit is None else limit.limit


def _smallest_limit(tier: Tier, counted: int) -> Capacity | None:
    """The limit of the tier as a whole that is met first; its rank says nothing."""
    limits = [] if tier.max_accounts is None else [Capacity(tier.name, 0, tier.max_accounts, "max_accounts")]
    if tier.top_percent is not None:
        share = math.ceil(round(tier.top_percent * counted / 100, 9))
        limits.append(Capacity(tier.name, 0, share, "top_percent"))
    return min(limits, key=lambda limit: limit.limit, default=None)

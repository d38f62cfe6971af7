"""Two sets of decisions on the same accounts compared: who moves where, who enters, who leaves, what each owner carries. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kamsync.decide.decision import Decision
from kamsync.decide.program import NO_TIER


@dataclass(frozen=True, slots=True)
class Move:
    """One account that would be in another tier. `before` and `after` are whole decisions, for their reasons."""

    before: Decision
    after: Decision


@dataclass(frozen=True, slots=True)
class Comparison:
    """`matrix` counts accounts by (tier before, tier after); `load` counts key accounts by owner id, before and after."""

    matrix: Mapping[tuple[str, str], int]
    entering: tuple[Move, ...]
    leaving: tuple[Move, ...]
    moving: tuple[Move, ...]
    load: Mapping[str, tuple[int, int]]


def compare(before: Iterable[Decision], after: Mapping[str, Decision], owners: Mapping[str, str]) -> Comparison:
    """`after` by account id must hold every account of `before`; `owners` maps account id to owner id."""
    matrix: Counter[tuple[str, str]] = Counter()
    then: Counter[str] = Counter()
    now: Counter[str] = Counter()
    moves: list[Move] = []
    for old in before:
        new = after[old.account_id]
        matrix[(old.tier, new.tier)] += 1
        owner = owners.get(old.account_id, "")
        then[owner] += old.tier != NO_TIER
        now[owner] += new.tier != NO_TIER
        if old.tier != new.tier:
            moves.append(Move(old, new))
    return Comparison(
        matrix=dict(matrix),
        entering=tuple(m for m in moves if m.before.tier == NO_TIER),
        leaving=tuple(m for m in moves if m.after.tier == NO_TIER),
        moving=tuple(m for m in moves if NO_TIER not in (m.before.tier, m.after.tier)),
        load={owner: (then[owner], now[owner]) for owner in sorted(then | now) if then[owner] or now[owner]},
    )

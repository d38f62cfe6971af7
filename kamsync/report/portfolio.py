"""The portfolio as rows that people filter and sort: who is in which tier, whose, in which segment and health. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from kamsync.decide.decision import Decision


@dataclass(frozen=True, slots=True)
class AccountRow:
    """A decision with the names that it does not hold. `tier_rank` counts from 0, the best tier."""

    decision: Decision
    name: str
    owner_id: str
    owner: str
    tier_rank: int


@dataclass(frozen=True, slots=True)
class Filters:
    """Which accounts to show; None takes all. `owner_ids` are those of everybody whom the asked name fits."""

    tier: str | None = None
    owner_ids: frozenset[str] | None = None
    segment: str | None = None
    health: str | None = None

    def take(self, row: AccountRow) -> bool:
        """Whether the row passes all of them."""
        decision = row.decision
        return (
            self.tier in (None, decision.tier)
            and (self.owner_ids is None or row.owner_id in self.owner_ids)
            and self.segment in (None, decision.segment or "none")
            and self.health in (None, decision.health or "none")
        )


_HEALTHS = ("red", "amber", "green")  # the most urgent first
Key = Callable[[AccountRow], float | str | None]
# Each column in the order that is asked for most: best tier, highest score, most urgent health, newest day, names from A to Z.
COLUMNS: Mapping[str, Key] = MappingProxyType(
    {
        "tier": lambda row: row.tier_rank,
        "score": lambda row: _descending(row.decision.score),
        "attractiveness": lambda row: _descending(row.decision.attractiveness),
        "strength": lambda row: _descending(row.decision.strength),
        "segment": lambda row: row.decision.segment,
        "health": lambda row: _HEALTHS.index(row.decision.health) if row.decision.health in _HEALTHS else None,
        "since": lambda row: _descending(row.decision.since.toordinal() if row.decision.since else None),
        "account": lambda row: row.name.casefold(),
        "owner": lambda row: row.owner.casefold() or None,
        "code": lambda row: row.decision.code,
    }
)


def sort_rows(rows: Iterable[AccountRow], columns: Sequence[str]) -> list[AccountRow]:
    """By the columns, the first one first; `-` before a name turns it round. What is not known comes last either way.

    Ties by tier, score and id. Raises KeyError for a name that is no column.
    """
    ordered = sorted(rows, key=lambda row: (row.tier_rank, -(row.decision.score or 0.0), row.decision.account_id))
    for column in reversed(columns):
        key = COLUMNS[column.removeprefix("-")]
        known = [(value, row) for row in ordered if (value := key(row)) is not None]
        known.sort(key=_first, reverse=column.startswith("-"))
        ordered = [row for _, row in known] + [row for row in ordered if key(row) is None]
    return ordered


def _first(pair: tuple[float | str, AccountRow]) -> float | str:
    return pair[0]


def _descending(value: float | None) -> float | None:
    return None if value is None else -value

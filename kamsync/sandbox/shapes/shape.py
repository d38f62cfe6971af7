"""What sets one kind of company apart from another, in numbers: the seven shapes. No code of a shape's own anywhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Shape:
    """Money is EUR a year, rates are a year, shares 0…1.

    `spread`: sigma of the logarithm of what customers spend (0.4 is flat, 1.5 has a heavy tail). `momentum`: sigma of the yearly
    logarithmic growth, half of which lasts into the next year. `risers`: share of customers that multiply within eighteen months,
    and show it beforehand. `late`: share of renewals that are signed after the contract has ended. `gap_days`: the usual time
    between two contacts; `logged`: share of them that anybody writes down. `branches`: how many a group has, where customers come
    in groups; the group's head buys nothing itself. `strategic`: customers of little revenue that open doors, with evidence that
    somebody confirms again and again; `pretenders`: said to be strategic, without evidence or with an old one.
    """

    name: str
    accounts: int
    history_months: int
    owners: int
    spend: float
    spread: float
    prospects: float = 0.2
    orders: float = 4.0
    win: float = 0.45
    logs_losses: bool = True
    churn: float = 0.1
    momentum: float = 0.2
    risers: float = 0.05
    yearly: float = 0.0
    three_years: float = 0.0
    late: float = 0.3
    gap_days: float = 14.0
    logged: float = 0.9
    branches: tuple[int, int] | None = None
    related: float = 0.1
    strategic: int = 5
    pretenders: int = 5


_SHAPES = (
    # A few customers bring most of it: projects that last, a long sales cycle, losses written down.
    Shape("enterprise", 400, 60, 16, spend=180_000, spread=1.4, orders=3.0, win=0.4, churn=0.06, momentum=0.25),
    # Many alike, small orders, short memories.
    Shape("smb", 900, 48, 6, spend=6_000, spread=0.5, prospects=0.15, orders=4.0, win=0.6, logs_losses=False, churn=0.18,
          momentum=0.2, risers=0.03, gap_days=35, logged=0.6, related=0.02, strategic=4, pretenders=4),
    # Contracts of one year and of three; renewals that come when the lawyers are done.
    Shape("subscription", 500, 60, 12, spend=24_000, spread=0.9, win=0.5, churn=0.1, momentum=0.15, yearly=0.72, three_years=0.28,
          late=0.35, gap_days=18, strategic=6, pretenders=6),
    # Seven months old: there is no year before this one.
    Shape("startup", 90, 7, 3, spend=15_000, spread=0.8, prospects=0.35, orders=3.0, win=0.35, churn=0.1, momentum=0.3,
          risers=0.12, gap_days=12, related=0.0, strategic=2, pretenders=2),
    # Sells as others do, and nobody logs a call.
    Shape("silent", 350, 48, 8, spend=40_000, spread=1.1, orders=4.0, logs_losses=False, churn=0.1, logged=0.0,
          strategic=5, pretenders=5),
    # A distributor: holdings whose branches buy, each branch with the owner of its region.
    Shape("groups", 700, 48, 14, spend=12_000, spread=0.8, prospects=0.05, orders=8.0, win=0.6, churn=0.05, momentum=0.2,
          gap_days=20, branches=(3, 24), strategic=5, pretenders=5),
    # Ten lighthouses: little revenue, and others follow them.
    Shape("lighthouse", 320, 48, 8, spend=50_000, spread=1.0, orders=3.0, churn=0.09, strategic=10, pretenders=14),
)  # fmt: skip
SHAPES: Mapping[str, Shape] = MappingProxyType({shape.name: shape for shape in _SHAPES})

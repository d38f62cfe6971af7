"""The key figures of an account that are kept over time, each with its number in the cache. Data.

Numbers are for ever: a cache of any version reads them. A figure is kept where the programme computes it, or where that costs no
further call of the CRM.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Origin = Literal["fact", "field", "decided"]


@dataclass(frozen=True, slots=True)
class Kpi:
    """`source`: the fact, account field or decided value that it is a record of. `digits`: kept behind the point.

    `is_free`: computed from what every run pulls, so kept for every programme.
    """

    number: int
    name: str
    source: str
    origin: Origin = "fact"
    digits: int | None = None
    is_free: bool = False


_KPIS = (
    Kpi(1, "revenue", "won_amount_12m", digits=2, is_free=True),
    Kpi(2, "growth", "growth_12m", digits=4, is_free=True),
    Kpi(3, "pipeline", "open_pipeline", digits=2, is_free=True),
    Kpi(4, "win_rate", "win_rate_24m", digits=4, is_free=True),
    Kpi(5, "engagement", "activities_90d"),
    Kpi(6, "satisfaction", "nps", "field"),
    Kpi(7, "score", "score", "decided"),
    Kpi(8, "health", "health", "decided"),
    Kpi(9, "owner", "owner_id", "field"),
    Kpi(10, "champion", "has_champion"),
)
KPIS: Mapping[str, Kpi] = MappingProxyType({kpi.name: kpi for kpi in _KPIS})
_NO_MEASURE = ("health", "owner", "champion")  # a light, an id, and what is either so or not
MEASURES: Mapping[str, Kpi] = MappingProxyType({name: kpi for name, kpi in KPIS.items() if name not in _NO_MEASURE})
FREE_FACTS = frozenset(kpi.source for kpi in _KPIS if kpi.is_free)

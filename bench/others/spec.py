"""What sets one of the other companies apart, in numbers. Its processes are the same for all: see `life` and `talk`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal


@dataclass(frozen=True, slots=True)
class Spec:
    """Money is EUR a year, rates are a year, shares 0…1.

    `wallet`: what a customer could spend with anybody, drawn from a `tail`: pareto (few have most), gamma (much alike) or
    weibull (between); `shape` is that distribution's own parameter. `orders`: mean number; `burst`: how clustered they come
    (variance over mean, minus one). `wander`: monthly shock of the share of the wallet that we have. `steps`: share of customers
    that give us much more at once one day. `hazard`: share of contented customers that leave a year. `contracts`: share under
    one. `logged`: how much owners write down, each in his own way around it. `kin`: how likely a new account belongs to a group.
    """

    name: str
    accounts: int
    history_months: int
    owners: int
    wallet: float
    tail: Literal["pareto", "gamma", "weibull"]
    shape: float
    orders: float
    burst: float = 0.6
    wander: float = 0.18
    steps: float = 0.06
    hazard: float = 0.08
    prospects: float = 0.2
    contracts: float = 0.0
    logs_losses: bool = True
    logged: float = 0.7
    gap_days: float = 16.0
    kin: float = 0.05
    strategic: int = 5
    pretenders: int = 6

    def draw_wallet(self, dice: Random) -> float:
        """One customer's."""
        match self.tail:
            case "pareto":
                return self.wallet * min(dice.paretovariate(self.shape), 400.0) * (self.shape - 1) / self.shape
            case "gamma":
                return self.wallet * dice.gammavariate(self.shape, 1 / self.shape)
        return self.wallet * dice.weibullvariate(1.0, self.shape)


_SPECS = (
    Spec("enterprise", 380, 54, 15, wallet=600_000, tail="pareto", shape=1.25, orders=2.5, hazard=0.05),
    Spec("smb", 850, 42, 5, wallet=14_000, tail="gamma", shape=2.5, orders=5.0, burst=1.0, hazard=0.14, steps=0.03,
         logs_losses=False, logged=0.5, gap_days=40, kin=0.02, strategic=4, pretenders=4),
    Spec("subscription", 450, 54, 11, wallet=70_000, tail="weibull", shape=0.8, orders=0.6, contracts=1.0, hazard=0.09,
         gap_days=20, strategic=6, pretenders=6),
    Spec("startup", 80, 8, 3, wallet=40_000, tail="weibull", shape=0.9, orders=3.5, prospects=0.3, hazard=0.08, steps=0.12,
         wander=0.25, kin=0.0, strategic=2, pretenders=2),
    Spec("silent", 330, 42, 7, wallet=110_000, tail="weibull", shape=0.7, orders=4.5, logs_losses=False, logged=0.0),
    Spec("groups", 650, 42, 12, wallet=30_000, tail="gamma", shape=1.2, orders=7.0, burst=1.0, hazard=0.05, prospects=0.05,
         gap_days=25, kin=0.93),
    Spec("lighthouse", 340, 42, 9, wallet=150_000, tail="weibull", shape=0.75, orders=3.0, strategic=10, pretenders=12),
)  # fmt: skip
SPECS: Mapping[str, Spec] = MappingProxyType({spec.name: spec for spec in _SPECS})

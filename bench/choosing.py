"""Does a preset choose well? Seven companies, decided month by month with what was known then, against what really came.

    python -m bench.choosing [--shapes enterprise,smb] [--presets balanced] [--seeds 7,11] [--others] [--json FILE]

Each company (kamsync.sandbox.shapes) lives two years. On the first of each month every preset decides, holding what it decided
the month before; then its truth, which no CRM shows, judges. Run by hand; some minutes. One seed says little: use several, and
others than the presets were tuned on. `--others` takes companies of the same kinds from a generator that was built in another way
(bench.others), on which nothing was tuned.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from bench.choosing_measures import (
    Day,
    auc,
    by_group,
    doors,
    ever_best,
    exits,
    growth_share,
    healths,
    keyed,
    largest_groups,
    revenue_share,
    size,
    size_of_accounts,
    still_best_after,
)
from bench.others import SPECS, OtherCompany, Spec
from bench.shape_cache import Company, account_id, fill, key_of, programme, turn_back
from kamsync.config.shipped import shipped_names
from kamsync.decide.compiled import compile_program
from kamsync.decide.months import add_months
from kamsync.decide.program import NO_TIER, Criterion, Expression, Held, Place, Program
from kamsync.decide.scales import Linear
from kamsync.sandbox.shapes import SHAPES, Shape, ShapedCompany, Truth
from kamsync.store.evaluate import Evaluation

TODAY = date(2026, 11, 1)
MONTHS_AFTER = 12
LEADS_DAYS = (90, 30)
LOOKS_LOST = 1 / 3


@dataclass(frozen=True, slots=True)
class Figures:
    """One preset in one company. Shares are 0…1; None where a company cannot tell."""

    size: float
    size_share: float
    size_of_accounts: float
    ever: int
    still: float | None
    exits: int
    early: int
    revenue: float
    revenue_by_revenue: float
    growth: float
    growth_by_revenue: float
    strategic: int
    strategic_of: int
    strategic_dropped: int
    pretenders: int
    groups: int
    groups_of: int
    owners: int
    health: Mapping[str, int]
    auc: Mapping[int, float | None]


@dataclass(frozen=True, slots=True)
class LateFigures:
    """Customers under contract, by the criterion that is their worth: shares that look below a third of it in some week."""

    criterion: str
    yearly: int
    yearly_lost: float | None
    three_years: int
    three_years_lost: float | None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of company, and how one of it is drawn."""

    name: str
    history_months: int
    has_contracts: bool
    draw: Callable[[int], Company]


def kinds(*, others: bool) -> Mapping[str, Kind]:
    """Those of the sandbox, or those of the other generator."""
    if others:
        return {one.name: Kind(one.name, one.history_months, one.contracts > 0, partial(_other, one)) for one in SPECS.values()}
    return {
        one.name: Kind(one.name, one.history_months, one.yearly + one.three_years > 0, partial(_shaped, one))
        for one in SHAPES.values()
    }


def _shaped(shape: Shape, seed: int) -> Company:
    return ShapedCompany(shape, today=TODAY, seed=seed)


def _other(spec: Spec, seed: int) -> Company:
    return OtherCompany(spec, today=TODAY, seed=seed)


class Trial:
    """One company with its cache, on which presets are tried."""

    def __init__(self, kind: Kind, seed: int, folder: Path) -> None:
        self.kind, self.company = kind, kind.draw(seed)
        self.truth: Truth = self.company.truth
        self.last = add_months(TODAY, MONTHS_AFTER)
        self.folder, self.path = folder, folder / f"{kind.name}-{seed}.db"
        self._auc: dict[tuple[Criterion, ...], dict[int, float | None]] = {}  # most presets have the same health
        fill(self.path, self.company.at(self.last))

    def programme(self, preset: str) -> Program:
        """The preset for this company; its contracts are mapped where it has any."""
        return programme(self.folder, preset, has_contracts=self.kind.has_contracts)

    @property
    def days(self) -> list[date]:
        months = min(self.kind.history_months - 1, 12)
        return [add_months(TODAY, month) for month in range(-months, MONTHS_AFTER + 1)]

    def decide(self, program: Program) -> list[Day]:
        """Every month, from what the month before left."""
        found: list[Day] = []
        held: dict[str, Held] = {}
        compiled = compile_program(program)
        for day in self.days:
            turn_back(self.path, self.company, day)
            with Evaluation(self.path, compiled, day, replayed=held) as evaluation:
                decisions = list(evaluation.decisions())
                own = [d for d in decisions if d.code != "group"]  # a branch has its group's tier: no choice of its own
                found.append(
                    Day(
                        day,
                        {key_of(d.account_id): d.tier for d in own},
                        {key_of(d.account_id): d.since for d in own if d.since is not None},
                        {key_of(d.account_id): d.health for d in own},
                        {key_of(account): owner for account, owner in evaluation.owners().items()},
                        keyed(evaluation.won_amounts_12m()),
                        {key_of(d.account_id): d.tier for d in decisions if d.code == "group"},
                    )
                )
            held = {d.account_id: Held(None if d.tier == NO_TIER else d.tier, d.since, decided_tier=d.tier) for d in decisions}
        return found

    def figures(self, program: Program) -> Figures:
        days = self.decide(program)
        truth = by_group(self.truth) if program.unit == "group" else self.truth
        total, early = exits(days, program.tiers[0].min_days)
        revenue, growth = revenue_share(days, truth), growth_share(days, truth)
        mean_size, share = size(days, truth)
        strategic, strategic_of, dropped, pretenders = doors(days[-1], truth)
        groups, groups_of, owners = largest_groups(days[-1], self.truth)
        return Figures(
            mean_size, share, size_of_accounts(days, self.truth), ever_best(days[-13:]), still_best_after(days, 12), total, early,
            revenue.chosen, revenue.by_revenue, growth.chosen, growth.by_revenue, strategic, strategic_of, dropped, pretenders,
            groups, groups_of, owners, healths(days[-1]), self.health_auc(program),
        )  # fmt: skip

    def health_auc(self, program: Program) -> dict[int, float | None]:
        """Health so many days before a customer was gone, against those who stayed (at a contract's end, where there are any)."""
        health = tuple(replace(c, label="", place=Place()) for c in program.criteria if c.axis == "health")
        health = tuple(replace(c, value=Expression(c.value.text)) for c in health)
        if program.unit == "account" and health in self._auc:
            return self._auc[health]
        judged = compile_program(replace(program, criteria=health, rules=(), playbooks=()))
        lost: dict[int, list[float]] = {lead: [] for lead in LEADS_DAYS}
        kept: dict[int, list[float]] = {lead: [] for lead in LEADS_DAYS}
        for week, day in enumerate(_weeks(TODAY, self.last, 14)):
            turn_back(self.path, self.company, day)
            with Evaluation(self.path, judged, day, replayed={}) as evaluation:
                scores = {key_of(d.account_id): d.health_score for d in evaluation.decisions() if d.health_score is not None}
            for lead in LEADS_DAYS:
                until = day + timedelta(days=lead)
                since = until - timedelta(days=14)
                lost[lead] += [scores[k] for k, left in self.truth.left.items() if since < left <= until and k in scores]
                kept[lead] += [scores[k] for k in self._staying(since, until, week) if k in scores]
        found = {lead: auc(lost[lead], kept[lead]) for lead in LEADS_DAYS}
        if program.unit == "account":
            self._auc[health] = found
        return found

    def _staying(self, since: date, until: date, week: int) -> Iterator[int]:
        """Whose contract ends then and is kept; where there are no contracts, each customer that stays once a year."""
        if self.truth.renewals:
            yield from (r.account for r in self.truth.renewals if r.kept and since < r.due <= until)
            return
        yield from (k for k, deals in self.truth.won.items() if deals and k not in self.truth.left and k % 26 == week % 26)

    def late(self, program: Program) -> LateFigures | None:
        """What customers under contract look like in the weeks of a year, by the first criterion that reads contracts."""
        reading = (c for c in program.criteria if "contract_value_12m" in c.value.text)
        worth = next(reading, None)
        if not self.truth.renewals or worth is None:
            return None
        alone = compile_program(
            replace(program, criteria=(replace(worth, scale=Linear(0, 1)),), rules=(), playbooks=(), seats=())
        )
        terms = {r.account: r.months for r in self.truth.renewals}
        small: set[int] = set()
        for day in _weeks(TODAY, self.last, 7):
            with Evaluation(self.path, alone, day, replayed={}) as evaluation:
                for key in terms:
                    real = self.truth.live_yearly(key, day)
                    if real and key not in small:
                        seen = evaluation.receipt(account_id(key)).contributions[0].value or 0.0
                        if float(seen) < LOOKS_LOST * real:
                            small.add(key)
        loyal = {
            key: months
            for key, months in terms.items()
            if key not in self.truth.left and self.truth.live_yearly(key, TODAY) and self.truth.live_yearly(key, self.last)
        }
        yearly = [key for key, months in loyal.items() if months == 12]
        long = [key for key, months in loyal.items() if months == 36]
        return LateFigures(worth.name, len(yearly), _share(yearly, small), len(long), _share(long, small))


def _share(keys: Sequence[int], small: set[int]) -> float | None:
    return sum(key in small for key in keys) / len(keys) if keys else None


def _weeks(first: date, last: date, step: int) -> Iterator[date]:
    while first <= last:
        yield first
        first += timedelta(days=step)


Cell = Callable[[Figures], str]
ROWS: tuple[tuple[str, Cell], ...] = (
    ("size of A (mean)", lambda f: f"{f.size:.0f}"),
    ("  of active customers", lambda f: f"{f.size_share:.1%}"),
    ("  of active accounts, branches singly", lambda f: f"{f.size_of_accounts:.1%}"),
    ("different accounts in A within a year", lambda f: str(f.ever)),
    ("still A after twelve months", lambda f: _percent(f.still)),
    ("exits from A", lambda f: str(f.exits)),
    ("  of them before min_days", lambda f: str(f.early)),
    ("next year's revenue in A", lambda f: f"{f.revenue:.0%}"),
    ("  as many by revenue", lambda f: f"{f.revenue_by_revenue:.0%}"),
    ("next year's growth in A", lambda f: f"{f.growth:.0%}"),
    ("  as many by revenue", lambda f: f"{f.growth_by_revenue:.0%}"),
    ("strategic with evidence in A", lambda f: f"{f.strategic} of {f.strategic_of}"),
    ("  in no tier", lambda f: str(f.strategic_dropped)),
    ("  pretenders in A", lambda f: str(f.pretenders)),
    ("largest groups in A by their head", lambda f: f"{f.groups} of {f.groups_of}"),
    ("  most owners of one group in A", lambda f: str(f.owners)),
    ("health of A and B: green amber red none", lambda f: " ".join(str(n) for n in f.health.values())),
    ("health AUC 90 days before", lambda f: _number(f.auc[90])),
    ("health AUC 30 days before", lambda f: _number(f.auc[30])),
)


def _percent(value: float | None) -> str:
    return "—" if value is None else f"{value:.0%}"


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:.2f}"


def show(title: str, found: Mapping[str, Figures]) -> None:
    """One company, a column a preset."""
    print(f"\n## {title}\n")
    print("| | " + " | ".join(found) + " |")
    print("| --- |" + " ---: |" * len(found))
    for name, cell in ROWS:
        print(f"| {name} | " + " | ".join(cell(figures) for figures in found.values()) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--presets", default=",".join(shipped_names("criteria")))
    parser.add_argument("--seeds", default="7")
    parser.add_argument("--others", action="store_true", help="companies of the other generator")
    parser.add_argument("--json", type=Path, help="also write every figure to this file")
    arguments = parser.parse_args()
    known, written = kinds(others=arguments.others), []
    for shape in arguments.shapes.split(","):
        for seed in map(int, arguments.seeds.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                trial = Trial(known[shape], seed, Path(folder))
                programmes = {preset: trial.programme(preset) for preset in arguments.presets.split(",")}
                found = {preset: trial.figures(program) for preset, program in programmes.items()}
                lates = {preset: trial.late(program) for preset, program in programmes.items()}
            show(f"{shape}, seed {seed}", found)
            for preset, late in lates.items():
                if late is None:
                    continue
                print(
                    f"\nBy {late.criterion} of {preset}: {_percent(late.yearly_lost)} of {late.yearly} loyal yearly customers and"
                )
                print(
                    f"{_percent(late.three_years_lost)} of {late.three_years} under a three-year contract look lost in some week."
                )
            written += [{"shape": shape, "seed": seed, "preset": preset, **asdict(f)} for preset, f in found.items()]
    if arguments.json:
        arguments.json.write_text(json.dumps(written, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

"""The whole overview: headline figures, alarms, and one table a section, in the order in which a person reads them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kamsync.report.overview import movement, position, workload, worth
from kamsync.report.overview.sources import Sources
from kamsync.report.overview.tables import Cell, ColumnKind, Note, Table

PERIOD_DAYS = 90  # back to which moves are shown where nobody asks for another day

SECTIONS: Mapping[str, Callable[[Sources], Table]] = MappingProxyType(
    {
        "matrix": position.matrix,
        "goals": position.goals,
        "moves": movement.moves,
        "over_time": movement.over_time,
        "revenue_by_tier": worth.revenue_by_tier,
        "concentration": worth.concentration,
        "health_by_tier": position.health_by_tier,
        "achievements": worth.achievements,
        "managers": worth.managers,
        "white_space": worth.white_space,
        "renewals": position.renewals,
        "load": workload.load,
        "tasks": workload.tasks,
        "playbooks": workload.playbooks,
        "overrides": position.overrides,
        "coverage": position.coverage,
    }
)


@dataclass(frozen=True, slots=True)
class Headline:
    """One figure with what it is beside: `name` in the words; `beside` None where there is nothing to compare with."""

    name: str
    value: Cell
    kind: ColumnKind
    beside: Note | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """`cells`: the ground of the matrix. `sections` by name, in reading order."""

    sources: Sources
    headlines: tuple[Headline, ...]
    alarms: tuple[Note, ...]
    sections: Mapping[str, Table]
    cells: Table


def make_overview(sources: Sources) -> Overview:
    """Everything at once, from one state of the cache."""
    sections = MappingProxyType({name: make(sources) for name, make in SECTIONS.items()})
    return Overview(sources, _headlines(sources, sections), worth.alarms(sources), sections, position.matrix_cells(sources))


def _headlines(sources: Sources, sections: Mapping[str, Table]) -> tuple[Headline, ...]:
    key = sources.key_accounts
    total = sum(one.revenue for one in sources.accounts)
    revenue = sum(one.revenue for one in key)
    ways = sections["moves"].cells("move")
    figures = worth.figures(key)
    states = sections["tasks"]
    overdue = sum(int(str(count)) for count in states.cells("overdue"))
    due = sum(int(str(count)) for count in states.cells("soon"))
    red = sum(one.decision.health == "red" for one in key)
    unknown = sum(one.decision.health is None for one in key)
    ahead = sum(isinstance(left, int) and left >= 0 for left in sections["renewals"].cells("left_days"))
    return (
        Headline("key_accounts", len(key), "count", Note("entered_left", (ways.count("entered"), ways.count("left")))),
        Headline("key_revenue", revenue, "money", Note("of_all", (revenue / total,)) if total else None),
        Headline("key_growth", figures.growth, "share", Note("on_year_before")),
        Headline("red_accounts", red, "count", Note("health_unknown", (unknown,)) if unknown else None),
        Headline("overdue_tasks", overdue, "count", Note("due_soon", (due,))),
        Headline("renewals_ahead", ahead, "count", Note("within_half_a_year")),
    )

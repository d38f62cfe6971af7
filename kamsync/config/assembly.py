"""From checked tables to the frozen programme, with what only shows when several keys are read together.

Every problem of a file is collected, so that an admin mends them in one go. Expressions are compiled once here, to find their
mistakes before anything is pulled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from types import MappingProxyType

from kamsync.config.checking import nearest
from kamsync.config.models import CriterionTable, GoalsTable, GoalTable, PlaybookTable, RuleTable, SeatTable, TaskTable, TierTable
from kamsync.config.toml_source import TomlSource
from kamsync.decide.kpis import MEASURES
from kamsync.decide.place import Expression, Place
from kamsync.decide.program import NO_TIER, Criterion, Decay, Goal, GoalTarget, Playbook, Rule, Seat, TaskTemplate, Tier
from kamsync.decide.scales import FlagScale, Scale, ScaleRefused, read_scale
from kamsync.decide.texts import in_language
from kamsync.model import Kind


@dataclass
class Problems:
    """Sentences with their places, gathered while a file is read."""

    found: list[str] = dataclass_field(default_factory=list)

    def add(self, place: Place, sentence: str) -> None:
        """Notes what is wrong, behind its file and line."""
        where = f"{place.file}:{place.line}" if place.line else place.file
        self.found.append(f"{where}: {sentence}")


def _said(label: str | Mapping[str, str], language: str) -> str:
    """A label in the programme's language, in English where that is missing."""
    return label if isinstance(label, str) else in_language(label, language)


def pick_list_label(tier: Tier) -> str:
    """A tier where people pick it: its name, as reasons and tasks say it, and what it is called ("A – Strategic")."""
    first, *_ = re.split(r"\W", tier.label.strip(), maxsplit=1)
    if not tier.label.strip() or tier.label.strip().casefold() == tier.name.casefold():
        return tier.name
    return tier.label if first.casefold() == tier.name.casefold() else f"{tier.name} – {tier.label}"


def build_tiers(tables: Sequence[TierTable], source: TomlSource, language: str, problems: Problems) -> tuple[Tier, ...]:
    """Tiers, best first as they stand in the file."""
    tiers: list[Tier] = []
    for index, table in enumerate(tables):
        place = source.place(("tiers", index, "name"))
        leave = table.enter if table.leave is None else table.leave
        if table.enter < leave:
            at = source.place(("tiers", index, "leave"))
            problems.add(at, f"tier {table.name!r}: leave = {leave:g} is above enter = {table.enter:g}; it must not be greater")
        if table.name.strip().lower() == NO_TIER:
            problems.add(place, f"a tier cannot be called {table.name!r}: that word means no tier")
        if any(tier.name.casefold() == table.name.casefold() for tier in tiers):
            problems.add(place, f"there are two tiers {table.name!r}")
        if tiers and table.enter >= tiers[-1].enter:
            at = source.place(("tiers", index, "enter"))
            problems.add(
                at,
                f"tier {table.name!r}: enter = {table.enter:g} is not below tier {tiers[-1].name!r}'s; list the best tier first",
            )
        tiers.append(
            Tier(
                name=table.name,
                enter=table.enter,
                leave=leave,
                label=_said(table.label, language),
                min_days=table.min_days,
                max_accounts=table.max_accounts,
                top_percent=table.top_percent,
                max_per_owner=table.max_per_owner,
                place=place,
            )
        )
    return tuple(tiers)


def build_criteria(
    tables: Sequence[CriterionTable], source: TomlSource, language: str, problems: Problems
) -> tuple[tuple[Criterion, bool], ...]:
    """Each criterion with whether it may be left out where its fields are not mapped."""
    criteria: list[tuple[Criterion, bool]] = []
    for index, table in enumerate(tables):
        path = ("criteria", index)
        if any(criterion.name == table.name for criterion, _ in criteria):
            problems.add(source.place((*path, "name")), f"there are two criteria {table.name!r}")
        scale = _scale(table, source, index, problems)
        fading = table.decay
        decay = None
        if fading is not None:
            decay = Decay(Expression(fading.since, source.place((*path, "decay"))), fading.half_life_days)
        criterion = Criterion(
            name=table.name,
            axis=table.axis,
            goal=table.goal,
            weight=table.weight,
            value=Expression(table.value, source.place((*path, "value"))),
            scale=scale,
            missing=table.missing,
            decay=decay,
            label=_said(table.label, language) or table.name,
            unit=table.unit or "",
            actionable=table.actionable,
            place=source.place((*path, "name")),
        )
        criteria.append((criterion, table.optional))
    return tuple(criteria)


def check_weights(criteria: Sequence[Criterion], source: TomlSource, problems: Problems) -> None:
    """A score needs at least one criterion with a weight on its two axes."""
    if sum(c.weight for c in criteria if c.axis != "health") == 0:
        problems.add(
            source.place(("criteria", 0, "weight")), "all weights of attractiveness and strength are zero: nothing scores"
        )


def build_goals(
    table: GoalsTable, source: TomlSource, columns: Mapping[str, Kind], problems: Problems
) -> Mapping[Goal, GoalTarget]:
    """The goals that have a target. `columns`: the mapped account fields, of which a figure may be one."""
    goals: dict[Goal, GoalTarget] = {}
    every: tuple[tuple[Goal, GoalTable | None], ...] = (
        ("retention", table.retention), ("expansion", table.expansion), ("authority", table.authority), ("market", table.market),
    )  # fmt: skip
    for goal, one in every:
        if one is None:
            continue
        kpi, place = MEASURES[one.kpi], source.place(("goals", goal, "kpi"))
        if kpi.origin == "field" and columns.get(kpi.source) != "number":
            what = "is not mapped to a CRM field" if kpi.source not in columns else "is mapped to a field that is no number"
            problems.add(place, f"goals.{goal}: kpi = {one.kpi!r} reads the account field {kpi.source}, which {what}")
        goals[goal] = GoalTarget(one.kpi, one.target, place)
    return MappingProxyType(goals)


def build_rules(
    tables: Sequence[RuleTable], tiers: Sequence[Tier], source: TomlSource, language: str, problems: Problems
) -> tuple[Rule, ...]:
    """The rules of a file; what is wrong with them goes to `problems`."""
    names = [tier.name for tier in tiers]
    rules = []
    for index, table in enumerate(tables):
        path = ("rules", index)
        for key, value, allowed in (("floor", table.floor, names), ("ceiling", table.ceiling, [*names, NO_TIER])):
            if value is not None and value not in allowed:
                problems.add(source.place((*path, key)), f"{key} = {value!r} names no tier{nearest(value, allowed)}")
        if table.floor is None and table.ceiling is None and not table.exclude:
            problems.add(source.place((*path, "when")), "a rule needs a floor, a ceiling or exclude = true")
        when = Expression(table.when, source.place((*path, "when")))
        rules.append(Rule(when, table.floor, table.ceiling, table.exclude, _said(table.reason, language)))
    return tuple(rules)


def build_seats(
    tables: Sequence[SeatTable], tiers: Sequence[Tier], source: TomlSource, language: str, problems: Problems
) -> tuple[tuple[Seat, bool], ...]:
    """Each seat with whether it may be left out where its fields are not mapped."""
    names = [tier.name for tier in tiers]
    seats = []
    for index, table in enumerate(tables):
        path = ("seats", index)
        if table.tier not in names:
            problems.add(source.place((*path, "tier")), f"tier = {table.tier!r} names no tier{nearest(table.tier, names)}")
        seat = Seat(
            tier=table.tier,
            count=table.count,
            when=Expression(table.when, source.place((*path, "when"))),
            rank=Expression(table.rank, source.place((*path, "rank"))),
            evidence=Expression(table.evidence, source.place((*path, "evidence"))),
            valid_days=table.valid_days,
            reason=_said(table.reason, language),
        )
        seats.append((seat, table.optional))
    return tuple(seats)


def build_playbook(table: PlaybookTable, source: TomlSource, path: tuple[str | int, ...]) -> Playbook:
    """The playbook of one table. Raises ConfigError with its place."""
    return Playbook(
        name=table.name,
        when=Expression(table.when, source.place((*path, "when"))),
        tasks=tuple(_task(task, source.place((*path, "tasks", i, "name"))) for i, task in enumerate(table.tasks)),
        every=table.every,
        when_clear=table.when_clear,
        on_owner_change=table.on_owner_change,
        not_with=tuple(table.not_with),
        group=table.group,
        quiet_days=table.quiet_days,
        stagger_days=table.stagger_days,
        label=MappingProxyType(dict(table.label)),
        place=source.place((*path, "name")),
    )


def _task(table: TaskTable, place: Place) -> TaskTemplate:
    return TaskTemplate(
        name=table.name,
        subject=MappingProxyType(dict(table.subject)),
        body=MappingProxyType(dict(table.body)),
        due=str(table.due),
        assignee=table.assignee,
        priority=table.priority,
        type=table.type,
        after=table.after,
        ahead_days=table.ahead_days,
        late_days=table.late_days,
        place=place,
    )


def _scale(table: CriterionTable, source: TomlSource, index: int, problems: Problems) -> Scale:
    place = source.place(("criteria", index, "scale"))
    try:
        return read_scale(table.scale, place)
    except ScaleRefused as refused:
        problems.add(place, str(refused))
        return FlagScale()

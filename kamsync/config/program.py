"""The programme that a configuration describes: its criteria, its own or those of a preset, its playbooks and its settings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from kamsync.config.assembly import Problems, build_criteria, build_goals, build_rules, build_seats, build_tiers, check_weights
from kamsync.config.checking import nearest, shown, validate
from kamsync.config.models import ConfigFile, CriteriaFile, ProgramTable, ReviewTable
from kamsync.config.playbook_files import choose_playbooks
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import TomlSource, parse_toml
from kamsync.decide.criteria import unknown_names
from kamsync.decide.facts import known_columns
from kamsync.decide.program import Criterion, Expression, Guards, Program, Seat
from kamsync.errors import ConfigError
from kamsync.model import STREAMS, CrmMapping, Kind, Stream

Part = TypeVar("Part", Criterion, Seat)


def criteria_of(parsed: ConfigFile, source: TomlSource) -> tuple[TomlSource, CriteriaFile]:
    """The criteria as they stand in the file, or those of the preset that it names. Raises ConfigError where there are none."""
    name = parsed.program.criteria
    if name is None:
        own = CriteriaFile(tiers=parsed.tiers, criteria=parsed.criteria, rules=parsed.rules)
        if not own.tiers or not own.criteria:
            raise ConfigError(
                f"{source.name}: there are no [[tiers]] or no [[criteria]].",
                fix=f'Write them, or take a preset: criteria = "{shipped_names("criteria")[0]}" under [program].',
            )
        return source, own
    for key in ("tiers", "criteria", "rules"):
        if getattr(parsed, key):
            raise ConfigError(
                f"{source.place((key,))}: [[{key}]] stands beside criteria = {shown(name)}.",
                fix="Keep one of them: a preset takes the place of [[tiers]], [[criteria]] and [[rules]].",
            )
    text = read_shipped(name, "criteria")
    if text is None:
        raise ConfigError(
            f"{source.place(('program', 'criteria'))}: there is no preset "
            f"{shown(name)}{nearest(name, shipped_names('criteria'))}",
            fix=f"Presets: {', '.join(shipped_names('criteria'))}.",
        )
    preset = parse_toml(text, f"preset {name}")
    return preset, validate(CriteriaFile, preset)


def build_program(
    parsed: ConfigFile,
    source: TomlSource,
    file: CriteriaFile,
    criteria_source: TomlSource,
    mapping: CrmMapping,
    problems: Problems,
) -> tuple[Program, tuple[str, ...]]:
    """The programme of a configuration, and a notice on each part that was left out; what is wrong is added to `problems`.

    `file` is what its criteria come from, `criteria_source` where that stands: the configuration itself, or a preset.
    """
    table = parsed.program
    columns = {column.name: column.kind for column in (*STREAMS[Stream.ACCOUNTS].columns, *mapping.of(Stream.ACCOUNTS))}
    tiers = build_tiers(file.tiers, criteria_source, table.language, problems)
    criteria, left_out = mapped_parts(build_criteria(file.criteria, criteria_source, table.language, problems), columns)
    check_weights(criteria, criteria_source, problems)
    playbooks, unmapped = choose_playbooks(parsed, source, columns, len(tiers))
    seats, no_seats = mapped_parts(
        (
            *build_seats(file.seats, tiers, criteria_source, table.language, problems),
            *(build_seats(parsed.seats, tiers, source, table.language, problems) if parsed.seats else ()),
        ),
        columns,
    )
    segments, health = file.segments or parsed.segments, file.health or parsed.health
    if health.amber > health.green:
        problems.add(source.place(("health", "amber")), "health: amber is above green")
    program = Program(
        tiers=tiers,
        criteria=criteria,
        rules=build_rules(file.rules, tiers, criteria_source, table.language, problems),
        playbooks=playbooks,
        max_due_per_owner_per_day=parsed.plans.max_due_per_owner_per_day,
        plan_note=parsed.plans.note,
        eligible=Expression(table.eligible, source.place(("program", "eligible"))),
        segment_attractiveness=segments.attractiveness,
        segment_strength=segments.strength,
        segment_labels=MappingProxyType({str(k): v for k, v in segments.labels.items()}),
        health_green=health.green,
        health_amber=health.amber,
        health_min_coverage=health.min_coverage,
        account_columns=MappingProxyType(columns),
        opportunity_columns=frozenset(column.name for column in mapping.of(Stream.OPPORTUNITIES)),
        mapped_flags=frozenset(mapping.flags),
        guards=Guards(**parsed.guard.model_dump()),
        goals=build_goals(parsed.goals, source, columns, problems),
        seats=seats,
        **review_settings(parsed.review or file.review),
        active=Expression(table.active, source.place(("program", "active"))),
        **_plain_settings(table),
    )
    settled = replace(program, **said_by_criteria(file, criteria_source, but=table.model_fields_set))
    return settled, (*left_out, *no_seats, *unmapped)


def _plain_settings(table: ProgramTable) -> dict[str, Any]:
    """The keys of [program] that Program has under the same name and meaning."""
    settings = table.model_dump(exclude={"eligible", "active", "criteria", "playbooks", "renewal_types"})
    return {**settings, "renewal_types": tuple(table.renewal_types)}


def said_by_criteria(file: CriteriaFile, source: TomlSource, but: Collection[str] = ()) -> dict[str, Any]:
    """Who is decided and who counts, where the criteria say it themselves; without the keys of `but`."""
    active = None if file.active is None else Expression(file.active, source.place(("active",)))
    said = {"unit": file.unit, "members": file.members, "active": active}
    return {key: value for key, value in said.items() if value is not None and key not in but}


def review_settings(table: ReviewTable | None) -> dict[str, Any]:
    """What [review] says; nothing where there is none."""
    if table is None:
        return {}
    return {"review_months": tuple(sorted(set(table.months))), "review_between": table.between, "approve": table.approve}


def mapped_parts(built: Sequence[tuple[Part, bool]], columns: Mapping[str, Kind]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Without the optional criteria or seats whose fields are not mapped, and a notice on each."""
    known = known_columns(columns)
    kept, notices = [], []
    for part, optional in built:
        unmapped = unknown_names(part, known) if optional else ()
        if unmapped:
            what = f"Criterion {part.name!r}" if isinstance(part, Criterion) else f"A seat in {part.tier}"
            are = "is" if len(unmapped) == 1 else "are"
            notices.append(f"{what} is left out: {', '.join(unmapped)} {are} not mapped to a CRM field.")
        else:
            kept.append(part)
    return tuple(kept), tuple(notices)

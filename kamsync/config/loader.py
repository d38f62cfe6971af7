"""Reads config.toml into one frozen Config: programme, connector, its settings, mapping, schedule.

Raises ConfigError with file, line, what is wrong and the nearest known name; all problems of a file at once. Secrets are resolved
last, so that a mistake in a criterion shows without them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ValidationError

from kamsync.config.assembly import (
    Problems,
    build_criteria,
    build_goals,
    build_playbook,
    build_rules,
    build_seats,
    build_tiers,
    check_weights,
    pick_list_label,
)
from kamsync.config.channels import Channel, build_channels
from kamsync.config.checking import nearest, problems_of, refuse, shown
from kamsync.config.crm import connector_settings
from kamsync.config.inheritance import read_configuration
from kamsync.config.mapping import load_mapping
from kamsync.config.models import ConfigFile, CriteriaFile, PlaybookTable, ProgramTable, ReviewTable
from kamsync.config.paths import cache_path_of
from kamsync.config.secrets import Surroundings
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import TomlSource, parse_toml, read_toml
from kamsync.contract import Connector, TierChoice
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.criteria import unknown_names
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.facts import known_columns, streams_of
from kamsync.decide.playbooks import unmapped_names
from kamsync.decide.program import Criterion, Expression, Guards, Playbook, Program, Seat
from kamsync.decide.reach import never_holds
from kamsync.decide.timetable import Timetable, parse_cron
from kamsync.errors import ConfigError
from kamsync.files import CONFIG_LIMIT_BYTES, everyone_can_read, path_of, read_text
from kamsync.model import STREAMS, CrmMapping, Kind, Stream
from kamsync.plugins import load_connector

LEASE_NAME_VARIABLE = "KAMSYNC_LEASE_NAME"
Model = TypeVar("Model", bound=BaseModel)
Part = TypeVar("Part", Criterion, Seat)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When `kamsync run` works; None where the configuration names no time. Each time is put off by up to `jitter_seconds`."""

    sync: Timetable | None = None
    full_pull: Timetable | None = None
    jitter_seconds: int = 0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """How logs look, from which level on they are kept, and the file that gets them besides standard error."""

    format: Literal["plain", "json"] = "plain"
    level: Literal["info", "debug"] = "info"
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """A complete, checked configuration. `settings` are those of the connector, secrets as contract.Secret.

    `notices` are sentences that an admin should see once: a criterion that was left out because its field is not mapped.
    `lease_name` is said by whoever starts the program and lets one run at a time have that name, on whatever machine; else "".
    """

    path: Path
    compiled: CompiledProgram
    connector: Connector
    settings: Mapping[str, Any]
    mapping: CrmMapping
    cache_path: Path
    schedule: Schedule
    notices: tuple[str, ...] = ()
    tier_choices: tuple[TierChoice, ...] = dataclass_field(default=())
    log: LogSettings = LogSettings()
    serve_port: int = 0  # 0: nothing is served
    channels: tuple[Channel, ...] = ()  # of [[notify]]
    history_months: int | None = None  # None: kept for ever
    lease_name: str = ""

    @property
    def program(self) -> Program:
        """The programme as the file says it."""
        return self.compiled.program


def load_config(path: Path, *, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration in `path`; see the module."""
    source = read_configuration(path)
    parsed = _validate(ConfigFile, source)
    folder = path.resolve().parent
    warnings = [*_readable_by_all(path)]
    connector = load_connector(parsed.crm.kind, where=str(source.place(("crm", "kind"))))
    named_at = source.place(("crm", "mapping"))
    mapping = load_mapping(parsed.crm.mapping or connector.kind, crm=connector.kind, folder=folder, where=named_at)
    problems = Problems()
    criteria_source, criteria_file = _criteria_of(parsed, source)
    _check_zone(parsed.program.timezone, source, problems)
    program, left_out = _program(parsed, source, criteria_file, criteria_source, mapping, problems)
    if problems.found:
        raise refuse(problems.found, source.name)
    compiled = compile_program(program)
    schedule = _schedule(parsed, source)
    around = Surroundings(folder, environment, warnings.append)
    return Config(
        path=path,
        compiled=compiled,
        connector=connector,
        settings=connector_settings(connector, parsed.crm, source, around),
        mapping=mapping,
        cache_path=cache_path_of(parsed.cache.path, folder, environment, source.place(("cache", "path"))),
        schedule=schedule,
        notices=(*warnings, *left_out),
        tier_choices=tuple(TierChoice(tier.name, pick_list_label(tier)) for tier in program.tiers),
        log=_log_settings(parsed, source, folder),
        serve_port=parsed.serve.port,
        channels=build_channels(parsed.notify, source, around),
        history_months=parsed.history.months,
        lease_name=environment.get(LEASE_NAME_VARIABLE, ""),
    )


def _readable_by_all(path: Path) -> Iterator[str]:
    if everyone_can_read(path.stat()):
        yield f"Everyone on this machine can read {path}, which says how this program signs in: chmod o-r {path}"


def load_criteria(name_or_path: str, config: Config) -> CompiledProgram:
    """The configuration's programme under other criteria: a shipped preset by name, or a file like one."""
    shipped = read_shipped(name_or_path, "criteria")
    source = parse_toml(shipped, f"preset {name_or_path}") if shipped is not None else _criteria_in_file(name_or_path)
    return _with_criteria(source, config)


def criteria_text(name_or_path: str | None, config: Config) -> tuple[str, str]:
    """The text of a preset or a criteria file, and the file name it has or would have; None: of what the configuration uses."""
    if name_or_path is None:
        used = read_toml(config.path, "configuration file").document.get("program", {}).get("criteria")
        name_or_path = str(used) if used is not None else str(config.path)
    shipped = read_shipped(name_or_path, "criteria")
    if shipped is not None:
        return shipped, f"{name_or_path}.toml"
    return read_text(path_of(name_or_path), "criteria file", limit_bytes=CONFIG_LIMIT_BYTES), name_or_path


def criteria_from_text(text: str, name: str, config: Config) -> CompiledProgram:
    """The same from the text of a criteria file; `name` stands for the file in messages."""
    return _with_criteria(parse_toml(text, name), config)


def _with_criteria(source: TomlSource, config: Config) -> CompiledProgram:
    file = _criteria_part(source)
    problems = Problems()
    base = config.program
    tiers = build_tiers(file.tiers, source, base.language, problems) or base.tiers
    built = build_criteria(file.criteria, source, base.language, problems)
    criteria, _ = _mapped(built, base.account_columns)
    check_weights(criteria, source, problems)
    rules = build_rules(file.rules, tiers, source, base.language, problems)
    seats, _ = _mapped(build_seats(file.seats, tiers, source, base.language, problems), base.account_columns)
    if problems.found:
        raise refuse(problems.found, source.name)
    program = replace(
        base, tiers=tiers, criteria=criteria, rules=rules, seats=seats, **_review(file.review), **_of_file(file, source)
    )
    if file.segments is not None:
        program = replace(program, segment_attractiveness=file.segments.attractiveness, segment_strength=file.segments.strength)
    if file.health is not None:
        health = file.health
        program = replace(program, health_green=health.green, health_amber=health.amber, health_min_coverage=health.min_coverage)
    return compile_program(program)


def with_playbook(name: str, config: Config) -> CompiledProgram:
    """The configuration's programme with that playbook among its own: as it stands there, else as it is shipped.

    Raises ConfigError where there is none, or where it reads a field that is not mapped.
    """
    program = config.program
    if any(playbook.name == name for playbook in program.playbooks):
        return config.compiled
    text = read_shipped(name, "playbooks")
    known = sorted({*shipped_names("playbooks"), *(playbook.name for playbook in program.playbooks)})
    if text is None:
        raise ConfigError(f"There is no playbook {shown(name)}{nearest(name, known)}", fix=f"There are: {', '.join(known)}.")
    playbook = _read_playbook(name, text)
    missing = unmapped_names(playbook, known_columns(program.account_columns))
    if missing:
        raise ConfigError(
            f"Playbook {name!r} reads {', '.join(missing)}, which is not mapped to a CRM field.",
            fix="Map it: `kamsync mapping` shows what is mapped, and what else the CRM has.",
        )
    return compile_program(replace(program, playbooks=(*program.playbooks, playbook)))


def _criteria_in_file(name: str) -> TomlSource:
    presets = shipped_names("criteria")
    hint = nearest(name, presets).removeprefix("; ").capitalize()
    fix = f"{hint} Presets: {', '.join(presets)}. Or give the path of a criteria file.".strip()
    return read_toml(path_of(name), "preset or criteria file", missing_fix=fix)


def _validate(model: type[Model], source: TomlSource) -> Model:
    try:
        return model.model_validate(source.document)
    except ValidationError as error:
        raise refuse(problems_of(error, source, model), source.name) from error


def _criteria_part(source: TomlSource) -> CriteriaFile:
    """A criteria file, or the criteria of a whole configuration file."""
    document = source.document
    if "crm" in document or "program" in document:
        known = set(CriteriaFile.model_fields)
        document = {key: value for key, value in document.items() if key in known}
    return _validate(CriteriaFile, replace(source, document=document))


def _criteria_of(parsed: ConfigFile, source: TomlSource) -> tuple[TomlSource, CriteriaFile]:
    """The criteria as they stand in the file, or those of the preset that it names."""
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
    return preset, _validate(CriteriaFile, preset)


def _program(
    parsed: ConfigFile,
    source: TomlSource,
    file: CriteriaFile,
    criteria_source: TomlSource,
    mapping: CrmMapping,
    problems: Problems,
) -> tuple[Program, tuple[str, ...]]:
    table = parsed.program
    columns = {column.name: column.kind for column in (*STREAMS[Stream.ACCOUNTS].columns, *mapping.of(Stream.ACCOUNTS))}
    tiers = build_tiers(file.tiers, criteria_source, table.language, problems)
    criteria, left_out = _mapped(build_criteria(file.criteria, criteria_source, table.language, problems), columns)
    check_weights(criteria, criteria_source, problems)
    playbooks, unmapped = _playbooks(parsed, source, columns, len(tiers))
    seats, no_seats = _mapped(
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
        **_review(parsed.review or file.review),
        active=Expression(table.active, source.place(("program", "active"))),
        **_plain_settings(table),
    )
    return replace(program, **_of_file(file, criteria_source, but=table.model_fields_set)), (*left_out, *no_seats, *unmapped)


def _plain_settings(table: ProgramTable) -> dict[str, Any]:
    """The keys of [program] that Program has under the same name and meaning."""
    settings = table.model_dump(exclude={"eligible", "active", "criteria", "playbooks", "renewal_types"})
    return {**settings, "renewal_types": tuple(table.renewal_types)}


def _of_file(file: CriteriaFile, source: TomlSource, but: Collection[str] = ()) -> dict[str, Any]:
    """Who is decided and who counts, where the criteria say it themselves; without the keys of `but`."""
    active = None if file.active is None else Expression(file.active, source.place(("active",)))
    said = {"unit": file.unit, "members": file.members, "active": active}
    return {key: value for key, value in said.items() if value is not None and key not in but}


def _review(table: ReviewTable | None) -> dict[str, Any]:
    """What [review] says; nothing where there is none."""
    if table is None:
        return {}
    return {"review_months": tuple(sorted(set(table.months))), "review_between": table.between, "approve": table.approve}


def _mapped(built: Sequence[tuple[Part, bool]], columns: Mapping[str, Kind]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
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


def _playbooks(
    parsed: ConfigFile, source: TomlSource, columns: Mapping[str, Kind], tiers: int
) -> tuple[tuple[Playbook, ...], tuple[str, ...]]:
    """The shipped playbooks that are asked for and one's own; a notice on shipped ones that read what this org does not map."""
    every, known = shipped_names("playbooks"), set(known_columns(columns))
    if parsed.program.contacts == "never":
        known -= {name for name in known if Stream.CONTACTS in streams_of((name,))}
    wanted = every if parsed.program.playbooks == "all" else tuple(parsed.program.playbooks)
    shipped = [_shipped_playbook(name, source) for name in wanted]
    missing = {playbook.name: unmapped_names(playbook, known) for playbook in shipped}
    kept = [playbook for playbook in shipped if not missing[playbook.name]]
    decided: dict[str, Kind] = {**known_columns(columns), **DECIDED_NAMES}
    # A programme of one tier has no use for what is for the second.
    idle = [playbook.name for playbook in kept if tiers and never_holds(playbook.when, decided, tiers)]
    kept = [playbook for playbook in kept if playbook.name not in idle]
    kept += [build_playbook(table, source, ("playbooks", index)) for index, table in enumerate(parsed.playbooks)]
    _check_other_playbooks(kept, every)
    left_out = [f"{name} (map {', '.join(names)})" for name, names in missing.items() if names]
    notices = [f"Playbooks left out, for want of a field: {'; '.join(left_out)}."] if left_out else []
    notices += [f"Playbooks left out, for want of such a tier: {', '.join(idle)}."] if idle else []
    return tuple(kept), tuple(notices)


def _shipped_playbook(name: str, source: TomlSource) -> Playbook:
    text = read_shipped(name, "playbooks")
    if text is None:
        raise ConfigError(
            f"{source.place(('program', 'playbooks'))}: there is no playbook "
            f"{shown(name)}{nearest(name, shipped_names('playbooks'))}",
            fix=f"Shipped playbooks: {', '.join(shipped_names('playbooks'))}; your own stand in [[playbooks]].",
        )
    return _read_playbook(name, text)


@lru_cache(maxsize=256)
def _read_playbook(name: str, text: str) -> Playbook:
    shipped = parse_toml(text, f"playbook {name}")
    return build_playbook(_validate(PlaybookTable, shipped), shipped, ())


def _check_other_playbooks(playbooks: Sequence[Playbook], shipped: Sequence[str]) -> None:
    """Refuses `not_with` of a playbook that nobody has; a shipped one need not be in use."""
    known = sorted({*shipped, *(playbook.name for playbook in playbooks)})
    for playbook in playbooks:
        for other in playbook.not_with:
            if other not in known:
                raise ConfigError(
                    f"{playbook.place}: not_with names {shown(other)}, which is no playbook{nearest(other, known)}",
                    fix="`kamsync playbooks` lists the shipped ones; your own stand in [[playbooks]].",
                )


def _schedule(parsed: ConfigFile, source: TomlSource) -> Schedule:
    def timetable(key: str, text: str | None) -> Timetable | None:
        return None if text is None else parse_cron(text, parsed.program.timezone, source.place(("schedule", key)))

    table = parsed.schedule
    return Schedule(timetable("sync", table.sync), timetable("full_pull", table.full_pull), table.jitter_seconds)


def _log_settings(parsed: ConfigFile, source: TomlSource, folder: Path) -> LogSettings:
    table = parsed.log
    file = None if table.file is None else folder / path_of(table.file, source.place(("log", "file")))
    return LogSettings(table.format, table.level, file)


def _check_zone(name: str, source: TomlSource, problems: Problems) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        hint = nearest(name, available_timezones()) or "; write one like 'America/Sao_Paulo'"
        problems.add(source.place(("program", "timezone")), f"{shown(name)} is no time zone{hint}")


__all__ = ["Config", "LogSettings", "Schedule", "criteria_from_text", "load_config", "load_criteria"]

"""Reads config.toml into one frozen Config: programme, connector, its settings, mapping, schedule.

Raises ConfigError with file, line, what is wrong and the nearest known name; all problems of a file at once. Secrets are resolved
last, so that a mistake in a criterion shows without them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from kamsync.config.assembly import (
    Problems,
    pick_list_label,
)
from kamsync.config.channels import Channel, build_channels
from kamsync.config.checking import nearest, refuse, shown, validate
from kamsync.config.crm import connector_settings
from kamsync.config.inheritance import read_configuration
from kamsync.config.mapping import load_mapping
from kamsync.config.models import ConfigFile
from kamsync.config.paths import cache_path_of
from kamsync.config.program import build_program, criteria_of
from kamsync.config.secrets import Surroundings
from kamsync.config.toml_source import TomlSource
from kamsync.contract import Connector, TierChoice
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.program import Program
from kamsync.decide.timetable import Timetable, parse_cron
from kamsync.files import everyone_can_read, path_of
from kamsync.model import CrmMapping
from kamsync.plugins import load_connector

LEASE_NAME_VARIABLE = "KAMSYNC_LEASE_NAME"


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
    parsed = validate(ConfigFile, source)
    folder = path.resolve().parent
    warnings = [*_readable_by_all(path)]
    connector = load_connector(parsed.crm.kind, where=str(source.place(("crm", "kind"))))
    named_at = source.place(("crm", "mapping"))
    mapping = load_mapping(parsed.crm.mapping or connector.kind, crm=connector.kind, folder=folder, where=named_at)
    problems = Problems()
    criteria_source, criteria_file = criteria_of(parsed, source)
    _check_zone(parsed.program.timezone, source, problems)
    program, left_out = build_program(parsed, source, criteria_file, criteria_source, mapping, problems)
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

"""A configuration's programme under other criteria, or with one playbook more: for what would be, and for looking at one."""

from __future__ import annotations

from dataclasses import replace

from kamsync.config.assembly import Problems, build_criteria, build_rules, build_seats, build_tiers, check_weights
from kamsync.config.checking import nearest, refuse, shown, validate
from kamsync.config.loader import Config
from kamsync.config.models import CriteriaFile
from kamsync.config.playbook_files import read_playbook
from kamsync.config.program import mapped_parts, review_settings, said_by_criteria
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import TomlSource, parse_toml, read_toml
from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.facts import known_columns
from kamsync.decide.playbooks import unmapped_names
from kamsync.errors import ConfigError
from kamsync.files import CONFIG_LIMIT_BYTES, path_of, read_text


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
    criteria, _ = mapped_parts(built, base.account_columns)
    check_weights(criteria, source, problems)
    rules = build_rules(file.rules, tiers, source, base.language, problems)
    seats, _ = mapped_parts(build_seats(file.seats, tiers, source, base.language, problems), base.account_columns)
    if problems.found:
        raise refuse(problems.found, source.name)
    program = replace(
        base,
        tiers=tiers,
        criteria=criteria,
        rules=rules,
        seats=seats,
        **review_settings(file.review),
        **said_by_criteria(file, source),
    )
    if file.segments is not None:
        program = replace(program, segment_attractiveness=file.segments.attractiveness, segment_strength=file.segments.strength)
    if file.health is not None:
        health = file.health
        program = replace(program, health_green=health.green, health_amber=health.amber, health_min_coverage=health.min_coverage)
    return compile_program(program)


def _criteria_in_file(name: str) -> TomlSource:
    presets = shipped_names("criteria")
    hint = nearest(name, presets).removeprefix("; ").capitalize()
    fix = f"{hint} Presets: {', '.join(presets)}. Or give the path of a criteria file.".strip()
    return read_toml(path_of(name), "preset or criteria file", missing_fix=fix)


def _criteria_part(source: TomlSource) -> CriteriaFile:
    """A criteria file, or the criteria of a whole configuration file."""
    document = source.document
    if "crm" in document or "program" in document:
        known = set(CriteriaFile.model_fields)
        document = {key: value for key, value in document.items() if key in known}
    return validate(CriteriaFile, replace(source, document=document))


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
    playbook = read_playbook(name, text)
    missing = unmapped_names(playbook, known_columns(program.account_columns))
    if missing:
        raise ConfigError(
            f"Playbook {name!r} reads {', '.join(missing)}, which is not mapped to a CRM field.",
            fix="Map it: `kamsync mapping` shows what is mapped, and what else the CRM has.",
        )
    return compile_program(replace(program, playbooks=(*program.playbooks, playbook)))

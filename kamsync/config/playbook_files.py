"""The playbooks of a programme: those shipped ones that it asks for, and its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from kamsync.config.assembly import build_playbook
from kamsync.config.checking import nearest, shown, validate
from kamsync.config.models import ConfigFile, PlaybookTable
from kamsync.config.shipped import read_shipped, shipped_names
from kamsync.config.toml_source import TomlSource, parse_toml
from kamsync.decide.decided_names import DECIDED_NAMES
from kamsync.decide.facts import known_columns, streams_of
from kamsync.decide.playbooks import unmapped_names
from kamsync.decide.program import Playbook
from kamsync.decide.reach import never_holds
from kamsync.errors import ConfigError
from kamsync.model import Kind, Stream


def choose_playbooks(
    parsed: ConfigFile, source: TomlSource, columns: Mapping[str, Kind], tiers: int
) -> tuple[tuple[Playbook, ...], tuple[str, ...]]:
    """The shipped playbooks that are asked for and one's own; a notice on shipped ones that read what this org does not map.

    Raises ConfigError for a name that is no playbook's.
    """
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
    return read_playbook(name, text)


@lru_cache(maxsize=256)
def read_playbook(name: str, text: str) -> Playbook:
    """The shipped playbook of that name from its text."""
    shipped = parse_toml(text, f"playbook {name}")
    return build_playbook(validate(PlaybookTable, shipped), shipped, ())


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

"""Playbooks, checked and compiled: what the configuration says about tasks, ready for any account (DECISIONS.md §8).

Every mistake that can be found without an account is found here, as a ConfigError with its place. Which tasks are made is the
business of `tasks`; whether a playbook fires is decided by the facts (store.evaluate). Pure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import NamedTuple

from kamsync.decide.assignees import check_assignee, rules_of
from kamsync.decide.calendar import check_country
from kamsync.decide.decided_names import DECIDED_NAMES, TEMPLATE_NAMES
from kamsync.decide.due import Due, parse_due
from kamsync.decide.expressions import names_in
from kamsync.decide.occurrences import VALUE_PREFIX, check_every, is_counted
from kamsync.decide.program import NO_TIER, Expression, Place, Playbook, Program, TaskTemplate
from kamsync.decide.reach import check_occurrence, check_reachable
from kamsync.decide.templates import CompiledTask, names_of
from kamsync.decide.texts import FALLBACK_LANGUAGE, in_language
from kamsync.errors import ConfigError
from kamsync.model import Kind

_WORD = re.compile(r"[A-Za-z_]\w*")
_QUOTED = re.compile(r"'(?:[^']|'')*'")
_TEXT = r"'(?:[^']|'')*'"
_TIER_COMPARED = re.compile(
    rf"\b(?:previous_)?tier\s*(?:==?|<>|!=)\s*{_TEXT}|{_TEXT}\s*(?:==?|<>|!=)\s*(?:previous_)?tier\b"
    rf"|\b(?:previous_)?tier\s+(?:not\s+)?in\s*\((?:\s*{_TEXT}\s*,?)*\)",
    re.IGNORECASE,
)


# What is other on the next run, because the move is over.
_MOVE = frozenset({"entered", "left", "previous_tier", "previous_health"})


class PreparedTask(NamedTuple):
    """A task of a playbook with its date rule parsed and its texts compiled."""

    template: TaskTemplate
    due: Due
    compiled: CompiledTask


@dataclass(frozen=True, slots=True)
class PreparedPlaybook:
    """A playbook with its tasks in their order and its label in the programme's language."""

    playbook: Playbook
    tasks: tuple[PreparedTask, ...]
    label: str


@dataclass(frozen=True, slots=True)
class Playbooks:
    """Every playbook of a programme, checked and compiled."""

    program: Program
    by_name: Mapping[str, PreparedPlaybook] = dataclass_field(default_factory=dict)

    def facts_needed(self, playbook: str) -> frozenset[str]:
        """Names that this playbook's texts, dates and assignees read, beside those in its `when`."""
        prepared = self.by_name[playbook]
        names = {"owner_id", "country", prepared.playbook.every.partition(":")[2]}
        for task in prepared.tasks:
            names |= task.compiled.names | {task.due.fact} | _roles(task.template) & set(self.program.account_columns)
        return frozenset(names - {"", *TEMPLATE_NAMES, *DECIDED_NAMES})


def compile_playbooks(program: Program, facts: Mapping[str, Kind]) -> Playbooks:
    """The programme's playbooks, every mistake in them a ConfigError with its place. `facts`: name → kind."""
    check_country(program.country, Place(key="program.country"))
    prepared: dict[str, PreparedPlaybook] = {}
    for playbook in program.playbooks:
        if playbook.name in prepared:
            raise ConfigError(f"{playbook.place}: there are two playbooks {playbook.name!r}.", fix="Give one another name.")
        prepared[playbook.name] = _prepare(playbook, program, facts)
        if program.tiers:
            _check_tiers(playbook.when, [tier.name for tier in program.tiers])
        known: dict[str, Kind] = {**facts, **DECIDED_NAMES}
        check_reachable(playbook.when, known, len(program.tiers))
        check_occurrence(playbook.every, playbook.when, known, playbook.place)
    _check_exclusions(program.playbooks)
    return Playbooks(program, prepared)


def unmapped_names(playbook: Playbook, known: Collection[str]) -> tuple[str, ...]:
    """Names that a playbook cannot do without and nobody provides: fields that are not mapped."""
    names = [*names_in(playbook.when.text)]
    if playbook.every.startswith(VALUE_PREFIX):
        names.append(playbook.every.removeprefix(VALUE_PREFIX))
    for task in playbook.tasks:
        rules = rules_of(task.assignee)
        names += [*sorted(names_of(task)), parse_due(task.due, task.place).fact]
        names += sorted(_roles(task)) if len(rules) == 1 else []
    provided = {"", *known, *DECIDED_NAMES, *TEMPLATE_NAMES}
    return tuple(dict.fromkeys(name for name in names if name not in provided))


def _roles(task: TaskTemplate) -> set[str]:
    return {rule.partition(":")[2] for rule in rules_of(task.assignee) if rule.startswith("role:")}


def reads_the_move(playbook: Playbook) -> bool:
    """True where `when` asks for what only the run sees that moves the account: later runs must be told of it."""
    return not _MOVE.isdisjoint(name.lower() for name in names_read(playbook.when.text))


def fires_for_one_run_only(playbook: Playbook) -> bool:
    """True where `when` reads `entered` or `left`, which the next run no longer sees."""
    return not {"entered", "left"}.isdisjoint(name.lower() for name in names_read(playbook.when.text))


def _prepare(playbook: Playbook, program: Program, facts: Mapping[str, Kind]) -> PreparedPlaybook:
    known = {**facts, **DECIDED_NAMES}
    _check_playbook(playbook, known)
    tasks = []
    for task in playbook.tasks:
        due = parse_due(task.due, task.place)
        if due.fact and known.get(due.fact) != "date":
            what = "is no date" if due.fact in known else "is no fact"
            raise ConfigError(
                f"{task.place}: due = {task.due!r}: {due.fact!r} {what}.", fix="`kamsync facts` lists the date facts."
            )
        if not in_language(task.subject, program.language).strip():
            raise ConfigError(f"{task.place}: task {task.name!r} has no subject.", fix='Give it one: subject = { en = "…" }.')
        _check_english(task)
        check_assignee(task.assignee, program.account_columns, task.place)
        compiled = CompiledTask(task, program.language, currency=program.currency, country=program.country)
        compiled.check_names({*known, *TEMPLATE_NAMES})
        tasks.append(PreparedTask(task, due, compiled))
    label = in_language(playbook.label, program.language) or playbook.name
    return PreparedPlaybook(playbook, tuple(tasks), label)


def _check_playbook(playbook: Playbook, facts: Mapping[str, Kind]) -> None:
    check_every(playbook.every, facts, playbook.place)
    _check_turns(playbook)
    names = [task.name for task in playbook.tasks]
    if not names:
        raise ConfigError(f"{playbook.place}: playbook {playbook.name!r} has no task.", fix="Add a [[tasks]] table to it.")
    if len(set(names)) < len(names):
        raise ConfigError(f"{playbook.place}: playbook {playbook.name!r} names two tasks alike.", fix="Rename one of them.")
    for name in (playbook.name, *names):
        if not re.fullmatch(r"[\w.-]{1,60}", name):
            raise ConfigError(
                f"{playbook.place}: {name!r} cannot be part of a task's key.",
                fix="Use up to 60 letters, digits, dots, hyphens and underscores.",
            )
    if playbook.when_clear == "close" and fires_for_one_run_only(playbook):
        raise ConfigError(
            f'{playbook.place}: playbook {playbook.name!r} has when_clear = "close" and fires on one run only, '
            "so the next run would close its tasks.",
            fix='Use when_clear = "keep", or a condition that lasts, such as tier = \'A\' with every = "entry".',
        )


def _check_english(task: TaskTemplate) -> None:
    """English is what every other language falls back to."""
    for key, texts in (("subject", task.subject), ("body", task.body)):
        if any(texts.values()) and not texts.get(FALLBACK_LANGUAGE):
            raise ConfigError(
                f"{task.place}: task {task.name!r} has a {key} in {', '.join(texts)} and none in English.",
                fix=f'Add it: {key} = {{ en = "…" }}. Whoever reads another language gets the English text.',
            )


def _check_turns(playbook: Playbook) -> None:
    """Refuses steps that wait for none before them, a group that is never quiet, and staggering of what is not counted."""
    before: list[str] = []
    for task in playbook.tasks:
        if task.after and task.after not in before:
            near = difflib.get_close_matches(task.after, before, n=1)
            raise ConfigError(
                f"{task.place}: after = {task.after!r} is no task that stands before {task.name!r}.",
                fix=f"Did you mean {near[0]!r}?" if near else "Name a task of the same playbook that stands above it.",
            )
        before.append(task.name)
    if bool(playbook.group) != bool(playbook.quiet_days):
        has, lacks = ("group", "quiet_days") if playbook.group else ("quiet_days", "group")
        raise ConfigError(
            f"{playbook.place}: playbook {playbook.name!r} has {has} and no {lacks}.",
            fix='Write both, such as group = "reference" and quiet_days = 90, or neither.',
        )
    if playbook.stagger_days and not is_counted(playbook.every):
        raise ConfigError(
            f"{playbook.place}: playbook {playbook.name!r} has stagger_days, and every = {playbook.every!r} is not counted.",
            fix='Use it with every = "90 days" or every = "3 months".',
        )


def _check_exclusions(playbooks: Sequence[Playbook]) -> None:
    """Refuses playbooks that give way to each other: neither would ever make a task."""
    gives_way = {playbook.name: playbook.not_with for playbook in playbooks}
    for playbook in playbooks:
        for other in playbook.not_with:
            if other == playbook.name or playbook.name in gives_way.get(other, ()):
                whom = "itself" if other == playbook.name else f"{other!r}, which gives way to it"
                raise ConfigError(
                    f"{playbook.place}: playbook {playbook.name!r} gives way to {whom}.",
                    fix="Name the other one in not_with of the less important playbook only.",
                )


def _check_tiers(when: Expression, tiers: Sequence[str]) -> None:
    """Refuses a comparison of the tier with a word that is no tier: the playbook would never fire, and nobody would know."""
    known = (*tiers, NO_TIER)
    for match in _TIER_COMPARED.finditer(when.text):
        for text in _QUOTED.finditer(match[0]):
            word = text[0][1:-1].replace("''", "'")
            if word in known:
                continue
            near = difflib.get_close_matches(word, known, n=1) or [one for one in known if one.casefold() == word.casefold()]
            line, caret = _pointed_at(when.text, match.start() + text.start())
            raise ConfigError(
                f"{when.place}: {word!r} is no tier of this programme.\n    {line}\n    {caret}",
                fix=(f"Did you mean {near[0]!r}? " if near else "")
                + f"Its tiers are {', '.join(tiers)}; tier_rank = 1 is the best one, whatever it is called.",
            )


def _pointed_at(text: str, position: int) -> tuple[str, str]:
    """The line of a text in which the position stands, and a caret below it."""
    start = text.rfind("\n", 0, position) + 1
    line = text[start:].partition("\n")[0]
    return line, " " * (position - start) + "^"


def names_read(expression: str) -> tuple[str, ...]:
    """The words of an expression outside quotes, each once, in their order: its facts, and SQL's own words."""
    return tuple(dict.fromkeys(_WORD.findall(_QUOTED.sub("", expression))))

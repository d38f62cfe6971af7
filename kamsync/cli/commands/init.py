"""`kamsync init`: asks a few questions, checks each answer, proposes what the CRM itself says, writes config.toml."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from kamsync.cli.console import ask, at_terminal, err, say, show
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption
from kamsync.cli.session import Session
from kamsync.cli.suggestion import ask_wishes, suggestion_lines
from kamsync.config import Config, load_config
from kamsync.config.answers import (
    check_address,
    check_choice,
    check_currency,
    check_holiday_country,
    check_language,
    check_playbooks,
    check_preset,
    check_timezone,
)
from kamsync.config.example import SIGN_INS, Answers, render_config, sign_in_of
from kamsync.config.shipped import map_field, read_shipped, shipped_names, shipped_purpose
from kamsync.contract import Connection
from kamsync.decide.suggest import Wishes, suggest
from kamsync.errors import ConfigError, KamsyncError
from kamsync.files import write_private
from kamsync.model import CrmMapping, Kind
from kamsync.plugins import installed_connectors, load_connector
from kamsync.printable import one_line
from kamsync.report.text_width import pad, widest, wrap
from kamsync.run.proposals import (
    FieldProposal,
    OrgProposals,
    are_renewals,
    fetch_field_proposals,
    fetch_opportunity_types,
    propose_from_org,
)

T = TypeVar("T")
MAPPING_NAME = "mapping.toml"


def init(
    config: ConfigOption = DEFAULT_CONFIG,
    crm: Annotated[str | None, typer.Option(help="salesforce, hubspot, or another installed connector.")] = None,
    address: Annotated[str | None, typer.Option(help="The CRM's address, for example your Salesforce My Domain.")] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing; edit the file afterwards.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Ask a few questions and write a configuration to edit. Secrets are named, never stored."""
    if config.exists() and not force:
        raise ConfigError(f"{config} is there already.", fix="Edit it, name another with --config, or overwrite it with --force.")
    if not defaults and not at_terminal():
        raise ConfigError("Nobody is here to answer the questions.", fix="Add --defaults, and edit the file afterwards.")
    try:
        answers = _defaults(crm or "salesforce", address) if defaults else _ask(config, crm, address)
    except typer.Abort:
        say("\nNothing was written; kamsync init begins again.")
        raise typer.Exit(1) from None
    write_private(config, render_config(answers), "configuration file")
    show(f"Wrote {config}, readable by you alone.")
    missing = _not_set(answers)
    if missing:
        show(f"Next: set {', '.join(missing)} in the environment, then kamsync doctor")
    else:
        show("Next: kamsync doctor")


def _defaults(crm: str, address: str | None) -> Answers:
    connector = load_connector(crm)
    answers = Answers(crm=connector.kind, settings=connector.settings)
    if address is not None:
        return replace(answers, url=check_address(connector.kind, address))
    return answers if connector.kind == "salesforce" else replace(answers, url="")


def _ask(config: Path, crm: str | None, address: str | None) -> Answers:
    say("A few questions; Enter takes the value in brackets.")
    kind = load_connector(crm).kind if crm else _asked("CRM", "salesforce", _kind, installed_connectors())
    answers = _ask_sign_in(_defaults(kind, address), address)
    with _signed_in(config, answers) as connection:
        org = propose_from_org(connection.identity()) if connection else OrgProposals("", "", "", "")
        answers = replace(
            answers,
            timezone=_asked("Time zone", org.timezone or "UTC", check_timezone),
            currency=_asked("Currency of the programme", org.currency or "EUR", check_currency),
            language=_asked("Language of what people read (en, pt_BR, es)", org.language or "en", check_language),
            country=_asked("Country whose holidays are free, none for weekends only", org.country or "none", _country),
        )
        wishes = _ask_wishes()
        answers = replace(answers, preset=_ask_preset(wishes), playbooks=_ask_playbooks())
        proposed = _proposed_fields(config, connection, answers, wishes) if connection else ()
        if connection and "next_renewal_date" not in {one.name for one in proposed}:
            answers = _ask_renewals(connection, _loaded(config, answers).mapping, answers)
        fields = [(one.name, one.field.name, one.field.kind) for one in proposed]
        if wishes.strategic_field:
            fields.append(("strategic_market", wishes.strategic_field, "boolean"))
        answers = _map_fields(config, answers, fields)
    return answers


def _ask_sign_in(answers: Answers, address: str | None) -> Answers:
    ways = SIGN_INS.get(answers.crm, ())
    if not ways:
        return answers
    if answers.crm == "salesforce" and address is None:
        url = _asked("Your org's address (My Domain)", answers.url, lambda text: check_address("salesforce", text))
        answers = replace(answers, url=url)
    names = [way.name for way in ways]
    _list(names, [way.purpose for way in ways])
    way = _asked("How to sign in", names[0], lambda text: check_choice(text, names, "way to sign in"))
    answers = replace(answers, sign_in=way)
    if "{username}" in next(one.lines for one in ways if one.name == way):
        answers = replace(answers, username=_asked("User to act as", answers.username, _not_empty))
    return answers


def _ask_wishes() -> Wishes:
    """The four things that choose between presets, beside what the org shows once it is pulled."""
    names = shipped_names("criteria")
    _list(names, [_first_sentence(shipped_purpose(name, "criteria")) for name in names])
    say("  More of each: kamsync criteria show NAME", "dim")
    return ask_wishes(Wishes())


def _ask_preset(wishes: Wishes) -> str:
    """Proposes the preset that fits what is wanted, with its reasons."""
    found = suggest(None, wishes)
    for line in suggestion_lines(found):
        say(line)
    return _asked("Criteria", found.preset, check_preset)


def _ask_playbooks() -> tuple[str, ...]:
    names = shipped_names("playbooks")
    _list(names, [_first_sentence(shipped_purpose(name, "playbooks")) for name in names])
    say("  More of each, with its tasks: kamsync playbooks show NAME", "dim")
    return _asked("Playbooks, separated by commas, or none", "onboarding, quarterly-review", check_playbooks)


def _proposed_fields(config: Path, connection: Connection, answers: Answers, wishes: Wishes) -> Sequence[FieldProposal]:
    """The fields that the shipped criteria would use and a person wants; not one that they have named already."""
    proposals = fetch_field_proposals(connection, _loaded(config, answers).mapping)
    named = {"strategic_market"} if wishes.strategic_field else set()
    return [one for one in proposals if one.name not in named and ask(_field_question(one), default=True)]


def _map_fields(config: Path, answers: Answers, fields: Sequence[tuple[str, str, Kind]]) -> Answers:
    """A mapping of one's own holds the fields that were wanted, each by its name, the CRM's field and its kind."""
    target = config.with_name(MAPPING_NAME)
    if not fields:
        return answers
    if target.exists():
        say(f"{target} is there already and stays as it is; map these fields there.")
        return answers
    text = read_shipped(answers.crm)
    if text is None:
        say(f"There is no shipped mapping for {answers.crm}: map these fields in your own.")
        return answers
    for name, field, kind in fields:
        text = map_field(text, name, field, kind)
    write_private(target, text, "mapping file")
    show(f"Wrote {target}, which maps {', '.join(name for name, _, _ in fields)}.")
    return replace(answers, mapping=target.name)


def _ask_renewals(connection: Connection, mapping: CrmMapping, answers: Answers) -> Answers:
    """Without a mapped renewal date, renewals are known by the type of an opportunity."""
    found = fetch_opportunity_types(connection, mapping)
    if not found:
        return answers
    say("Types of opportunities: " + ", ".join(f"{one_line(name)} ({count:,})" for name, count in found.items()), "dim")
    proposed = ", ".join(are_renewals(found)) or "none"
    types = _asked("Which are renewals, separated by commas, or none", proposed, lambda text: _types(text, tuple(found)))
    return replace(answers, renewal_types=types)


def _types(answer: str, found: Sequence[str]) -> tuple[str, ...]:
    named = [part.strip() for part in answer.split(",") if part.strip()]
    if [one.casefold() for one in named] in ([], ["none"]):
        return ()
    return tuple(check_choice(one, found, "type of opportunity") for one in named)


def _field_question(one: FieldProposal) -> str:
    held = f"{one.filled:.0%} of the accounts hold a value, such as {one.example!r}"
    return f"Map {one.name} to {one.field.label!r} ({one.field.name}; {held})?"


@contextmanager
def _signed_in(config: Path, answers: Answers) -> Iterator[Connection | None]:
    """A connection where the environment holds the secrets; None, with the reason said, where it does not or it fails."""
    with ExitStack() as opened:
        missing = _not_set(answers)
        if missing:
            say(f"Were {', '.join(missing)} set, your org could answer some of these questions itself.", "dim")
        yield None if missing or answers.crm not in SIGN_INS else _sign_in(opened, config, answers)


def _sign_in(opened: ExitStack, config: Path, answers: Answers) -> Connection | None:
    try:
        connection = opened.enter_context(Session(config, _loaded(config, answers)).connection())
        identity = connection.identity()
    except KamsyncError as error:
        say(f"Signing in did not work: {one_line(error.message)}", "yellow")
        say(f"  {error.fix} The questions go on without it.")
        return None
    say(f"Signed in to {one_line(identity.org_name or identity.org_id)}{' (sandbox)' if identity.is_sandbox else ''}.", "green")
    return connection


def _loaded(config: Path, answers: Answers) -> Config:
    """What the answers so far would load as. Beside the file that is to come, because secrets' files are looked for there."""
    descriptor, name = tempfile.mkstemp(dir=config.resolve().parent, prefix="config-", suffix=".toml")
    path = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(render_config(answers))
        return load_config(path)
    finally:
        path.unlink()


def _asked(question: str, default: str, check: Callable[[str], T], choices: Sequence[str] = ()) -> T:
    """Asks until the answer is one that the configuration takes."""
    text = f"{question} ({', '.join(choices)})" if choices else question
    while True:
        answer = typer.prompt(text, default=default, err=True)
        try:
            return check(answer)
        except ConfigError as error:
            say(error.message, "yellow")
            say(f"  {error.fix}")


def _kind(answer: str) -> str:
    return load_connector(answer.strip().lower(), where="CRM").kind


def _country(answer: str) -> str:
    return "" if answer.strip().casefold() in ("none", "-") else check_holiday_country(answer)


def _not_empty(answer: str) -> str:
    if not answer.strip() or '"' in answer:
        raise ConfigError(f"{answer!r} is no user name.", fix="Write it like agent@acme.example.")
    return answer.strip()


def _first_sentence(purpose: str) -> str:
    return purpose.partition(". ")[0].rstrip(".")


def _list(names: Sequence[str], purposes: Sequence[str]) -> None:
    width = widest(names, 40)
    for name, purpose in zip(names, purposes, strict=True):
        first, *more = wrap(purpose, max(20, err.width - width - 4)) or ("",)
        say(f"  {pad(name, width)}  {first}", "dim")
        for line in more:
            say(" " * (width + 4) + line, "dim")


def _not_set(answers: Answers) -> list[str]:
    way = sign_in_of(answers)
    return [name for name in (way.environment if way else ()) if not os.environ.get(name)]

"""`kamsync init`: asks a few questions, writes config.toml for its owner's eyes."""

from __future__ import annotations

from typing import Annotated

import typer

from kamsync.cli.console import at_terminal, say, show
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption
from kamsync.config.example import Answers, render_config
from kamsync.config.shipped import shipped_names
from kamsync.errors import ConfigError
from kamsync.files import write_private
from kamsync.plugins import installed_connectors, load_connector


def init(
    config: ConfigOption = DEFAULT_CONFIG,
    crm: Annotated[str | None, typer.Option(help="salesforce, hubspot, or another installed connector.")] = None,
    defaults: Annotated[bool, typer.Option("--defaults", help="Ask nothing; edit the file afterwards.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Ask a few questions and write a configuration that you can edit. Secrets are named, never stored."""
    if config.exists() and not force:
        raise ConfigError(f"{config} is there already.", fix="Edit it, name another with --config, or overwrite it with --force.")
    answers = Answers(crm=load_connector(crm).kind if crm else "salesforce")
    if not defaults:
        if not at_terminal():
            raise ConfigError("Nobody is here to answer the questions.", fix="Add --defaults, and edit the file afterwards.")
        answers = _ask(crm)
    write_private(config, render_config(answers), "configuration file")
    show(f"Wrote {config}. Next: set the environment variables that it names, then kamsync doctor")


def _ask(crm: str | None) -> Answers:
    say("A few questions; Enter takes the value in brackets.")
    kind = load_connector(crm or typer.prompt(f"CRM ({', '.join(installed_connectors())})", default="salesforce", err=True)).kind
    url = ""
    if kind == "salesforce":
        url = typer.prompt("Your org's address (My Domain)", default="https://acme.my.salesforce.com", err=True)
    return Answers(
        crm=kind,
        url=url,
        timezone=typer.prompt("Time zone", default="UTC", err=True),
        currency=typer.prompt("Currency of the programme (ISO code)", default="EUR", err=True),
        language=typer.prompt("Language of what people read (en, pt_BR, es)", default="en", err=True),
        preset=typer.prompt(f"Criteria ({', '.join(shipped_names('criteria'))})", default="balanced", err=True),
    )

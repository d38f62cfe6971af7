"""`kamsync playbooks [list|show NAME|copy NAME FILE]`: the shipped account plans and this configuration's own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.shipped_files import (
    ForceOption,
    TargetArgument,
    document_of,
    list_shipped,
    parsed_playbook,
    shipped_text,
    write_copy,
)
from kamsync.config.shipped import playbook_fragment, shipped_names
from kamsync.report.rehearsal_text import rehearsal_json, rehearsal_lines
from kamsync.report.text_width import wrap

NameArgument = Annotated[str, typer.Argument(help="The playbook's name; `kamsync playbooks` lists them.", metavar="NAME")]

AccountOption = Annotated[
    str, typer.Option(help="Show the tasks as this account would get them, by id or name.", metavar="ACCOUNT")
]

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show the shipped playbooks, and copy one to change it. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_playbooks(config=config, json=json)


@app.command("list")
def list_playbooks(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List the shipped playbooks with what each is for; those in use are marked."""
    program = document_of(config).get("program", {})
    named = program.get("playbooks", ())
    list_shipped("playbooks", used=frozenset(shipped_names("playbooks") if named == "all" else named), json=json)
    if not json:
        show('To use one: playbooks = ["onboarding", …] under [program]. To read one: kamsync playbooks show NAME')


@app.command("show")
def show_playbook(
    name: NameArgument, config: ConfigOption = DEFAULT_CONFIG, account: AccountOption = "", json: JsonOption = False
) -> None:
    """Show when a playbook fires and the tasks that it makes, in the programme's language; with --account, what it does there.

    With --account: reads the cache only, and decides as a run of today would, but for the owners' limits.
    """
    if account:
        _show_for_account(name, config, account, json=json)
        return
    document = document_of(config)
    own = {table.get("name"): table for table in document.get("playbooks", ()) if isinstance(table, dict)}
    playbook = own.get(name) or parsed_playbook(name)
    if json:
        show_json(playbook)
        return
    language = str(document.get("program", {}).get("language", "en"))
    show(f"{playbook['name']}: {_said(playbook.get('label', ''), language) or playbook['name']}")
    show(f"  when   {playbook['when']}")
    show(f"  every  {playbook.get('every', 'once')}")
    if playbook.get("when_clear") == "close":
        show("  Its open tasks close by themselves when it no longer fires, unless somebody touched them.")
    for task in playbook.get("tasks", ()):
        _show_task(task, language)
    if name not in own:
        show(f"To change it: kamsync playbooks copy {name} FILE")


@app.command("copy")
def copy_playbook(name: NameArgument, file: TargetArgument, force: ForceOption = False) -> None:
    """Write a shipped playbook as the [[playbooks]] table that you can put into your configuration and change."""
    write_copy(playbook_fragment(shipped_text(name, "playbooks", "playbook")), file, force=force)
    show(f"Wrote {file}. Put it into your configuration, and take {name!r} out of [program] playbooks.")


def _show_for_account(name: str, config: Path, account: str, *, json: bool) -> None:
    """The shell takes long to load, and most of these commands read no cache."""
    from kamsync.cli.session import open_session
    from kamsync.config.other_criteria import with_playbook
    from kamsync.run.moments import today
    from kamsync.run.rehearsal import rehearsal_of
    from kamsync.store.accounts import find_account, owners

    session = open_session(config)
    as_of = today(session.config, datetime.now(UTC))
    compiled = with_playbook(name, session.config)
    with session.cache(must_exist=True) as cache:
        account_id, called = find_account(cache, account)
        rehearsal = rehearsal_of(cache, compiled, name, account_id, as_of, session.config.compiled)
        people = {owner.id: owner.name or owner.id for owner in owners(cache)}
    if json:
        show_json(rehearsal_json(rehearsal, name, account_id, called, as_of))
        return
    for line in rehearsal_lines(rehearsal, compiled.playbooks.by_name[name].label, called, people, out.width):
        show(line)


def _show_task(task: dict[str, Any], language: str) -> None:
    show("")
    show(f'  + "{_said(task.get("subject", ""), language)}"')
    kind = f", {task['type']}" if task.get("type") else ""
    show(f"    due {task.get('due', 0)}, for {task.get('assignee', 'owner')}, {task.get('priority', 'normal')} priority{kind}")
    for line in wrap(_said(task.get("body", ""), language), out.width - 4):
        show(f"    {line}")


def _said(text: Any, language: str) -> str:
    """A text of a playbook in the language, else in English, else in the first one it has."""
    if not isinstance(text, dict):
        return str(text)
    return str(text.get(language) or text.get("en") or next(iter(text.values()), ""))

"""`kamsync plan`: what would be written and why; writes nothing."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AllOption, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.printing import accounts_read, calls_said, plan_reader, show_plan
from kamsync.cli.session import open_session
from kamsync.report.plan_json import plan_to_json
from kamsync.run.cost import calls_to_write
from kamsync.run.plan_file import save_plan
from kamsync.run.sync import pull_and_plan, refusals

CHANGES = 4


def plan(
    config: ConfigOption = DEFAULT_CONFIG,
    out: Annotated[Path | None, typer.Option(help="Save the plan to this file, for `kamsync apply FILE`.")] = None,
    as_of: AsOfOption = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 4 where there are changes, 0 where there are none.")
    ] = False,
    show_all: AllOption = False,
    json: JsonOption = False,
    limit: Annotated[int, typer.Option(help="Lines of each kind to show.", min=1)] = 20,
) -> None:
    """Pull, then show what would be written and why. Writes nothing."""
    started, day = time.monotonic(), parse_day(as_of)
    session = open_session(config)
    session.check_target(out)
    with session.shell() as shell:
        _, planned = pull_and_plan(shell, as_of=day)
        held = refusals(shell, planned)
        reader = plan_reader(shell)
        calls, cost = calls_to_write(shell.connection, planned.plan), calls_said(shell, planned.plan)
    made = planned.plan
    if out is not None:
        save_plan(made, out)
    if json:
        guards = [{"message": one.message, "fix": one.fix} for one in held]
        read = {"accounts": planned.accounts, "accounts_read": planned.read, "api_calls_to_write": calls}
        show_json({**plan_to_json(made), **read, "guards": guards})
    else:
        show_plan(
            made, reader, read=accounts_read(planned), seconds=time.monotonic() - started, limit=None if show_all else limit
        )
        if made.changes:
            target = f"kamsync apply {out}" if out is not None else "kamsync apply"
            first = "run `kamsync setup` first, which creates the fields in the CRM, then " if planned.lacking else ""
            show(f"Nothing has been written. To write it: {first}{target}")
            show(f"  That takes {cost}.")
        else:
            show("Nothing to write: the CRM already says what the programme decides.")
        for one in held:
            show(f"`kamsync sync` would be held back. {one.message}")
            show(f"  {one.fix}")
    if detailed_exitcode and made.changes:
        raise typer.Exit(CHANGES)

"""`kamsync apply`: writes a saved plan, or a fresh one; asks first at a terminal."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import ask, at_terminal, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, YesOption
from kamsync.cli.printing import accounts_read, calls_said, plan_reader, show_applied, show_plan, these_changes
from kamsync.cli.session import ending_gently, open_session
from kamsync.decide.guards import check_saved, check_set_up
from kamsync.errors import ConfigError
from kamsync.run.plan_file import load_plan
from kamsync.run.sync import carry_out, pull_and_plan


def apply(
    plan: Annotated[
        Path | None, typer.Argument(help="A plan saved by `kamsync plan --out`; without it, a fresh one.", readable=False)
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Write a plan to the CRM. A saved plan is refused where it was altered, or the CRM or the criteria moved on since."""
    session, started = open_session(config), time.monotonic()
    saved = load_plan(plan) if plan is not None else None
    if not yes and not at_terminal():
        raise ConfigError("Nobody is here to answer whether to write.", fix="Add --yes, or use `kamsync sync` on a schedule.")
    with session.shell("apply") as shell:
        # A person who says --yes has looked: the share guards are for runs that nobody watches.
        _, planned = pull_and_plan(shell, guarded=not yes, to_apply=yes)
        check_set_up(planned.lacking)
        if saved is not None:
            check_saved(saved, planned.plan)
        written = planned.plan if saved is None else saved
        if not yes:
            show_plan(written, plan_reader(shell), read=accounts_read(planned), seconds=time.monotonic() - started)
            if written.changes and not ask(f"Write {these_changes(written)}, with {calls_said(shell, written)}?"):
                show("Nothing has been written.")
                return
        with ending_gently(shell):
            applied = carry_out(shell, planned, plan=written)
    if json:
        show_json({"run_id": planned.plan.run_id, **applied.summary()})
    else:
        show_applied(planned.plan.run_id, applied, planned=len(written.changes))
    if not applied.complete:
        raise typer.Exit(1)

"""`kamsync undo RUN`: writes back what the run had found, leaving alone what people changed since."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kamsync.cli.console import ask, at_terminal, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, YesOption
from kamsync.cli.printing import calls_said, plan_reader, show_applied, show_plan, these_changes
from kamsync.cli.session import ending_gently, open_session
from kamsync.errors import ConfigError
from kamsync.numerals import counted
from kamsync.report.plan_json import plan_to_json
from kamsync.run.undo import carry_out_undo, plan_undo


def undo(
    run: Annotated[str, typer.Argument(help="The run's id, or its beginning; `kamsync runs` lists them.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: YesOption = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be written back; write nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Take a run back, leaving alone what people changed since.

    Flags as the run had found them, tasks that nobody touched removed, their keys free again.
    """
    session, started = open_session(config), time.monotonic()
    if dry_run:
        with session.shell() as shell:
            planned, reader = plan_undo(shell, run).planned, plan_reader(shell)
            plan, cost = planned.plan, calls_said(shell, planned.plan)
        if json:
            show_json(plan_to_json(plan))
        else:
            show_plan(plan, reader, read=_looked_at(planned.accounts), seconds=time.monotonic() - started)
            show(f"Nothing has been written. To write it: kamsync undo {run}")
            show(f"  That takes {cost}.")
        return
    if not yes and not at_terminal():
        raise ConfigError("Nobody is here to answer whether to write.", fix="Add --yes, or look with --dry-run.")
    with session.shell("undo") as shell:
        undoing = plan_undo(shell, run)
        plan = undoing.planned.plan
        if not yes:
            looked_at = _looked_at(undoing.planned.accounts)
            show_plan(plan, plan_reader(shell), read=looked_at, seconds=time.monotonic() - started)
            if plan.changes and not ask(f"Write {these_changes(plan)}, with {calls_said(shell, plan)}?"):
                show("Nothing has been written.")
                return
        with ending_gently(shell):
            applied = carry_out_undo(shell, undoing)
    applied.held_back += plan.held_back
    if json:
        show_json({"run_id": plan.run_id, "undoes": undoing.undone_run, **applied.summary()})
    else:
        show_applied(plan.run_id, applied, planned=len(plan.changes))
        show("`kamsync sync` and `kamsync run` wait now until somebody runs `kamsync apply` or changes the criteria.")
    if not applied.complete:
        raise typer.Exit(1)


def _looked_at(accounts: int) -> str:
    return f"{counted(accounts, 'account')} looked at"

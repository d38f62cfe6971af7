"""`kamsync undo RUN`: writes back what the run had found, leaving alone what people changed since."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from kamsync.cli.console import at_terminal, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, YesOption
from kamsync.cli.printing import show_applied, show_plan
from kamsync.cli.session import open_session
from kamsync.errors import ConfigError
from kamsync.run.undo import carry_out_undo, plan_undo


def undo(
    run: Annotated[str, typer.Argument(help="The run's id, or its beginning; `kamsync runs` lists them.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Take a run back: flags as the run had found them, tasks that nobody touched removed."""
    session, started = open_session(config), time.monotonic()
    if not yes and not at_terminal():
        raise ConfigError("Nobody is here to answer whether to write.", fix="Add --yes.")
    with session.shell() as shell:
        planned = plan_undo(shell, run)
        if not yes:
            show_plan(planned.plan, read=len(planned.plan.changes), seconds=time.monotonic() - started)
            show(f"Tasks to remove: {len(planned.tasks)}")
            if not typer.confirm("Write this back?", err=True):
                show("Nothing has been written.")
                return
        applied = carry_out_undo(shell, planned)
    applied.held_back += planned.plan.held_back
    if json:
        show_json({"run_id": planned.plan.run_id, "undone": planned.undone_run, **applied.summary()})
    else:
        show_applied(planned.plan.run_id, applied)
    if not applied.complete:
        raise typer.Exit(1)

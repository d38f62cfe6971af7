"""`kamsync sync`: pull, plan, apply in one; never asks. What the schedule calls."""

from __future__ import annotations

from typing import Annotated

import typer

from kamsync.cli.console import show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.printing import show_applied, written_json
from kamsync.cli.session import ending_gently, open_session
from kamsync.run.sync import sync as run_sync


def sync(
    config: ConfigOption = DEFAULT_CONFIG,
    full: Annotated[bool, typer.Option("--full", help="Read everything instead of what changed.")] = False,
    json: JsonOption = False,
) -> None:
    """Pull, plan and apply in one, without asking. Exit code 3 when a guard holds it back."""
    with open_session(config).shell("sync") as shell, ending_gently(shell):
        planned, applied = run_sync(shell, full=full)
        usage = shell.connection.usage()
    if json:
        show_json(written_json(planned, applied, usage))
    else:
        problems, size = planned.plan.problems, len(planned.plan.changes)
        show_applied(planned.plan.run_id, applied, planned=size, calls=usage.used_by_us, problems=problems)
    if not applied.complete:
        raise typer.Exit(1)

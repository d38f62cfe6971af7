"""`kamsync setup`: creates what the CRM lacks; running it twice changes nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.contract import SetupStep
from kamsync.printable import one_line

MARKS = {"exists": "=", "created": "+", "would_create": "+", "updated": "~", "would_update": "~", "failed": "!"}


def setup(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be created; create nothing.")] = False,
    metadata: Annotated[
        Path | None,
        typer.Option(help="Also write the same as a source folder that you can review and deploy with your own tools."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Create the fields, permissions and views that the CRM lacks. Idempotent."""
    session = open_session(config)
    with session.connection() as connection:
        steps = list(connection.setup(dry_run=dry_run, metadata_folder=metadata))
    if json:
        show_json([asdict(step) for step in steps])
    else:
        _show(steps, dry_run=dry_run)
    if any(step.status == "failed" for step in steps):
        raise typer.Exit(1)


def _show(steps: list[SetupStep], *, dry_run: bool) -> None:
    for step in steps:
        if step.status != "exists":
            show(one_line(f"  {MARKS[step.status]} {step.kind:<11}{step.name}" + (f"   {step.detail}" if step.detail else "")))
    there = sum(step.status == "exists" for step in steps)
    failed = sum(step.status == "failed" for step in steps)
    changed = len(steps) - there - failed
    done = "would be created or changed" if dry_run else "created or changed"
    show(f"Setup: {changed} {done}, {there} already there" + (f", {failed} failed" if failed else ""))
    if dry_run and changed:
        show("Nothing has been created. To create it: kamsync setup")

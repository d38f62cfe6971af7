"""`kamsync setup`: creates what the CRM lacks; running it twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import ask, at_terminal, pulling, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, YesOption
from kamsync.cli.session import open_session
from kamsync.contract import Connection, SetupStep
from kamsync.errors import KamsyncError
from kamsync.printable import one_line

MARKS = {"exists": "=", "created": "+", "would_create": "+", "updated": "~", "would_update": "~", "failed": "✗"}


def setup(
    config: ConfigOption = DEFAULT_CONFIG,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be created; create nothing.")] = False,
    metadata: Annotated[
        Path | None,
        typer.Option(help="Also write the same as a source folder that you can review and deploy with your own tools."),
    ] = None,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Create the fields, permissions and views that the CRM lacks. Asks first at a terminal. Idempotent."""
    session = open_session(config)
    with session.connection() as connection:
        read: list[SetupStep] = []
        if not (dry_run or yes or json) and at_terminal():
            read = [step for step in connection.setup(dry_run=True) if step.status != "exists"]
            if read and not _agreed(connection, read):
                show("Nothing has been created.")
                return
        steps: list[SetupStep] = []
        try:
            with pulling() as progress:
                for step in connection.setup(dry_run=dry_run, metadata_folder=metadata):
                    steps.append(step)
                    if read:
                        progress("setup", len(steps), None)
                    if not json and not _is_as_read(step, read):
                        _show_step(step)
        except KamsyncError:
            for step in steps if not json else ():
                if _is_as_read(step, read):
                    _show_step(step)
            _tell(
                steps, json=json, ending="Setup stopped there. Run it again once that is mended: it goes on from what is there."
            )
            raise
    failed = any(step.status == "failed" for step in steps)
    _tell(steps, json=json, ending=_next(steps, dry_run=dry_run, failed=failed))
    if failed:
        raise typer.Exit(1)


def _agreed(connection: Connection, changes: Sequence[SetupStep]) -> bool:
    """Shows what would be made, and asks."""
    for step in changes:
        _show_step(step)
    identity = connection.identity()
    org = f"{identity.org_name or identity.org_id}{' (sandbox)' if identity.is_sandbox else ''}"
    return ask(f"Make these {len(changes)} in {org}?")


def _is_as_read(step: SetupStep, read: Sequence[SetupStep]) -> bool:
    """True for a step that went as the person read who said yes: it needs no second line."""
    return step.status != "failed" and (step.kind, step.name, step.detail) in {(one.kind, one.name, one.detail) for one in read}


def _show_step(step: SetupStep) -> None:
    if step.status != "exists":
        failed = "failed: " if step.status == "failed" else ""
        detail = f"   {failed}{step.detail}" if step.detail or failed else ""
        show(one_line(f"  {MARKS[step.status]} {step.kind:<11}{step.name}{detail}"))


def _tell(steps: Sequence[SetupStep], *, json: bool, ending: str) -> None:
    """The end of a setup, also of one that stopped in the middle: what was done by then stands in the CRM."""
    if json:
        show_json([asdict(step) for step in steps])
        return
    statuses = [step.status for step in steps]
    there, failed = statuses.count("exists"), statuses.count("failed")
    changed = len(statuses) - there - failed
    planned = any(status.startswith("would_") for status in statuses)
    done = "would be created or changed" if planned else "created or changed"
    show(f"Setup: {changed} {done}, {there} already there" + (f", {failed} failed" if failed else ""))
    show(ending)


def _next(steps: Sequence[SetupStep], *, dry_run: bool, failed: bool) -> str:
    if failed:
        return "What failed is named above; kamsync setup may be run again at any time."
    if dry_run and any(step.status != "exists" for step in steps):
        return "Nothing has been created. To create it: kamsync setup"
    return "Next: kamsync plan, which writes nothing."

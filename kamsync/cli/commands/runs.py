"""`kamsync runs`: what has happened."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.printable import one_line
from kamsync.store.journal import list_runs


def runs(
    config: ConfigOption = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="Runs to show.", min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """List the runs that wrote or tried to, newest first. Reads the cache only."""
    with open_session(config).cache(must_exist=True) as cache:
        found = list_runs(cache, limit)
    if json:
        show_json([{**asdict(run), "undoes": run.undoes or None} for run in found])
        return
    for run in found:
        counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in run.summary.items() if count)
        show(f"{run.run_id}  {run.kind:<6}{run.status:<12}{counts} {one_line(run.message)}".rstrip())
    if not found:
        show("No run yet.")

"""`kamsync runs [show RUN]`: what has happened, and every write of one run."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import Annotated, Literal

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.known import sound_cache
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.report.run_trace import duration, trace_csv, trace_json, trace_lines
from kamsync.run.trace import seen_run, seen_runs, trace_of
from kamsync.store.runs import Run

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(
    context: typer.Context,
    config: ConfigOption = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="Runs to show.", min=1)] = 20,
    json: JsonOption = False,
) -> None:
    """List the runs that wrote or tried to, newest first. `runs show RUN` tells one. Reads the cache only."""
    if context.invoked_subcommand is None:
        _list(config, limit, json)
    else:
        context.obj = config


def _list(config: ConfigOption, limit: int, json: bool) -> None:
    with sound_cache(config) as cache:
        found = seen_runs(cache, limit)
    if json:
        show_json([run_json(run) for run in found])
        return
    for run in found:
        show(run_line(run))
        if run.fix:
            show(f"    To mend it: {one_line(run.fix)}")
    if not found:
        show("No run yet.")


@app.command("show")
def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help="The run's id, or its beginning; `kamsync runs` lists them.")],
    config: ConfigOption = DEFAULT_CONFIG,
    format: Annotated[Literal["text", "csv", "json"], typer.Option(help="How to show it.")] = "text",
    json: JsonOption = False,
) -> None:
    """Show every write of a run: before, after, what came of it, the CRM's words; and what it held back. Reads the cache only."""
    path = context.obj if context.obj is not None and config == DEFAULT_CONFIG else config
    with sound_cache(path) as cache:
        found = seen_run(cache, run)
        if found is None:
            raise ConfigError(f"There is no run {one_line(run)!r}, or more than one begins so.", fix="See `kamsync runs`.")
        trace = trace_of(cache, found.run_id)
    if json or format == "json":
        show_json({**run_json(found), **trace_json(trace)})
        return
    if format == "csv":
        if sys.stdout is not None:  # whoever started us may have closed it
            sys.stdout.write(trace_csv(trace))
        return
    show(run_line(found))
    if found.fix:
        show(f"    To mend it: {one_line(found.fix)}")
    for line in trace_lines(trace):
        show(line)
    if not trace.writes:
        say("It wrote nothing.", "dim")


def run_line(run: Run) -> str:
    """One run in one line: its id, kind, how it ended, what it wrote, how long it took, why it failed."""
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in run.summary.items() if count)
    took = duration(run.started_at, run.finished_at)
    parts = (counts, f"in {took}" if took else "", one_line(run.message))
    return f"{run.run_id}  {run.kind:<6}{run.status:<12}{'  '.join(part for part in parts if part)}".rstrip()


def run_json(run: Run) -> dict[str, object]:
    """One run as JSON (docs/json.schema.json, `run`)."""
    return {**asdict(run), "undoes": run.undoes or None}

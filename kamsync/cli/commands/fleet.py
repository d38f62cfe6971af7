"""`kamsync fleet …`: many orgs on one queue. Everything it needs beyond one org is loaded here, and only when it is asked for."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import JsonOption
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.report.run_trace import in_words

if TYPE_CHECKING:
    from kamsync.config.fleet import Fleet
    from kamsync.fleet.status import OrgStatus
    from kamsync.fleet.tables import Tables
    from kamsync.fleet.tables.orgs import KnownOrg
    from kamsync.fleet.tables.runs import FleetRun

app = typer.Typer(no_args_is_help=True)
FleetOption = Annotated[
    Path,
    typer.Option(
        "--fleet", "-f", help="The fleet's file, or the folder with fleet.toml.", envvar="KAMSYNC_FLEET", readable=False
    ),
]
OrgArgument = Annotated[str, typer.Argument(help="The org: its configuration's file name, without .toml.")]
KindName = Literal["sync", "full", "plan", "apply", "undo"]
DEFAULT_FLEET = Path("fleet.toml")
LOOK_SECONDS = 0.25
OF_JOBS = ("kamsync.cli.app", f"{__package__}.run", f"{__package__}.apply")  # modules that a job's command loads
FAILED, REFUSED = 1, 3
MOST_LINES = 40


@app.callback()
def _group() -> None:
    """Run many orgs, on as many machines as it takes. Each org's runs are jobs of a queue in PostgreSQL. Needs kamsync[fleet]."""
    check_installed()


def check_installed() -> None:
    """Raises ConfigError where a package of the extra is missing."""
    try:
        import obstore  # noqa: F401 - named here to say which package is missing before anything begins
        import procrastinate  # noqa: F401
        import psycopg  # noqa: F401
        import zstandard  # noqa: F401
    except ImportError as error:
        raise ConfigError(f"A fleet needs more packages: {one_line(str(error))}.", fix="pip install 'kamsync[fleet]'") from error


@app.command()
def init(
    fleet: FleetOption = DEFAULT_FLEET,
    finish: Annotated[
        bool, typer.Option("--finish", help="Apply what an upgrade of the queue left for when no older worker runs.")
    ] = False,
) -> None:
    """Make the fleet's tables or upgrade the queue's, read the folder of orgs, try the caches. Safe to repeat."""
    from kamsync.config.checking import nearest
    from kamsync.fleet.caches import Caches
    from kamsync.fleet.queue import prepare
    from kamsync.fleet.tables import Tables
    from kamsync.fleet.upkeep import read_folder

    found = _open(fleet)
    waiting = prepare(found.database, finish=finish)
    tables = Tables(found.database)
    read_folder(found, tables)
    orgs = tables.orgs()
    show(f"The database is ready. {len(orgs):,} orgs in {found.orgs}.")
    for one in orgs.values():
        if one.state == "parked":
            show(f"  ! {one_line(one.org)}: {one_line(one.reason)}")
            show(f"    {one_line(one.fix)}")
    for name in sorted(found.options.keys() - orgs.keys()):
        show(f"  ! {found.path}: there is no org for [org.{name}]{nearest(name, orgs)}")
    Caches(found.caches).check()
    if waiting:
        show(f"{len(waiting)} migrations of the queue wait until no worker of the version before runs.")
        show("  Then: kamsync fleet init --finish")
    show("Next, on every machine that is to work: kamsync fleet worker")


@app.command()
def worker(fleet: FleetOption = DEFAULT_FLEET) -> None:
    """Work for the fleet in the foreground, for systemd, Docker or a terminal. SIGTERM and Ctrl-C finish the batch in hand."""
    from kamsync.fleet.worker import run_worker
    from kamsync.log import configure_logs

    found = _open(fleet)
    configure_logs()
    run_worker(found, commands=OF_JOBS)


@app.command()
def status(
    fleet: FleetOption = DEFAULT_FLEET,
    show_all: Annotated[bool, typer.Option("--all", help="Show the orgs that are well too.")] = False,
    json: JsonOption = False,
) -> None:
    """Show the orgs by state, what waits for you and why, the age of their data, who works. Reads the database only."""
    from kamsync.fleet.status import fleet_status
    from kamsync.fleet.tables import Tables

    found = fleet_status(Tables(_open(fleet).database))
    if json:
        show_json(found.as_json())
        return
    counted = ", ".join(f"{count:,} {state}" for state, count in found.states.items()) or "none yet"
    show(f"Orgs: {counted}. Workers: {found.workers}. Jobs waiting: {sum(org.queued for org in found.orgs):,}.")
    if not found.workers:
        late = f" {found.overdue:,} orgs are overdue." if found.overdue else ""
        show(f"No worker is at work.{late} Start one: kamsync fleet worker")
    if found.oldest is not None:
        show(f"Oldest data: {found.oldest.name}, {in_words(found.oldest.data_age_seconds or 0.0)}.")
    listed = [org for org in found.orgs if show_all or org.reason or org.state not in ("ok", "new")]
    for org in listed[: None if show_all else MOST_LINES]:
        _show_org(org)
    if len(listed) > MOST_LINES and not show_all:
        show(f"… and {len(listed) - MOST_LINES:,} more: --all")


def _show_org(org: OrgStatus) -> None:
    age = "never read" if org.data_age_seconds is None else f"data {in_words(org.data_age_seconds)} old"
    left = "" if org.calls_left is None else f", {org.calls_left:,} calls left"
    where = f" on {org.worker}" if org.worker else ""
    until = f" until {org.waits_until.isoformat(timespec='seconds')}" if org.waits_until else ""
    show(f"  {org.state:<8} {one_line(org.name)}   {age}{left}{where}{until}")
    if org.reason:
        show(f"           {one_line(org.reason)}")
    if org.fix:
        show(f"           To mend it: {one_line(org.fix)}")


@app.command()
def run(
    org: OrgArgument,
    what: Annotated[KindName, typer.Argument(help="What to do; sync and full as the schedule does them.")] = "sync",
    run_id: Annotated[str, typer.Argument(metavar="[RUN]", help="The run to take back, with undo.")] = "",
    fleet: FleetOption = DEFAULT_FLEET,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended, and show how.")] = False,
    json: JsonOption = False,
) -> None:
    """Put one job for an org into the queue, before what the schedule put there: sync, full, plan, apply or undo RUN."""
    from kamsync.fleet.queue import Work, defer, opened
    from kamsync.fleet.status import SILENT_SECONDS
    from kamsync.fleet.tables import Tables

    if (what == "undo") != bool(run_id):
        raise ConfigError("undo takes the run to take back, and nothing else does.", fix="kamsync fleet run ORG undo RUN")
    found = _open(fleet)
    tables = Tables(found.database)
    schema = _known(tables, org).cache_schema
    with opened(found.database) as queue:
        job = defer(queue, Work(org, what, run_id, by_hand=True), schema=schema)
        if job is None:  # another try that waits for its time, or what the schedule put there
            waiting = next(
                (one for one in tables.queued() if (one["org"], one["kind"], one["status"]) == (org, what, "todo")), None
            )
            if waiting is not None:
                queue.job_manager.cancel_job_by_id(waiting["job_id"], delete_job=True)
            job = defer(queue, Work(org, what, run_id, by_hand=True), schema=schema)
    if job is None:
        raise ConfigError(f"{what} of {org} waits in the queue already.", fix="See: kamsync fleet status")
    if wait:
        if not any(one["silent_seconds"] < SILENT_SECONDS for one in tables.workers()):
            say("No worker is at work now: the job waits for one. Start it: kamsync fleet worker", "yellow")
        _show_end(_awaited(tables, job), json)
    elif json:
        show_json({"job": job, "org": org, "what": what})
    else:
        show(f"Job {job}: {what} of {org} is in the queue. How it went: kamsync fleet logs {org}")


@app.command()
def pause(
    org: OrgArgument,
    fleet: FleetOption = DEFAULT_FLEET,
    reason: Annotated[str, typer.Option(help="Why, for whoever looks at the status.")] = "",
) -> None:
    """Let nothing run for an org by the schedule until `resume`. What runs now ends as it does; a person's `run` still works."""
    from kamsync.fleet.tables import Tables

    tables = Tables(_open(fleet).database)
    _known(tables, org)
    changed = tables.set_state(org, "paused", reason or "Paused by hand.", f"kamsync fleet resume {org}")
    show(f"{org} is paused. To go on: kamsync fleet resume {org}" if changed else f"{org} is paused already.")


@app.command()
def resume(org: OrgArgument, fleet: FleetOption = DEFAULT_FLEET) -> None:
    """Let a paused or parked org run again: once at once, then by its schedule."""
    from kamsync.fleet.tables import Tables

    tables = Tables(_open(fleet).database)
    _known(tables, org)
    if tables.set_state(org, "active"):
        tables.set_due([(datetime.now(UTC), org)])
        show(f"{org} goes on.")
    else:
        show(f"{org} is neither paused nor parked.")


@app.command()
def logs(
    org: OrgArgument,
    fleet: FleetOption = DEFAULT_FLEET,
    limit: Annotated[int, typer.Option(help="Jobs to show.", min=1)] = 20,
    job: Annotated[int | None, typer.Option(help="One job, with the end of its log.")] = None,
    journal: Annotated[
        str | None, typer.Option(help="A run of the org, by its id or `last`: every write of it, from the stored cache.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Show an org's jobs, newest first; one job's log; or every write of a run. From any machine."""
    from kamsync.fleet.tables import Tables

    found = _open(fleet)
    tables = Tables(found.database)
    _known(tables, org, gone_too=True)
    if journal is not None:
        _show_journal(found, org, journal, json)
        return
    runs = tables.runs(org, limit) if job is None else [one for one in tables.runs(org, 1_000) if one.job_id == job]
    if json:
        show_json([_run_json(one, whole=job is not None) for one in runs])
        return
    if not runs:
        show("No job of it has ended yet." if job is None else f"No job {job} of {org} has ended.")
    for one in runs:
        _show_run(one)
        if job is not None and one.log:
            show("\n".join(f"    {one_line(line)}" for line in one.log.splitlines()))


def _show_journal(fleet: Fleet, org: str, wanted: str, json: bool) -> None:
    """The org's cache is fetched into a folder of its own, which goes away: nobody's run is disturbed."""
    from kamsync.cli.commands.runs import run_json, run_line
    from kamsync.fleet.caches import Caches
    from kamsync.report.run_trace import trace_json, trace_lines
    from kamsync.run.trace import seen_run, seen_runs, trace_of
    from kamsync.store.database import open_cache

    with tempfile.TemporaryDirectory(prefix="kamsync-fleet-") as folder:
        held = Caches(fleet.caches).hold(org, Path(folder))
        if not held.fetched:
            raise ConfigError(f"No cache of {org} is stored yet.", fix="It is after its first run: kamsync fleet status")
        with open_cache(held.path) as cache:
            found = next(iter(seen_runs(cache, 1)), None) if wanted == "last" else seen_run(cache, wanted)
            if found is None:
                known = ", ".join(one.run_id for one in seen_runs(cache, 5)) or "none yet"
                raise ConfigError(f"{org} has no run {one_line(wanted)!r}.", fix=f"Its latest: {known}")
            trace = trace_of(cache, found.run_id)
    if json:
        show_json({**run_json(found), **trace_json(trace)})
        return
    show(run_line(found))
    for line in trace_lines(trace):
        show(line)


def _open(path: Path) -> Fleet:
    from kamsync.config.fleet import load_fleet

    return load_fleet(path)


def _known(tables: Tables, org: str, *, gone_too: bool = False) -> KnownOrg:
    """`gone_too`: also one whose file is no longer there, for what is remembered of it."""
    found = tables.org(org)
    if found is None or (found.is_gone and not gone_too):
        from kamsync.config.checking import nearest

        raise ConfigError(
            f"The fleet has no org {one_line(org)!r}{nearest(org, tables.orgs()) or '.'}",
            fix="A new file in the folder of orgs is read by the workers, and by `kamsync fleet init`.",
        )
    return found


def _awaited(tables: Tables, job: int) -> FleetRun:
    """How the job ended, once it has. Ctrl-C ends the waiting, not the job."""
    while (ended := tables.run_of_job(job)) is None:
        time.sleep(LOOK_SECONDS)
    return ended


def _show_end(ended: FleetRun, json: bool) -> None:
    if json:
        show_json(_run_json(ended, whole=True))
    else:
        _show_run(ended)
    if ended.outcome != "done":
        say(f"More of it: kamsync fleet logs {ended.org} --job {ended.job_id}", "dim")
        raise typer.Exit(REFUSED if ended.outcome == "refused" else FAILED)


def _show_run(one: FleetRun) -> None:
    took = in_words((one.ended_at - one.began_at).total_seconds())
    again = f", attempt {one.attempt}" if one.attempt > 1 else ""
    began = f"{one.began_at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    show(f"{began}  {one.kind} {one.outcome} in {took}{again}   job {one.job_id} on {one.worker}")
    figures = one.document if isinstance(one.document, dict) else {}
    said = ", ".join(f"{name} {value}" for name, value in figures.items() if isinstance(value, int | str) and value)
    if said and one.outcome in ("done", "partial"):
        show(f"    {one_line(said)}")
    if one.message:
        show(f"    {one_line(one.message)}")
    if one.fix:
        show(f"    To mend it: {one_line(one.fix)}")


def _run_json(one: FleetRun, *, whole: bool) -> dict[str, object]:
    found: dict[str, object] = {
        "job": one.job_id,
        "org": one.org,
        "what": one.kind,
        "attempt": one.attempt,
        "worker": one.worker,
        "began_at": one.began_at.astimezone(UTC),
        "ended_at": one.ended_at.astimezone(UTC),
        "outcome": one.outcome,
        "message": one.message,
        "fix": one.fix,
        "result": one.document,
    }
    return {**found, "log": one.log} if whole else found

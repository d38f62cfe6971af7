"""Pages that do: plan, apply or refuse, runs, undo with its preview, doctor. Each write asks first, as the terminal does."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from kamsync.console.jobs import Job
from kamsync.console.site import Site
from kamsync.console.work import Planned, Written, applying, diagnosing, planning, refusing, undo_planning, undoing
from kamsync.decide.plan import UpdateAccount
from kamsync.errors import PlanRefused
from kamsync.report.plan_text import describe_plan
from kamsync.report.run_trace import duration
from kamsync.run.trace import seen_run, seen_runs, trace_of

LINES, RUNS, WRITES = 60, 50, 500
STALE = PlanRefused("There is no plan to write any more.", fix="Make a new one.")


async def plan(site: Site, request: Request) -> Response:
    """The plan that waits for a person, or how to make one; what came of the last one."""
    job, written = site.jobs.last.get("plan"), site.jobs.last.get("apply")
    planned: Planned | None = site.jobs.result("plan")
    limit = None if request.query_params.get("all") == "1" else LINES
    return site.page(
        "plan.html", current="plan", **_planned(planned, limit), failed=_failed(job, written), written=_written(written)
    )


def _planned(planned: Planned | None, limit: int | None) -> dict[str, Any]:
    if planned is None:
        return {"planned": None, "groups": (), "counts": None, "limit": limit}
    changes = planned.plan.changes
    tasks = sum(not isinstance(change, UpdateAccount) for change in changes)
    counts = (len(changes), len({change.account_id for change in changes}), tasks, len(planned.plan.held_back))
    groups = describe_plan(planned.plan, planned.reader, limit=limit)
    return {"planned": planned, "groups": groups, "counts": counts, "limit": limit}


def _failed(*jobs: Job | None) -> Job | None:
    """The newest of them, where that is one that failed."""
    newest = max((job for job in jobs if job is not None), key=lambda job: job.number, default=None)
    return newest if newest is not None and newest.status == "failed" else None


def _written(job: Job | None) -> Written | None:
    return job.result if job is not None and job.status == "done" else None


async def make_plan(site: Site, request: Request) -> Response:
    """Begins to plan; the plan before it is forgotten, and what came of applying it."""
    await site.form(request)
    site.jobs.forget("apply")
    return await site.start("plan", "/plan", planning(site.doors))


async def apply_plan(site: Site, request: Request) -> Response:
    """Writes the plan that the person saw. Raises PlanRefused where another one has taken its place."""
    form = await site.form(request)
    site.check_writing()
    planned = _asked_for(site, "plan", form)
    answer = await site.start("apply", "/plan", applying(site.doors, planned.plan))
    site.jobs.forget("plan")
    return answer


async def refuse_plan(site: Site, request: Request) -> Response:
    """Notes that the plan that the person saw is not wanted. Raises PlanRefused where another one has taken its place."""
    form = await site.form(request)
    site.check_writing()
    _asked_for(site, "plan", form)
    answer = await site.start("refuse", "/plan", refusing(site.doors))
    site.jobs.forget("plan")
    site.notice = site.words.say("refused")
    return answer


def _asked_for(site: Site, kind: str, form: dict[str, str]) -> Planned:
    """The plan that the person saw. Raises PlanRefused where another one has taken its place."""
    planned: Planned | None = site.jobs.result(kind)
    if planned is None or form.get("plan") != planned.plan.run_id:
        raise STALE
    return planned


# -- runs and undo -------------------------------------------------------------------------------------------------------------


async def runs(site: Site, request: Request) -> Response:
    """The latest runs, with how long each took."""
    with site.doors.cache() as cache:
        found = [(run, duration(run.started_at, run.finished_at)) for run in seen_runs(cache, RUNS)]
    return site.page("runs.html", current="runs", runs=found)


async def run(site: Site, request: Request) -> Response:
    """Every write of a run, and the preview of undoing it where one was made."""
    with site.doors.cache() as cache:
        found = seen_run(cache, request.path_params["run_id"])
        if found is None:
            return site.missing()
        trace = trace_of(cache, found.run_id)
    preview: Planned | None = site.jobs.result("undo_plan")
    if preview is not None and preview.undoes != found.run_id:
        preview = None
    failed = _failed(site.jobs.last.get("undo_plan"), site.jobs.last.get("undo"))
    return site.page(
        "run.html",
        current="runs",
        run=found,
        took=duration(found.started_at, found.finished_at),
        writes=trace.writes[:WRITES],
        left_out=max(0, len(trace.writes) - WRITES),
        failed=failed if _is_about(failed, found.run_id) else None,
        written=_written(site.jobs.last.get("undo")) if _is_about(site.jobs.last.get("undo"), found.run_id) else None,
        **_planned(preview, LINES),
    )


def _is_about(job: Job | None, run_id: str) -> bool:
    return job is not None and job.about == run_id


async def preview_undo(site: Site, request: Request) -> Response:
    """Begins to plan the undoing of a run."""
    await site.form(request)
    run_id = request.path_params["run_id"]
    return await site.start("undo_plan", f"/runs/{run_id}", undo_planning(site.doors, run_id), about=run_id)


async def undo(site: Site, request: Request) -> Response:
    """Takes the run back as its preview said. Raises PlanRefused where the preview is another one by now."""
    form = await site.form(request)
    site.check_writing()
    seen = _asked_for(site, "undo_plan", form)
    answer = await site.start("undo", f"/runs/{seen.undoes}", undoing(site.doors, seen), about=seen.undoes)
    site.jobs.forget("undo_plan")
    return answer


# -- doctor, jobs --------------------------------------------------------------------------------------------------------------


async def doctor(site: Site, request: Request) -> Response:
    """What was found when the checks were last made."""
    job = site.jobs.last.get("doctor")
    return site.page("doctor.html", current="doctor", findings=site.jobs.result("doctor"), failed=_failed(job))


async def check(site: Site, request: Request) -> Response:
    """Begins to make the checks."""
    await site.form(request)
    return await site.start("doctor", "/doctor", diagnosing(site.doors))


async def job(site: Site, request: Request) -> Response:
    """The job under way; where it leads when it has ended."""
    present = site.jobs.present
    if present is None or present.status != "running":
        return RedirectResponse("/" if present is None else present.back, status_code=303)
    return site.page("job.html", seconds=site.seconds_since(present.started))

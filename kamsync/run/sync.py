"""The product on one screen: pull, decide, plan, guard, apply. What the schedule calls, and what `apply` does after asking."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from kamsync.contract import PullSummary
from kamsync.decide.guards import check_changed_share
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.run.apply import Applied, Applier
from kamsync.run.moments import new_run_id, today
from kamsync.run.planning import PlannedRun, When, make_plan
from kamsync.run.refresh import refresh
from kamsync.run.shell import Shell
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.journal import RunKind, RunStatus, finish_run, start_run
from kamsync.store.last_evaluation import keep_if_free


def pull_and_plan(
    shell: Shell, *, as_of: date | None = None, full: bool = False, guarded: bool = True, to_apply: bool = False
) -> tuple[PullSummary, PlannedRun]:
    """Refreshes the cache and plans from it; writes nothing to the CRM."""
    now = shell.clock()
    summary = refresh(shell.connection, shell.cache, shell.config, now=now, full=full, guarded=guarded, progress=shell.progress)
    return summary, plan_from_cache(shell, as_of=as_of, problems=summary.problems, to_apply=to_apply)


def plan_from_cache(
    shell: Shell, *, as_of: date | None = None, problems: tuple[str, ...] = (), to_apply: bool = False
) -> PlannedRun:
    """A plan from what the cache holds now. `problems` of the pull join those of the decision."""
    now = shell.clock()
    when = When(as_of or today(shell.config, now), now, new_run_id(now))
    room = shell.connection.capabilities.reasons_length
    program, crm = shell.config.program, shell.config.connector.kind
    planned = make_plan(shell.cache, program, crm, when, reasons_length=room, keep="if_final" if to_apply else "always")
    return replace(planned, plan=replace(planned.plan, problems=(*problems, *planned.plan.problems)))


def sync(shell: Shell, *, full: bool = False) -> tuple[PlannedRun, Applied]:
    """Pull, plan, apply in one. Raises PlanRefused when a guard holds it back; nothing has been written then."""
    _, planned = pull_and_plan(shell, full=full, to_apply=True)
    return planned, carry_out(shell, planned, kind="sync")


def carry_out(shell: Shell, planned: PlannedRun, *, kind: RunKind = "apply", guarded: bool = True) -> Applied:
    """Guards the plan, then writes it. `guarded=False` is for a person who has looked and said yes."""
    plan = planned.plan
    start_run(shell.cache, plan.run_id, kind, shell.clock(), plan.as_of)
    try:
        if guarded:
            check_changed_share(planned.moves, shell.config.program.guards)
        _remember_what_waits(shell.cache, planned)
        applier = Applier(shell.connection, shell.cache, shell.clock, shell.stopping, planned.history)
        applied = applier.apply(plan)
    except KamsyncError as error:
        status: RunStatus = "refused" if isinstance(error, PlanRefused) else "failed"
        finish_run(shell.cache, plan.run_id, status, shell.clock(), message=error.message)
        raise
    ended: RunStatus = "done" if applied.complete else "interrupted" if applied.stopped else "partial"
    finish_run(shell.cache, plan.run_id, ended, shell.clock(), applied.summary())
    if (applied.updated or planned.drift) and not applied.stopped:
        _keep_for_explain(shell, plan.as_of)
    return applied


def _keep_for_explain(shell: Shell, as_of: date) -> None:
    """Decides once more from what the CRM shows now, so that `explain` has its answer at once until the next run."""
    with Evaluation(shell.cache.path, shell.config.program, as_of) as evaluation:
        keep_if_free(shell.cache, evaluation, shell.config.program, as_of)


def _remember_what_waits(cache: Cache, planned: PlannedRun) -> None:
    """Tasks over an owner's limit are offered again next time; drift keeps the day on which it was first seen."""
    with cache.bookkeeping() as connection:
        connection.execute("DELETE FROM waiting_tasks")
        connection.executemany(
            "INSERT OR IGNORE INTO waiting_tasks VALUES (?, ?, ?)",
            [(h.key, h.account_id, planned.plan.run_id) for h in planned.plan.held_back if h.waits and h.key],
        )
        drift = [(account_id, tier, seen.isoformat()) for account_id, tier, seen in planned.drift]
        if sorted(connection.execute("SELECT account_id, tier, seen FROM drift")) != sorted(drift):
            cache.outdate()
            connection.execute("DELETE FROM drift")
            connection.executemany("INSERT INTO drift VALUES (?, ?, ?)", drift)

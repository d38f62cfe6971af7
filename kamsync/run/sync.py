"""The product on one screen: pull, settle what is open, decide, plan, guard, apply. What the schedule calls."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date

from kamsync.contract import KeepsNotes, PullSummary
from kamsync.decide.guards import (
    check_changed_share,
    check_choices,
    check_drifted_share,
    check_first_run,
    check_not_undone,
    check_set_up,
)
from kamsync.decide.plan import Plan, UpdateAccount
from kamsync.errors import PlanRefused
from kamsync.log import log, stamp, step
from kamsync.model import Stream
from kamsync.run.account_notes import NO_NOTES, learn_notes
from kamsync.run.apply import Applied, Applier
from kamsync.run.elsewhere import find_written_elsewhere, note_own_stamp
from kamsync.run.lease import lease_of
from kamsync.run.moments import new_run_id, today
from kamsync.run.planning import PlannedRun, When, make_plan
from kamsync.run.recovery import recover
from kamsync.run.refresh import refresh
from kamsync.run.shell import Shell
from kamsync.store.accounts import was_written
from kamsync.store.evaluate import Evaluation
from kamsync.store.held_back import keep_held
from kamsync.store.last_evaluation import keep_if_free
from kamsync.store.runs import RunStatus, describe_run, finish_run, held_since_undo, was_applied
from kamsync.store.schema import Meta


def pull_and_plan(
    shell: Shell,
    *,
    as_of: date | None = None,
    full: bool = False,
    guarded: bool = True,
    to_apply: bool = False,
    unattended: bool = False,
) -> tuple[PullSummary, PlannedRun]:
    """Refreshes the cache, settles what earlier runs left open, and plans; writes nothing to the CRM."""
    now = shell.clock()
    with step("pulled") as counts:
        summary = refresh(shell.connection, shell.cache, shell.config, now=now, full=full, guarded=guarded, progress=shell.read)
        stamp(org=shell.cache.meta(Meta.ORG_ID) or "")
        counts |= {**summary.rows, "deleted": sum(summary.deleted.values()), "full": full}
    with step("recovered") as counts:
        # What is open is looked up by fields that the CRM no longer shows: it stays open until `setup` has made them again,
        # and until then nothing is written.
        counts["settled"] = 0 if summary.lacking else recover(shell.connection, shell.cache, now)
    with step("planned") as counts:
        lost = (NO_NOTES,) if shell.config.program.plan_note and not _keeps_notes(shell) else ()
        if _keeps_notes(shell) and not summary.lacking:
            learn_notes(shell.connection, shell.cache)
        problems = (*summary.problems, *lost, *(find_written_elsewhere(shell.cache) if shell.run_id else ()))
        planned = plan_from_cache(shell, as_of=as_of, problems=problems, to_apply=to_apply, unattended=unattended)
        counts |= {"changes": len(planned.plan.changes), "held_back": len(planned.plan.held_back)}
    for problem in planned.plan.problems:
        log().warning("problem", said=problem)
    return summary, replace(planned, lacking=summary.lacking, read=summary.rows.get(str(Stream.ACCOUNTS), 0))


def plan_from_cache(
    shell: Shell, *, as_of: date | None, problems: tuple[str, ...], to_apply: bool, unattended: bool
) -> PlannedRun:
    """A plan from what the cache holds now. `problems` of the pull join those of the decision."""
    now = shell.clock()
    day = today(shell.config, now)
    when = When(as_of or day, now, shell.run_id or new_run_id(now), rehearsal=as_of not in (None, day))
    return make_plan(
        shell.cache,
        shell.config.compiled,
        shell.config.connector.kind,
        when,
        capabilities=shell.connection.capabilities,
        keep="if_final" if to_apply else "always",
        problems=problems,
        unattended=unattended,
        notes=_keeps_notes(shell),
    )


def _keeps_notes(shell: Shell) -> bool:
    return shell.config.program.plan_note and isinstance(shell.connection, KeepsNotes)


def sync(shell: Shell, *, full: bool = False) -> tuple[PlannedRun, Applied]:
    """Pull, plan, apply in one. Raises PlanRefused when a guard holds it back; nothing has been written then."""
    _, planned = pull_and_plan(shell, full=full, to_apply=True, unattended=True)
    for check in unattended_checks(shell, planned):
        check()
    return planned, carry_out(shell, planned)


def unattended_checks(shell: Shell, planned: PlannedRun) -> Iterator[Callable[[], None]]:
    """The guards of a run that nobody watches, in the order in which they are told: each raises PlanRefused or returns."""
    guards = shell.config.program.guards
    cache = shell.cache
    yield lambda: check_set_up(planned.lacking)
    yield lambda: check_not_undone(held_since_undo(cache, shell.config.compiled.hash))
    if planned.plan.changes:
        yield lambda: check_first_run(was_applied(cache) or was_written(cache), guards)
    yield lambda: check_choices(planned.plan, _lacking(shell, planned.plan))
    yield lambda: check_drifted_share(planned.moves, guards)
    yield lambda: check_changed_share(planned.moves, guards)


def _lacking(shell: Shell, plan: Plan) -> Mapping[str, tuple[str, ...]]:
    """What the CRM's pick lists lack; asked only where the plan moves a tier."""
    moves = any(isinstance(change, UpdateAccount) and "tier" in change.fields for change in plan.changes)
    return shell.connection.lacking_choices() if moves else {}


def refusals(shell: Shell, planned: PlannedRun) -> list[PlanRefused]:
    """What would hold `sync` back, for a person who looks at the plan."""
    found: list[PlanRefused] = []
    for check in unattended_checks(shell, planned):
        try:
            check()
        except PlanRefused as refused:
            found.append(refused)
    return found


def carry_out(shell: Shell, planned: PlannedRun, *, plan: Plan | None = None, undoes: str = "") -> Applied:
    """Writes what was planned, or exactly the saved `plan` that equals it; records how the run ended.

    Guards are the caller's: a person who has looked and said yes passes them; a CRM that was not set up, whose pick lists do not
    know a tier, or to which another machine writes, is refused whoever says yes. `undoes` is the run that this one takes back.
    """
    check_set_up(planned.lacking)
    written = planned.plan if plan is None else plan
    check_choices(written, _lacking(shell, written))
    run_id, program = planned.plan.run_id, shell.config.program
    describe_run(shell.cache, run_id, as_of=written.as_of, criteria_hash=shell.config.compiled.hash, undoes=undoes)
    with lease_of(shell, run_id, needed=bool(written.changes)) as lease:
        note_own_stamp(shell.cache, written)
        applier = Applier(
            shell.connection,
            shell.cache,
            run_id,
            shell.clock,
            lambda: shell.stopping() or not lease.is_kept(),
            planned.history,
            program.mapped_flags,
            shell.progress,
        )
        with step("applied") as counts:
            applied = applier.apply(written)
            held = (*written.held_back, *applied.held_back)
            applied.held_back += planned.waiting  # which are among the plan's own
            counts |= applied.summary()
    for name, message, url in applied.rejected:
        log().warning("refused by the CRM", account=name, said=message, url=url)
    keep_held(shell.cache, run_id, held)
    ended: RunStatus = "done" if applied.complete else "interrupted" if applied.stopped else "partial"
    finish_run(shell.cache, run_id, ended, shell.clock(), applied.summary(), f"undo of {undoes}" if undoes else "")
    if applied.updated and not applied.stopped:
        _keep_for_explain(shell, today(shell.config, shell.clock()))
    return applied


def _keep_for_explain(shell: Shell, as_of: date) -> None:
    """Decides once more from what the CRM shows now, so that `explain` has its answer at once until the next run."""
    with Evaluation(shell.cache.path, shell.config.compiled, as_of) as evaluation:
        keep_if_free(shell.cache, evaluation, shell.config.compiled, as_of)

"""The jobs themselves: plan, apply, refuse, undo, doctor. Each is what the command of that name does, without its printing."""

from __future__ import annotations

from dataclasses import dataclass

from kamsync.console.doors import Doors
from kamsync.console.jobs import Work
from kamsync.contract import Finding
from kamsync.decide.guards import check_saved, check_set_up
from kamsync.decide.plan import Plan
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.report.plan_json import fingerprint_of
from kamsync.report.plan_text import PlanReader
from kamsync.run.apply import Applied
from kamsync.run.lock import run_lock
from kamsync.run.shell import Shell, recorded
from kamsync.run.stop_signal import Stopping
from kamsync.run.sync import carry_out, pull_and_plan, refusals
from kamsync.run.undo import carry_out_undo, plan_undo
from kamsync.store.accounts import owners


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan that waits for a person, with what its text needs. `guards`: what would hold an unattended run back."""

    plan: Plan
    reader: PlanReader
    accounts: int
    guards: tuple[PlanRefused, ...] = ()
    undoes: str = ""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of writing."""

    run_id: str
    applied: Applied


def planning(doors: Doors) -> Work:
    """As `kamsync plan`: pulls, decides, writes nothing."""

    def work(stopping: Stopping) -> Planned:
        with doors.shell(None, stopping) as shell:
            _, planned = pull_and_plan(shell)
            return Planned(planned.plan, _reader(shell), planned.accounts, tuple(refusals(shell, planned)))

    return work


def applying(doors: Doors, saved: Plan) -> Work:
    """As `kamsync apply plan.json`: refused where the CRM or the criteria moved on since it was made."""

    def work(stopping: Stopping) -> Written:
        with doors.shell("apply", stopping) as shell:
            _, planned = pull_and_plan(shell)
            check_set_up(planned.lacking)
            check_saved(saved, planned.plan)
            return Written(planned.plan.run_id, carry_out(shell, planned, plan=saved))

    return work


def refusing(doors: Doors) -> Work:
    """A person looked and said no: the journal says so, as after a no at the terminal."""

    def work(stopping: Stopping) -> None:
        with run_lock(doors.config.cache_path), doors.cache() as cache, recorded(cache, doors.config, "apply"):
            return

    return work


def undo_planning(doors: Doors, run_id: str) -> Work:
    """As `kamsync undo RUN --dry-run`."""

    def work(stopping: Stopping) -> Planned:
        with doors.shell(None, stopping) as shell:
            undoing = plan_undo(shell, run_id)
            plan = undoing.planned.plan
            return Planned(plan, _reader(shell), len(plan.changes), undoes=undoing.undone_run)

    return work


def undoing(doors: Doors, seen: Planned) -> Work:
    """As `kamsync undo RUN`, refused where it would write something else than the person saw."""

    def work(stopping: Stopping) -> Written:
        with doors.shell("undo", stopping) as shell:
            found = plan_undo(shell, seen.undoes)
            if fingerprint_of(found.planned.plan.changes) != fingerprint_of(seen.plan.changes):
                raise PlanRefused("The CRM moved on since this preview was made. Nothing was written.", fix="Look at it again.")
            return Written(found.planned.plan.run_id, carry_out_undo(shell, found))

    return work


def diagnosing(doors: Doors) -> Work:
    """As `kamsync doctor`: a sign-in that fails is a finding like any other."""

    def work(stopping: Stopping) -> list[Finding]:
        findings = doors.configured()
        try:
            with doors.connection() as connection:
                findings += connection.diagnose(doors.doctor_request())
        except KamsyncError as error:
            findings.append(Finding("sign-in", "failed", error.message, error.fix))
        return findings

    return work


def _reader(shell: Shell) -> PlanReader:
    names = {owner.id: owner.name or owner.id for owner in owners(shell.cache)}
    return PlanReader(tuple(tier.name for tier in shell.config.program.tiers), names)

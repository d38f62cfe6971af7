"""One run at a time on an org, whatever machine it is on: a lease in the CRM, where it has a place for one.

It is asked for when a plan has something to write, before the last look at the records that are to be written: what another wrote
since the plan was made is seen by that look, and while we write nobody else does. A run that finds nothing to do takes none. A
dead holder's lease ends by time, with the next run on its own machine, or with the next that has the same `lease_name`: a fleet
lets an org's runs have one each, so whoever had it before is dead. Where the CRM keeps no lease, two that write are noticed
afterwards (run.elsewhere).
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kamsync.contract import GrantsLeases, LeaseAnswer
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.log import log
from kamsync.run.shell import Shell
from kamsync.store.runs import find_run

LEASE_SECONDS = 900  # for so long a machine that died holds up others
RENEW_AFTER = timedelta(seconds=LEASE_SECONDS / 3)


@dataclass
class Lease:
    """What a run has got. `connection`: None where the CRM keeps no lease. `is_lost`: another machine has it since."""

    connection: GrantsLeases | None
    clock: Callable[[], datetime]
    renewed_at: datetime
    is_lost: bool = False

    def is_kept(self) -> bool:
        """Whether we may go on writing; asked between batches, and renewed where it is time."""
        # A clock that was put back tells of an age below zero.
        if self.connection is not None and not self.is_lost and abs(self.clock() - self.renewed_at) >= RENEW_AFTER:
            self.is_lost = not self.connection.renew_lease(LEASE_SECONDS)
            self.renewed_at = self.clock()
            if self.is_lost:
                log().warning("lease lost", said="Another machine has begun to write: this run stops.")
        return not self.is_lost


@contextmanager
def lease_of(shell: Shell, run_id: str, *, needed: bool) -> Iterator[Lease]:
    """Holds the lease while a plan is written; nothing is taken where it is not `needed`.

    Raises PlanRefused where another machine writes, and what the connector raises where the CRM does not answer.
    """
    lease = Lease(_take(shell, run_id) if needed else None, shell.clock, shell.clock())
    try:
        yield lease
    except (Exception, KeyboardInterrupt, SystemExit):
        _give_back(lease)
        raise
    _give_back(lease)


def _take(shell: Shell, run_id: str) -> GrantsLeases | None:
    connection = shell.connection
    if not isinstance(connection, GrantsLeases):
        return None

    def is_dead(other: str) -> bool:
        """Our own runs are: the lock says that nobody is in them."""
        known = find_run(shell.cache, other) if other else None
        return known is not None and known.run_id == other

    holder = f"{platform.node()}{_said_name(shell.config.lease_name)}"
    answer = connection.take_lease(run_id, holder, LEASE_SECONDS, is_dead)
    if answer.status == "held" and _had_our_name(answer, shell.config.lease_name):
        dead = answer.run_id
        log().info("lease of a dead run", run=dead, machine=answer.machine)
        answer = connection.take_lease(run_id, holder, LEASE_SECONDS, lambda other: other == dead)
    match answer.status:
        case "held":
            raise _refusal(answer, shell.clock())
        case "no_place":
            log().info("no lease", why=answer.why)
            return None
        case "ours":
            return connection


def _said_name(name: str) -> str:
    return f", {name}" if name else ""


def _had_our_name(answer: LeaseAnswer, name: str) -> bool:
    return bool(name and answer.run_id) and answer.machine.endswith(_said_name(name))


def _refusal(answer: LeaseAnswer, now: datetime) -> PlanRefused:
    who = f"run {answer.run_id}" if answer.run_id else "a run"
    where = f" on {answer.machine}" if answer.machine else ""
    until = "" if answer.until is None else f", until {answer.until.astimezone(UTC):%Y-%m-%d %H:%M} UTC at the latest"
    return PlanRefused(
        f"Another kamsync writes to this org: {who}{where}{until}. Nothing was written.",
        fix="Run the command again when that one has ended. Two installations on one org are one too many: keep one"
        " (docs/running.md, Two machines).",
        retry_after_seconds=LEASE_SECONDS if answer.until is None else max(1.0, (answer.until - now).total_seconds()),
    )


def _give_back(lease: Lease) -> None:
    if lease.connection is None or lease.is_lost:
        return
    try:
        lease.connection.release_lease()
    except KamsyncError as error:  # it ends by itself
        log().info("lease not given back", why=error.message)

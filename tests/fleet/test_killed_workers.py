"""Workers that die, fall silent or are asked to stop: every org converges, no task twice, none stuck, no org in two hands."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress

import pytest

from tests.fleet.company import IMPATIENT, Company

pytestmark = pytest.mark.xdist_group("fleet")
ORGS = tuple(f"org-{number}" for number in range(6))


@pytest.mark.slow  # what each kill must leave is told by the tests below; this one, and bench.fleet, take many
def test_kill_9_at_random_moments_loses_nothing_and_does_nothing_twice(company: Company) -> None:
    moments = random.Random(7)
    for org in ORGS:
        company.add_org(org, accounts=6)
    company.write_fleet(**IMPATIENT)
    company.good("init")
    for org in ORGS:
        company.good("run", org)
    company.start_worker()
    company.start_worker(elsewhere=True)

    for number in range(3):
        company.wait_for(lambda: any(one["state"] == "running" for one in company.status().values()))
        time.sleep(moments.uniform(0, 0.8))
        moments.choice(company.living_workers()).kill()
        company.start_worker(elsewhere=bool(number % 2))
    company.wait_for(lambda: all(one["last_good_run"] and not one["queued"] for one in company.status().values()))

    for org in ORGS:
        tasks = company.tasks(org)
        assert tasks and len(tasks) == len(set(tasks))
        assert set(company.tiers(org).values()) & {"A", "B"}


def test_the_job_of_a_killed_worker_dies_with_it_and_another_takes_it_up(company: Company) -> None:
    server = company.add_org("acme")
    fault = server.faults.add("hang", path="/query", times=1)
    company.good("init")
    company.good("run", "acme")
    worker = company.start_worker()
    company.wait_for(lambda: fault.fired)
    company.start_worker(elsewhere=True)
    company.wait_for(lambda: company.worker_logs().count("started") == 2)

    worker.kill()

    company.wait_for(lambda: not company.processes_of("acme"))
    assert company.status()["acme"]["state"] == "running"  # so long as the lease runs, nobody else may begin
    company.let_silence_pass("acme")
    company.wait_for_states(acme="ok")
    assert "taken up org=acme" in company.worker_logs()


def test_a_worker_that_dies_while_it_writes_holds_its_org_up_in_salesforce_no_longer_than_in_the_fleet(company: Company) -> None:
    """The dead run holds a lease in the CRM for a quarter of an hour: of its own org it is known to be dead, of no other."""
    server = company.add_org("acme")
    text = (company.folder / "orgs" / "acme.toml").read_text(encoding="utf-8")
    company.write_org("acme-again", text)  # a mistake: the same portal twice
    busy = server.faults.add(
        "status", method="PATCH", path="composite/sobjects", status=503, headers={"Retry-After": "60"}, times=1
    )
    company.good("init")
    company.good("run", "acme")
    worker = company.start_worker()
    company.wait_for(lambda: busy.fired)
    worker.kill()
    company.wait_for(lambda: not company.processes_of("acme"))
    company.start_worker(elsewhere=True)

    other = company.job("acme-again")
    company.let_silence_pass("acme")
    company.wait_for_states(acme="ok")

    assert "Another kamsync writes to this org" in other["message"] and "/acme," in other["message"]
    assert [(job["outcome"], job["attempt"]) for job in company.jobs("acme")] == [("done", 1)]
    assert company.tasks("acme") and len(company.tasks("acme")) == len(set(company.tasks("acme")))


def test_a_worker_that_falls_silent_loses_its_org_before_another_begins(company: Company) -> None:
    """Stopped, not dead: as a machine that is suspended, or cut off from the database."""
    server = company.add_org("acme")
    fault = server.faults.add("hang", path="/query", times=1)
    company.good("init")
    company.good("run", "acme")
    silent = company.start_worker()
    company.wait_for(lambda: fault.fired)
    company.start_worker(elsewhere=True)
    company.wait_for(lambda: company.worker_logs().count("started") == 2)
    os.kill(silent.pid, signal.SIGSTOP)
    try:
        company.wait_for(lambda: not company.processes_of("acme"))
        assert company.status()["acme"]["state"] == "running"  # its process has ended before its lease does
        company.let_silence_pass("acme")
        company.wait_for(lambda: company.status()["acme"]["state"] == "ok")
    finally:
        with suppress(ProcessLookupError):
            os.kill(silent.pid, signal.SIGCONT)
    company.wait_for(lambda: len(company.jobs("acme")) == 2)
    assert [job["outcome"] for job in company.jobs("acme")][-1] == "done" and len(company.tasks("acme")) == len(
        set(company.tasks("acme"))
    )


def test_sigterm_finishes_what_is_in_hand_and_hands_the_rest_on_at_once(company: Company) -> None:
    server = company.add_org("acme")
    server.faults.add("slow", path="/query", times=None, seconds=1.0)
    company.write_fleet(graceful_stop_seconds=5.0)
    company.good("init")
    company.good("run", "acme")
    worker = company.start_worker()
    company.wait_for(lambda: company.processes_of("acme"))
    company.wait_for(lambda: server.calls() > 3)

    worker.terminate()

    assert worker.wait(40) == 0 and not company.processes_of("acme")
    found = company.status()["acme"]
    assert (found["state"], found["queued"]) == ("waiting", 1) and company.jobs("acme")[0]["outcome"] == "stopped"
    server.faults.clear()
    company.start_worker()
    company.wait_for_states(acme="ok")


def test_a_threshold_below_the_graceful_stop_is_refused(company: Company) -> None:
    """A worker that stops gently sends no heartbeat, and would be taken for dead."""
    company.write_fleet(graceful_stop_seconds=60.0, stalled_seconds=50.0)

    refused = company.run("init")

    assert refused.code == 2 and "stalled_seconds" in refused.err and "65 or more" in refused.err

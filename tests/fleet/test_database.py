"""PostgreSQL that restarts, is away or is named wrongly: no job is lost, every worker comes back, what is wrong is said."""

from __future__ import annotations

import pytest

from kamsync.config.fleet import load_fleet
from kamsync.errors import TryLater
from kamsync.fleet.tables import Tables, connection
from tests.fleet.company import DATABASE, Company
from tests.fleet.postgres import Server

pytestmark = pytest.mark.xdist_group("fleet")


def test_a_database_that_restarts_while_a_job_runs_loses_neither_the_job_nor_the_worker(
    company: Company, postgres: Server
) -> None:
    server = company.add_org("acme")
    slow = server.faults.add("slow", path="/query", times=None, seconds=2.0)
    company.good("init")
    company.good("run", "acme", "full")
    worker = company.start_worker()
    company.wait_for(lambda: slow.fired)

    postgres.stop()
    try:
        company.wait_for(lambda: not company.processes_of("acme"))  # nothing goes on that another worker might begin
        refused = company.run("status")
    finally:
        postgres.start()
    server.faults.clear()
    company.let_silence_pass("acme")

    assert refused.code == 1 and "database does not answer" in refused.err
    company.wait_for_states(acme="ok")
    assert worker.poll() is None and company.jobs("acme")[0]["outcome"] == "done"
    logs = company.worker_logs()
    assert "no database" in logs and "psycopg.pool" not in logs and "Traceback" not in logs


def test_who_is_suspended_in_the_middle_of_a_transaction_holds_nobody_up(
    company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    company.add_org("acme")
    company.good("init")
    monkeypatch.setattr(connection, "IDLE_MILLISECONDS", 1_000)
    fleet = load_fleet(company.folder, environment=company.environment)
    with pytest.raises(TryLater), Tables(fleet.database).connected() as suspended:
        suspended.execute("SELECT org FROM kamsync_fleet_orgs FOR UPDATE")
        company.good("pause", "acme")
    assert company.status()["acme"]["state"] == "paused"


def test_questions_that_belong_together_are_answered_as_of_one_moment(company: Company) -> None:
    company.add_org("acme")
    company.good("init")
    tables = Tables(load_fleet(company.folder, environment=company.environment).database)

    with tables.at_one_moment() as moment:
        assert moment.orgs()["acme"].state == "active"
        company.good("pause", "acme")
        assert moment.orgs()["acme"].state == "active"

    assert tables.orgs()["acme"].state == "paused"


@pytest.mark.parametrize(
    ("address", "code", "said"),
    [
        ("postgresql://kamsync:sekret-of-the-database@127.0.0.1:9/fleet", 1, "does not answer"),
        ("postgresql//kamsync:sekret-of-the-database@127.0.0.1/fleet", 2, "cannot be used"),
    ],
)
def test_a_wrong_address_is_said_without_its_password(company: Company, address: str, code: int, said: str) -> None:
    company.environment[DATABASE] = address

    for command in ("init", "status", "worker"):
        refused = company.run(command)
        assert refused.code == code and said in refused.err and "[fleet] database" in refused.err
        assert "sekret" not in refused.err + refused.out


def test_a_database_that_is_none_of_a_fleet_names_the_next_step(company: Company) -> None:
    refused = company.run("status")

    assert refused.code == 2 and "kamsync fleet init" in refused.err

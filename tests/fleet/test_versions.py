"""Workers of two versions of kamsync beside each other: what a newer one has written, an older one leaves to it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kamsync.config.fleet import load_fleet
from kamsync.fleet.tables import Tables
from tests.fleet.company import Company, Worker

pytestmark = pytest.mark.xdist_group("fleet")
# What the next version would bring: one more step of the cache's schema. Python runs a module of this name as it starts.
NEXT = """
import kamsync.store.migrations as migrations

migrations.STEPS += (("of the next version", "CREATE TABLE of_the_next_version (n INTEGER)"),)
migrations.SCHEMA_VERSION = len(migrations.STEPS)
migrations.migrate.__defaults__ = (migrations.STEPS,)
"""


def start_newer(company: Company, folder: Path) -> Worker:
    """A worker of the next version, as on another machine."""
    (folder / "next").mkdir(exist_ok=True)
    (folder / "next" / "sitecustomize.py").write_text(NEXT, encoding="utf-8")
    today = company.environment["PYTHONPATH"]
    company.environment["PYTHONPATH"] = os.pathsep.join([str(folder / "next"), today])
    try:
        return company.start_worker(elsewhere=True)
    finally:
        company.environment["PYTHONPATH"] = today


def test_an_older_worker_leaves_what_a_newer_one_has_written_to_it(company: Company, tmp_path: Path) -> None:
    company.add_org("acme")
    company.good("init")
    company.start_worker()
    first = company.job("acme")
    newer = start_newer(company, tmp_path)
    company.wait_for(lambda: company.worker_logs().count("started") == 2)
    company.living_workers()[0].terminate()
    upgraded = company.job("acme")
    assert (upgraded["outcome"], upgraded["worker"] != first["worker"]) == ("done", True)

    company.start_worker(elsewhere=True)  # an older one, that stored caches have to be fetched for
    company.wait_for(lambda: company.worker_logs().count("started") == 3)
    assert {company.job("acme")["worker"] for _ in range(3)} == {upgraded["worker"]}
    newer.terminate()
    newer.wait(30)
    stored = sorted(path.name for path in (company.folder / "caches" / "acme").iterdir())
    with Tables(load_fleet(company.folder, environment=company.environment).database).connected() as connection:
        connection.execute("DELETE FROM kamsync_fleet_caches")  # as if the newer had died before it could say so
    company.good("run", "acme")
    company.wait_for(lambda: "handed on org=acme" in company.worker_logs())

    waiting = company.status()["acme"]
    assert waiting["state"] == "waiting" and "newer kamsync" in waiting["reason"] and "upgrade" in waiting["fix"]
    assert sorted(path.name for path in (company.folder / "caches" / "acme").iterdir()) == stored
    runs = len(company.jobs("acme"))
    start_newer(company, tmp_path)
    company.wait_for(lambda: len(company.jobs("acme")) == runs + 1)
    company.wait_for_states(acme="ok")
    assert {job["attempt"] for job in company.jobs("acme")} == {1}
    assert len(company.tasks("acme")) == len(set(company.tasks("acme")))

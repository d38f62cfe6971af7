"""A fleet from its first command to what operators look at: schedules, remedies, the same queue for all that an org needs."""

from __future__ import annotations

import socket
from dataclasses import replace
from itertools import pairwise

import pytest
import requests

from kamsync.config.fleet import load_fleet
from kamsync.fleet.caches import Caches
from kamsync.fleet.job import Bench, do_job
from kamsync.fleet.queue import Work
from kamsync.fleet.tables import Tables
from kamsync.fleet.upkeep import queue_due, read_folder
from tests.fleet.company import Company

pytestmark = pytest.mark.xdist_group("fleet")


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_orgs_are_synced_by_their_schedules_and_any_machine_tells_how_it_went(company: Company) -> None:
    company.add_org("acme", crm="hubspot", schedule="0 6 * * *")
    company.add_org("globex")
    port = free_port()
    company.write_fleet(port=port)
    assert "2 orgs" in company.good("init").out
    company.good("pause", "acme")
    company.good("resume", "acme")  # whose time has come by that
    assert "No worker is at work. 1 orgs are overdue." in company.good("status").out

    company.start_worker()
    assert company.job("globex")["outcome"] == "done"
    company.wait_for(lambda: company.status()["acme"]["last_good_run"])

    assert set(company.tiers("acme").values()) & {"A", "B"} and company.tasks("globex")
    found = company.good("status", "--json").json
    assert found["workers"] == 1 and {org["org"] for org in found["orgs"]} == {"acme", "globex"}
    assert all(org["data_age_seconds"] < 90 and org["api_calls_left"] > 0 for org in found["orgs"])
    metrics = requests.get(f"http://127.0.0.1:{port}/metrics", timeout=10).text
    assert 'kamsync_fleet_orgs{state="ok"} 2.0' in metrics and 'kamsync_fleet_data_age_seconds{org="acme"}' in metrics
    assert 'kamsync_fleet_jobs_total{kind="sync",outcome="done"} 2.0' in metrics
    assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).json()["ok"] is True
    (job, *_) = company.jobs("globex")
    assert job["result"]["updated"] > 0
    assert "run ended outcome=done" in company.good("logs", "globex", "--job", str(job["job"])).out
    trace = company.good("logs", "globex", "--journal", "last", "--json").json
    assert trace["run_id"] == job["result"]["run_id"] and trace["writes"]


def test_plan_apply_and_undo_go_through_the_queue_and_the_cache_follows_to_another_worker(company: Company) -> None:
    company.add_org("acme")
    company.good("init")
    worker = company.start_worker()
    assert company.job("acme", "plan")["result"]["changes"] and not company.tasks("acme")
    applied = company.job("acme", "apply")
    assert applied["outcome"] == "done" and company.tasks("acme")
    worker.terminate()
    assert worker.wait(60) == 0

    company.start_worker(elsewhere=True)
    mistyped = company.job("acme", "undo", "20260101T060000-0000")
    assert mistyped["outcome"] == "failed" and company.status()["acme"]["state"] == "failing"  # its schedule goes on
    undone = company.job("acme", "undo", applied["result"]["run_id"])

    assert undone["outcome"] == "done" and undone["worker"] != applied["worker"]
    assert not company.tasks("acme") and not any(company.tiers("acme").values())
    refused = company.run("run", "acme", "--wait")
    assert refused.code == 3 and "fleet run acme plan" in company.wait_for_states(acme="held")["acme"]["fix"]


def test_each_remedy_has_its_consequence(company: Company) -> None:
    busy = company.add_org("busy", crm="hubspot")
    busy.faults.add("status", path=".*", times=None, status=429, headers={"Retry-After": "1800"}, body={"status": "error"})
    company.add_org("locked", crm="hubspot")
    company.environment["LOCKED_KAMSYNC_SANDBOX_HUBSPOT_ACCESS_TOKEN"] = "pat-na1-of-somebody-else"
    company.add_org("fine")
    company.good("init")
    company.write_org("broken", "this is no TOML")
    company.write_org("silly", '[crm]\nkind = "hubspot"\n[[criteria]]\nname = "x"\n')
    for org in ("locked", "fine", "busy"):
        company.good("run", org)
    company.start_worker()

    found = company.wait_for_states(fine="ok", locked="parked", broken="parked")

    assert "broken.toml" in found["broken"]["reason"] and found["locked"]["fix"]
    company.wait_for(lambda: company.status().get("silly"))
    company.good("run", "silly")
    assert "criteria" in company.wait_for_states(silly="parked")["silly"]["reason"]
    company.good("resume", "broken")  # and nobody has mended its file
    company.wait_for(lambda: company.worker_logs().count("parked org=broken") == 2)
    assert "broken.toml" in company.status()["broken"]["reason"]
    later = company.wait_for_states(busy="failing")["busy"]
    assert later["queued"] == 1 and later["waits_until"] > company.jobs("busy")[0]["ended_at"]
    assert company.worker_logs().count("parked org=locked") == 1
    shown = company.good("status").out
    assert shown.index("parked   locked") < shown.index("failing  busy") and "ok       fine" not in shown


def test_a_paused_org_waits_until_somebody_resumes_it_and_a_mended_file_is_tried_by_itself(company: Company) -> None:
    company.add_org("acme", schedule="0 6 * * *")
    company.write_org("globex", "[crm]\n")
    assert "globex.toml: [crm] kind is missing" in company.good("init").out
    company.good("pause", "acme", "--reason", "the customer migrates")
    assert company.status()["acme"]["reason"] == "the customer migrates"
    assert "already" in company.good("pause", "acme").out
    company.start_worker()

    company.good("resume", "acme")
    company.add_org("globex")
    company.wait_for_states(acme="ok", globex="new")

    assert company.run("resume", "acmee").code == 2 and "'acme'" in company.run("resume", "acmee").err


def test_a_paused_org_whose_file_goes_and_comes_back_is_still_paused(company: Company) -> None:
    company.add_org("acme", schedule="0 6 * * *")
    company.good("init")
    company.good("pause", "acme", "--reason", "the customer migrates")
    file = company.folder / "orgs" / "acme.toml"
    file.rename(company.folder / "away")
    company.good("init")
    assert not company.status() and company.run("resume", "acme").code == 2

    (company.folder / "away").rename(file)
    company.good("init")

    back = company.status()["acme"]
    assert (back["state"], back["reason"]) == ("paused", "the customer migrates")


def test_what_a_person_asks_for_goes_first_and_then_the_orgs_with_the_greatest_priority(company: Company) -> None:
    names = ("late", "urgent", "asked")
    for name in names:
        company.add_org(name, accounts=4, schedule="0 6 * * *")
    company.write_fleet(threads=1, more="[org.urgent]\npriority = 50\n")
    company.good("init")
    for name in names:
        company.good("pause", name)
        company.good("resume", name)  # whose times have come by that
    fleet = load_fleet(company.folder, environment=company.environment)
    assert queue_due(fleet, Tables(fleet.database)) == 3
    company.good("run", "asked")

    company.start_worker()
    company.wait_for_states(late="ok", urgent="ok", asked="ok")

    assert sorted(names, key=lambda name: company.jobs(name)[0]["began_at"]) == ["asked", "urgent", "late"]


def test_what_is_odd_in_the_folder_of_orgs_is_said_and_nobody_waits_for_what_is_gone(company: Company) -> None:
    company.add_org("acme")
    company.add_org("moved")
    orgs = company.folder / "orgs"
    company.write_org("twin", (orgs / "acme.toml").read_text(encoding="utf-8"))
    company.write_org("Two\nLines", "")
    company.write_fleet(more="[org.acmee]\npriority = 5\n")
    said = company.good("init").out
    assert "no org for [org.acmee]; did you mean 'acme'?" in said and "Two Lines: " in said and "no name of an org" in said
    company.good("run", "acme")
    company.start_worker()
    company.wait_for(lambda: company.worker_logs().count("outcome=done") == 1)
    company.good("run", "twin")  # at the same time the CRM's lease would hold one of them up
    company.wait_for(lambda: company.worker_logs().count("outcome=done") == 2)

    (orgs / "moved.toml").rename(orgs / "renamed.toml")
    gone = company.run("run", "moved", "--wait")

    assert gone.code in (1, 2) and ("any longer" in gone.out or "no org 'moved'" in gone.err)
    company.wait_for_states(renamed="new")
    assert "moved" not in company.status()
    assert company.good("logs", "moved").out  # what is remembered of it is still read
    assert "the same portal as twin" in company.good("status").out


def test_machines_whose_folders_differ_for_a_while_lose_no_orgs_time_and_no_job(company: Company) -> None:
    """A file that is being rolled out: one machine has it as it was, one as it will be, one not at all yet."""
    company.add_org("acme", schedule="0 6 * * *")
    company.good("init")
    company.good("pause", "acme")
    company.good("resume", "acme")  # whose time has come by that
    here = load_fleet(company.folder, environment=company.environment)
    tables = Tables(here.database)
    for name in ("changed", "empty"):
        (company.folder / name).mkdir()
    text = (company.folder / "orgs" / "acme.toml").read_text(encoding="utf-8")
    (company.folder / "changed" / "acme.toml").write_text(f"# changed\n{text}", encoding="utf-8")
    changed, empty = (replace(here, orgs=company.folder / name) for name in ("changed", "empty"))

    for fleet in (changed, here, changed):
        read_folder(fleet, tables)
    assert queue_due(changed, tables) == 1
    bench = Bench(empty, tables, Caches(here.caches), lambda: False, "no file here", {}, "")
    do_job(bench, Work("acme", "plan"), 1_000)
    assert [one["kind"] for one in tables.queued()] == ["sync", "plan"] and not tables.runs("acme", 10)

    read_folder(empty, tables)  # where no machine has it any longer
    do_job(bench, Work("acme", "plan"), 1_000)
    assert "any longer" in tables.runs("acme", 10)[0].message


def test_the_limit_of_a_vendor_app_holds_across_workers(company: Company) -> None:
    names = ("one", "two", "three")
    for name in names:
        company.add_org(name)
    shared = "".join(f'[org.{name}]\napp = "ours"\n' for name in names)
    company.write_fleet(more=f"[apps]\nours = 1\n{shared}")
    company.good("init")
    for name in names[:2]:
        company.good("run", name)
    company.start_worker()
    company.start_worker(elsewhere=True)

    assert company.job("three")["outcome"] == "done"  # whoever waits for it is told, however often it was put back
    company.wait_for_states(seconds=180, **dict.fromkeys(names, "ok"))

    times = sorted((job["began_at"], job["ended_at"]) for name in names for job in company.jobs(name))
    assert len(times) == 3 and all(ended <= began for (_, ended), (began, _) in pairwise(times))

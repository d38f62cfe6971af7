"""One org's data, secrets, logs and errors never reach another's; one org's trouble costs the others nothing but its slot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import requests

from kamsync.config.fleet import load_fleet
from kamsync.fleet.tables import Tables
from tests.fleet.company import DATABASE, Company

pytestmark = pytest.mark.xdist_group("fleet")


def token_variable(org: str) -> str:
    return f"{org.upper()}_KAMSYNC_SANDBOX_HUBSPOT_ACCESS_TOKEN"


def rename(url: str, token: str, accounts: list[str], org: str) -> None:
    """Each account of the org gets a name that no other org has, as by a person."""
    headers = {"Authorization": f"Bearer {token}"}
    for account in accounts:
        body = {"properties": {"name": f"canary {org} {account}"}}
        requests.patch(f"{url}/crm/v3/objects/companies/{account}", json=body, headers=headers, timeout=10).raise_for_status()


def test_nothing_of_one_org_is_found_where_another_org_is(company: Company) -> None:
    """Canaries: each org's token and each name of its accounts. One has a folder of secrets, one the environment."""
    for org in ("acme", "globex"):
        server = company.add_org(org, crm="hubspot", access_token=f"pat-na1-of-{org}-0000-0000-0000-000000000000")
        rename(server.base_url, company.environment[token_variable(org)], [one.id for one in server.crm.view.accounts()], org)
    text = (company.folder / "orgs" / "acme.toml").read_text(encoding="utf-8")
    variable = token_variable("acme")
    tokens = {"acme": company.environment.pop(variable), "globex": company.environment[token_variable("globex")]}
    assert tokens["acme"] != tokens["globex"]
    company.write_org("acme", text.replace(f'{{ env = "{variable}" }}', '{ file = "token" }'))
    place = company.folder / "secrets" / "acme"
    place.mkdir(parents=True)
    (place / "token").write_text(tokens["acme"], encoding="utf-8")
    (place / "token").chmod(0o600)
    company.write_fleet(secrets="secrets")
    company.good("init")
    for org in tokens:
        company.good("run", org)

    company.start_worker()
    company.wait_for_states(acme="ok", globex="ok")

    tables = Tables(load_fleet(company.folder, environment=company.environment).database)
    for org, other in (("acme", "globex"), ("globex", "acme")):
        canaries = (tokens[other], f"canary {other}", company.environment[DATABASE], other.upper())
        kept = [path.read_bytes() for path in (company.folder / "work" / "orgs" / org).rglob("*") if path.is_file()]
        rows = repr(tables.runs(org, 10)) + repr(tables.org(org))
        assert kept and not [one for one in canaries if one in rows or any(one.encode() in content for content in kept)]
    everything = company.worker_logs() + company.good("logs", "acme", "--json").out + company.good("status", "--all").out
    assert not [token for token in tokens.values() if token in everything]


KEYRING = """
from keyring.backend import KeyringBackend


class Keyring(KeyringBackend):
    priority = 1

    def get_password(self, service: str, username: str) -> str:
        return {"acme/token": TOKEN}[f"{service}/{username}"]

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError

    delete_password = set_password
"""


def test_a_secret_may_stand_in_the_keyring_of_the_worker(company: Company) -> None:
    company.add_org("acme", crm="hubspot", accounts=4)
    variable = token_variable("acme")
    text = (company.folder / "orgs" / "acme.toml").read_text(encoding="utf-8")
    company.write_org("acme", text.replace(f'{{ env = "{variable}" }}', '{ keyring = "acme/token" }'))
    module = KEYRING.replace("TOKEN", repr(company.environment.pop(variable)))
    (company.folder / "ring.py").write_text(module, encoding="utf-8")
    company.environment["PYTHONPATH"] = f"{company.folder}:{company.environment['PYTHONPATH']}"
    company.environment["PYTHON_KEYRING_BACKEND"] = "ring.Keyring"
    company.good("init")
    company.start_worker()

    ended = company.job("acme")
    assert ended["outcome"] == "done", ended["log"]


def test_what_is_no_configuration_parks_its_org_and_holds_nobody_up(company: Company) -> None:
    """Pipes, devices and floods are read by the keeping of all orgs, as are names that are not the org's to name."""
    company.write_org("fine", '[crm]\nkind = "hubspot"\n')
    company.write_org("flood", "# " + "x" * 50_000_000)
    company.write_org("curious", f'[crm]\nkind = "hubspot"\n[crm.hubspot]\naccess_token = {{ env = "{DATABASE}" }}\n')
    company.write_org("thief", '[crm]\nkind = "hubspot"\n[crm.hubspot]\naccess_token = { env = "AWS_SECRET_ACCESS_KEY" }\n')
    company.write_org("long", f'[crm]\nkind = "hubspot"\n[schedule]\nsync = "{"0," * 50_000} 6 * * *"\n')
    company.write_org("endless-common", 'inherit = "/dev/zero"\n[crm]\nkind = "hubspot"\n')
    orgs = company.folder / "orgs"
    os.mkfifo(orgs / "pipe.toml")
    (orgs / "device.toml").symlink_to("/dev/zero")
    (orgs / "folder.toml").mkdir()

    said = company.good("init").out
    again = company.good("init").out

    found = company.status()
    assert said == again and found.pop("fine")["state"] == "new"
    assert {org["state"] for org in found.values()} == {"parked"} and len(found) == 8
    assert max(len(org["reason"]) for org in found.values()) < 300
    for org, words in (("pipe", "is a pipe"), ("device", "not a regular file"), ("flood", "larger than 1,000,000 bytes")):
        assert words in found[org]["reason"]
    assert f"{DATABASE} is the fleet's own" in found["curious"]["reason"] and "fleet's own" in found["thief"]["reason"]
    assert "/dev/zero" in found["endless-common"]["reason"]


DISK = """
import shutil
from collections import namedtuple
from pathlib import Path

Usage = namedtuple("Usage", "total used free")
shutil.disk_usage = lambda path: Usage(10**9, 0, int(Path(PLACE).read_text()))
"""


def test_a_worker_whose_disk_is_full_takes_no_jobs_says_so_once_and_goes_on_when_there_is_room(
    company: Company, tmp_path: Path
) -> None:
    """That worker's disk has as much room as a file says."""
    for org in ("first", "second"):
        company.add_org(org, accounts=4)
    left = tmp_path / "left"
    left.write_text("1000000", encoding="ascii")
    company.good("init")
    full = company.start_worker(first=DISK.replace("PLACE", repr(str(left))))
    company.wait_for(lambda: "no room" in company.worker_logs())
    left.write_text("300000000", encoding="ascii")  # more than it needs, and not so much that it goes on
    company.good("run", "first")
    company.wait_for(lambda: company.status()["first"]["queued"])
    other = company.start_worker(elsewhere=True)

    company.wait_for_states(first="ok")
    other.terminate()
    assert other.wait(60) == 0
    company.good("run", "second")
    left.write_text("900000000", encoding="ascii")
    company.wait_for_states(second="ok")

    assert company.jobs("first")[0]["worker"].endswith(f":{other.pid}")
    assert [job["worker"].rpartition(":")[2] for job in company.jobs("second")] == [str(full.pid)]
    left.write_text("0", encoding="ascii")
    company.wait_for(lambda: company.worker_logs().count("no room") == 2)
    full.terminate()
    assert full.wait(60) == 0
    logs = company.worker_logs()
    assert "less than the 256 that a worker needs" in logs and logs.count("room again") == 1


def test_an_endless_crm_a_full_disk_a_flood_and_a_poison_configuration_cost_the_others_nothing(company: Company) -> None:
    endless = company.add_org("endless")
    endless.faults.add("hang", path=".*", times=None)
    company.add_org("greedy", accounts=300)
    company.add_org("poison")
    text = (company.folder / "orgs" / "poison.toml").read_text(encoding="utf-8")
    nested = "(" * 2_000 + "1" + ")" * 2_000
    company.write_org("poison", text.replace('eligible = "won_count_total > 0"', f'eligible = "{nested} > 0"'))
    hungry = company.add_org("hungry")
    flood = {"records": [{"Name": "x" * 60_000_000}]}
    hungry.faults.add("status", path="/query", times=None, status=200, body=flood)
    company.add_org("beside", accounts=4)
    company.add_org("last", accounts=4)
    company.forks_workers = False  # their memory is measured
    company.write_fleet(deadline_seconds=6.0, cache_megabytes=1, memory_megabytes=150)
    company.good("init")
    for org in ("endless", "beside", "greedy", "poison", "hungry", "last"):
        company.good("run", org)

    company.start_worker()
    company.wait_for_states(last="ok", beside="ok")
    found = company.wait_for_states(endless="failing", greedy="parked", poison="parked", hungry="parked")

    assert "longer than 6 s" in found["endless"]["reason"] and "limit of 1 MB" in found["greedy"]["reason"]
    assert "more memory than the limit of 150 MB" in found["hungry"]["reason"] and "memory_megabytes" in found["hungry"]["fix"]
    assert "poison.toml" in found["poison"]["reason"]
    assert company.jobs("beside")[0]["began_at"] < company.jobs("endless")[0]["ended_at"]

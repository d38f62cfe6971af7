"""What doctor finds before a run does: people, rights, choices, certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from kamsync.contract import DoctorRequest, Finding, TierChoice
from kamsync.errors import ConfigError
from kamsync.model import Stream
from kamsync.sandbox.server import SandboxServer

World = Any


def findings(world: World, connection: Any, **more: Any) -> list[Finding]:
    requests = tuple(world.request(stream) for stream in Stream)
    return list(connection.diagnose(DoctorRequest(requests, **more)))


def test_everybody_whom_the_configuration_names_is_looked_up(world: World) -> None:
    owners = world.call("GET", "/crm/v3/owners", limit=100)["results"]
    (left, *_) = world.call("GET", "/crm/v3/owners", limit=100, archived="true")["results"]
    people = {
        "fallback_owner": owners[0]["email"].upper(),
        "playbooks[1].assignee": owners[1]["id"],
        "playbooks[2].assignee": left["email"],
        "playbooks[3].assignee": "nobody@kamsync.example",
        "playbooks[4].assignee": str(owners[2]["userId"]),
    }
    found = [one for one in findings(world, world.connect(), people=people) if one.check == "people"]
    assert [one.status for one in found] == ["failed"] * 3
    assert "playbooks[2].assignee" in found[0].message and "deactivated" in found[0].message
    assert "nobody@kamsync.example" in found[1].message
    assert owners[2]["id"] in found[2].fix
    good = dict(list(people.items())[:2])
    assert [one.status for one in findings(world, world.connect(), people=good) if one.check == "people"] == ["ok"]


def test_a_stream_whose_own_query_is_refused_fails_in_doctor_too(world: World) -> None:
    refusal = {"status": "error", "category": "MISSING_SCOPES", "message": "no"}
    world.server.faults.add("status", method="GET", path="/objects/deals", status=403, body=refusal, times=None)
    found = {one.check: one.status for one in findings(world, world.connect())}
    assert found["reading deals"] == "failed"
    assert found["reading companies"] == found["reading line items"] == found["pipelines"] == "ok"


def test_doctor_asks_for_exactly_the_properties_that_a_pull_asks_for(world: World) -> None:
    """A property that HubSpot refuses to show is found by the query itself."""
    refused = {"status": "error", "category": "VALIDATION_ERROR", "message": "sensitive property"}
    world.server.faults.add("status", path="annualrevenue", status=400, body=refused, times=None)
    found = {one.check: one.status for one in findings(world, world.connect())}
    assert found["reading companies"] == "failed"


def test_a_tier_that_was_added_after_setup_is_told_before_anything_is_written(world: World) -> None:
    assert world.connect().lacking_choices() == {}
    more = world.connect(tiers=(*world.context().tiers, TierChoice("S", "S"), TierChoice("T", "T")))
    assert more.lacking_choices() == {"tier": ("S", "T"), "override": ("S", "T")}
    assert "tier values" in {one.check for one in findings(world, more) if one.status == "failed"}
    list(more.setup(dry_run=False))
    assert more.lacking_choices() == {}


@pytest.fixture
def tls_world(a_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Path]]:
    for name in ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    world = a_world(accounts=3, opportunities=3)
    with SandboxServer(world.sandbox, tls=True) as server:
        world.server = server
        assert server.ca_path is not None
        yield world, server.ca_path


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_a_private_authority_is_trusted_by_either_variable(
    tls_world: tuple[World, Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world, ca = tls_world
    with pytest.raises(ConfigError, match="TLS"):
        world.connect()
    monkeypatch.setenv(name, str(ca))
    assert world.connect().identity().org_id
    assert world.connect({**world.settings(), "ca_bundle": str(ca)}).identity().org_id
    monkeypatch.setenv(name, "nowhere.pem")
    with pytest.raises(ConfigError, match=name):
        world.connect()


def test_scopes_that_the_program_never_uses_are_warned_of(world: World) -> None:
    (told,) = [one for one in findings(world, world.connect()) if one.check == "too many scopes"]

    assert told.status == "warning" and "crm.objects.deals.write" in told.message
    assert "crm.objects.companies.write" not in told.message and "crm.lists.write" not in told.message


def test_a_key_property_that_setup_makes_is_told_once(world: World) -> None:
    mapping = replace(world.context().mapping, task_key="kam_new_key")
    told = [one for one in findings(world, world.connect(mapping=mapping)) if "kam_new_key" in one.message]
    assert [(one.status, one.fix) for one in told] == [("failed", "Run `kamsync setup`.")]

"""What `--json` prints has the shapes of docs/json.schema.json, on both CRMs, before setup and after an undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from tests.journeys.conftest import Desk, Opener

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "json.schema.json").read_text(encoding="utf-8"))


def faults(shape: str, document: Any) -> list[str]:
    """Where a document is not of the shape."""
    schema = {**SCHEMA, "$ref": f"#/$defs/{shape}"}
    found = Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(document)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


@pytest.fixture(scope="module")
def schema_is_sound() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
@pytest.mark.usefixtures("schema_is_sound")
def test_every_document_has_its_shape(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=40, opportunities=250)

    def prints(shape: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        result = desk.run(*arguments, "--json")
        assert result.code in codes, result.err
        assert not faults(shape, result.json), faults(shape, result.json)
        return result.json

    bare = prints("plan", "plan", "--out", "plan.json")
    assert bare["guards"] and not faults("plan", json.loads((desk.folder / "plan.json").read_text(encoding="utf-8")))
    assert prints("error", "sync", codes=(3,))["error"]["exit_code"] == 3
    assert prints("error", "run", "--once", codes=(3,))["error"]["remedy"] == "PlanRefused"
    prints("findings", "doctor", codes=(0, 1))
    desk.good("setup")
    assert prints("written", "sync")["updated"] > 5
    first = prints("accounts", "accounts")
    assert {one["tier"] for one in first} > {None}
    assert prints("decision", "explain", first[0]["id"])["account_id"] == first[0]["id"]
    prints("history", "history")
    (run,) = [one for one in prints("runs", "runs") if one["status"] == "done"]
    assert len(prints("run_trace", "runs", "show", run["run_id"])["writes"]) == sum(run["summary"].values())
    assert prints("status", "status")["last_run"]["run_id"] == run["run_id"]
    assert prints("written", "run", "--once")["updated"] == 0
    assert prints("plan", "undo", run["run_id"], "--dry-run")["moves"][0]["to"] is None
    assert prints("written", "undo", run["run_id"], "--yes")["undoes"] == run["run_id"]
    assert prints("runs", "runs")[0]["undoes"] == run["run_id"]


def test_moves_are_objects_that_add_up_to_the_updates_of_the_tier(open_desk: Opener) -> None:
    desk: Desk = open_desk("salesforce", accounts=40, opportunities=250)
    plan = desk.good("plan", "--json").json
    moved = [change["fields"]["tier"] for change in plan["changes"] if "tier" in change.get("fields", {})]
    assert sum(move["count"] for move in plan["moves"]) == len(moved)
    assert {(move["from"], move["to"]) for move in plan["moves"]} == {(one["from"], one["to"]) for one in moved}


def test_an_error_of_the_configuration_is_one_object_too(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=10, opportunities=10)
    desk.edit_config("[cache]", "[cahce]")
    result = desk.run("plan", "--json")
    assert result.code == 2 and not faults("error", result.json)
    assert result.json["error"]["message"] in result.err


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
@pytest.mark.usefixtures("schema_is_sound")
def test_plans_playbooks_and_digests_have_their_shapes_too(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm, accounts=40, opportunities=250)
    channel = desk.folder / "channel"
    channel.write_text("jsons://127.0.0.1:9/nobody", encoding="utf-8")
    channel.chmod(0o600)
    told = '[[notify]]\nurl = { file = "channel" }\nwho = "owner"\n\n'
    tables = f'[goals]\nretention = {{ kpi = "revenue", target = 1000 }}\n\n{told}[guard]\n'
    desk.edit_config("[guard]\n", tables)
    desk.good("setup")

    def prints(shape: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> Any:
        result = desk.run(*arguments, "--json")
        assert result.code in codes, result.err
        assert not faults(shape, result.json), faults(shape, result.json)
        return result.json

    task = next(one for one in prints("plan", "plan")["changes"] if one["op"] == "create_task")
    best = task["account_id"]
    made = [one["subject"] for one in prints("rehearsal", "playbooks", "show", task["playbook"], "--account", best)["tasks"]]
    assert task["subject"] in made
    prints("rehearsal", "playbooks", "show", "renewal", "--account", best)
    desk.good("apply", "--yes")
    plan = prints("account_plan", "account-plan", best)
    assert plan["people"]["persons"] and plan["targets"]
    assert prints("account_plan", "account-plan", best, "--format", "json", "--offline")["people"]["persons"] is None
    for name in ("market-expansion", "onboarding", "renewal"):
        prints("playbook", "playbooks", "show", name)
    said = prints("digests", "digest", "--dry-run")["digests"]
    assert any(one["entered"] for one in said)
    prints("told", "digest", codes=(1,))

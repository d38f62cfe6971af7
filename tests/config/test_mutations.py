"""Whatever is in a configuration, a mapping, criteria, a playbook or a saved plan: an answer, never a traceback, never a bug.

A quick walk here; `make mutations` takes the long one (KAMSYNC_MUTATIONS examples of each kind).
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kamsync.config.shipped import read_shipped, shipped_names
from tests.config.mutations import as_toml, garbled, mutated
from tests.journeys.command import run_here
from tests.journeys.conftest import desks

EXAMPLES = int(os.environ.get("KAMSYNC_MUTATIONS", "25"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="KAMSYNC_MUTATIONS" not in os.environ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
CRITERIA = tomllib.loads(read_shipped("smb", "criteria") or "")
MAPPING = tomllib.loads(read_shipped("hubspot") or "")
PLAYBOOKS = [tomllib.loads(read_shipped(name, "playbooks") or "") for name in shipped_names("playbooks")]
CONFIG: dict[str, Any] = {
    "program": {
        "name": "Key accounts", "timezone": "Europe/Berlin", "currency": "EUR", "language": "en", "country": "DE",
        "eligible": "won_count_total > 0", "unknown_currency": "ignore", "renewal_types": ["Renewal"], "min_coverage": 0.1,
        "drift": "adopt", "adopt_days": 90, "existing_tiers": "current", "write_scope": "flagged", "score_deadband": 5.0,
        "fallback_owner": "a@example.com", "max_new_tasks_per_owner_per_run": 10, "playbooks": ["onboarding"],
    },
    "crm": {"kind": "hubspot", "mapping": "own.toml", "hubspot": {"access_token": {"env": "TOKEN"}, "base_url": "http://127.0.0.1:9"}},
    "cache": {"path": "kamsync.db"},
    "segments": {"attractiveness": 50.0, "strength": 50.0, "labels": {"key": "Key"}},
    "health": {"green": 70.0, "amber": 40.0},
    "schedule": {"sync": "0 6 * * 1-5", "full_pull": "0 3 * * 0"},
    "guard": {"max_changed_share": 0.2, "max_vanished_share": 0.1, "api_budget_share": 0.5, "first_run": "ask"},
    "tiers": CRITERIA["tiers"],
    "criteria": CRITERIA["criteria"],
    "rules": [{"when": "win_rate_24m < 0.1", "ceiling": "B", "reason": {"en": "Rarely won"}}],
    "playbooks": [],
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A folder with a filled cache, a configuration that fits it, and a saved plan."""

    folder: Path
    plan: Any

    def run(self, *arguments: str) -> tuple[int, str]:
        """The command in this process: the code and all that was said."""
        code, out, err = run_here(arguments, self.folder)
        return code, out + err

    def holds(self, *arguments: str) -> None:
        """The command ends with an answer."""
        code, said = self.run(*arguments)
        assert code in (0, 1, 2, 3, 4), said
        assert "met a bug" not in said and "Traceback" not in said, said
        assert code == 0 or said.strip()

    def write(self, name: str, content: str | bytes) -> None:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "replace"))
        path.chmod(0o600)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("mutations")
    os.environ["TOKEN"] = "canary-0123456789"
    with desks(folder) as opener:
        desk = opener("hubspot", accounts=15, opportunities=80)
        desk.good("setup")
        plan = desk.good("plan", "--json").json
        place = Place(desk.folder, plan)
        place.write("own.toml", as_toml(MAPPING))
        place.write("config.toml", as_toml(CONFIG))
        place.write("good.toml", as_toml(CONFIG))
        assert place.run("accounts", "-c", "good.toml")[0] == 0, place.run("accounts", "-c", "good.toml")
        # Nothing may be written whatever the plan says: the lock is ours, and a plan is read before it is asked for.
        with FileLock(desk.folder / "kamsync.db.lock"):
            yield place
    del os.environ["TOKEN"]


@many
@given(document=mutated(CONFIG))
def test_configurations(place: Place, document: Any) -> None:
    place.write("config.toml", as_toml(document))
    place.holds("accounts", "-c", "config.toml")


@many
@given(data=garbled(as_toml(CONFIG)))
def test_garbled_configurations(place: Place, data: bytes) -> None:
    place.write("config.toml", data)
    place.holds("accounts", "-c", "config.toml")


@many
@given(document=mutated(CRITERIA))
def test_criteria(place: Place, document: Any) -> None:
    place.write("criteria.toml", as_toml(document))
    place.holds("criteria", "check", "criteria.toml", "-c", "good.toml")


@many
@given(document=mutated(CRITERIA))
def test_criteria_in_a_simulation(place: Place, document: Any) -> None:
    place.write("criteria.toml", as_toml(document))
    place.holds("simulate", "--criteria", "criteria.toml", "-c", "good.toml")


@many
@given(data=garbled(as_toml(CRITERIA)))
def test_garbled_criteria(place: Place, data: bytes) -> None:
    place.write("criteria.toml", data)
    place.holds("criteria", "check", "criteria.toml", "-c", "good.toml")


@many
@given(document=mutated(MAPPING))
def test_mappings(place: Place, document: Any) -> None:
    place.write("mapping.toml", as_toml(document))
    place.write("config.toml", as_toml({**CONFIG, "crm": {**CONFIG["crm"], "mapping": "mapping.toml"}}))
    place.holds("accounts", "-c", "config.toml")


@many
@given(data=garbled(as_toml(MAPPING)))
def test_garbled_mappings(place: Place, data: bytes) -> None:
    place.write("mapping.toml", data)
    place.write("config.toml", as_toml({**CONFIG, "crm": {**CONFIG["crm"], "mapping": "mapping.toml"}}))
    place.holds("facts", "-c", "config.toml")


@many
@given(document=st.sampled_from(PLAYBOOKS).flatmap(mutated))
def test_playbooks(place: Place, document: Any) -> None:
    place.write("config.toml", as_toml({**CONFIG, "playbooks": [document]}))
    place.holds("simulate", "--criteria", "smb", "-c", "config.toml")


@many
@given(data=st.data())
def test_saved_plans(place: Place, data: st.DataObject) -> None:
    document = data.draw(mutated(place.plan, others=([], {}, [[]], [{}], {"a": 1}, None, [None])))
    place.write("plan.json", json.dumps(document))
    place.holds("apply", "plan.json", "--yes", "-c", "good.toml")


@many
@given(data=st.data())
def test_garbled_plans(place: Place, data: st.DataObject) -> None:
    place.write("plan.json", data.draw(garbled(json.dumps(place.plan, ensure_ascii=False))))
    place.holds("apply", "plan.json", "--yes", "-c", "good.toml")

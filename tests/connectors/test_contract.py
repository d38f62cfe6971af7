"""Both connectors before the contract suite that any third one meets (`kamsync.testing`)."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import kamsync_hubspot
import kamsync_salesforce
from kamsync import model
from kamsync.config.mapping import load_mapping
from kamsync.model import PlanMapping, exchange, streams
from kamsync.testing import ConnectorContract, Harness
from kamsync.testing.notes import NoteFaultPromises
from tests.connectors.people import HubSpotPeople, SalesforcePeople


class TestSalesforce(ConnectorContract):
    harness = Harness(kamsync_salesforce.CONNECTOR, load_mapping("salesforce", crm="salesforce", folder=Path()), SalesforcePeople)


class TestSalesforceAccountPlans(NoteFaultPromises):
    """What is promised of notes holds where the org keeps plans as records of their own."""

    harness = Harness(
        kamsync_salesforce.CONNECTOR,
        replace(TestSalesforce.harness.mapping, plan=PlanMapping(account_plans=True)),
        SalesforcePeople,
        {"account_plans": True},
    )


class TestHubSpot(ConnectorContract):
    harness = Harness(
        kamsync_hubspot.CONNECTOR,
        load_mapping("hubspot", crm="hubspot", folder=Path()),
        HubSpotPeople,
        {"search_lag_seconds": 0.0},
    )


def test_a_connector_finds_every_word_in_one_place() -> None:
    """Those that are loaded late, too."""
    for module in (streams, exchange):
        made = {name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
        assert {name for name in made if not name.startswith("_")} <= set(model.__all__)
    assert all(getattr(model, name) for name in model.__all__)
    with pytest.raises(AttributeError):
        _ = model.Words


def test_the_file_in_writing_a_connector_runs_as_it_stands(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "writing-a-connector.md"
    (shown,) = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    mapping = Path(__file__).parents[2] / "mappings" / "salesforce.toml"
    (tmp_path / "acme.toml").write_text(mapping.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "kamsync_acme.py").write_text("from kamsync_salesforce import CONNECTOR as CONNECTOR\n", encoding="utf-8")
    (tmp_path / "test_contract.py").write_text(shown.replace('crm="acme"', 'crm="salesforce"'), encoding="utf-8")

    names = "tells_what_it_is or order_asked or every_flag or used_once or a_second_time or wrong_secret"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), "-k", names]
    ran = subprocess.run([*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr

"""Both connectors before the contract suite that any third one meets (`kamsync.testing`)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kamsync_hubspot
import kamsync_salesforce
from kamsync.config.mapping import load_mapping
from kamsync.testing import ConnectorContract, Harness
from kamsync_hubspot.sandbox import HubSpotSandbox
from kamsync_hubspot.sandbox.kinds import object_kind
from kamsync_hubspot.sandbox.linking import unlink
from tests.connectors.people import SalesforcePeople


class HubSpotPeople:
    """In the portal itself; a merge makes a new company, to which both old ids lead."""

    def __init__(self, sandbox: HubSpotSandbox) -> None:
        self._portal = sandbox.portal
        self._companies: Any = sandbox.portal.tables["companies"]

    def delete_account(self, account_id: str) -> None:
        self._portal.archive(self._companies, account_id)

    def delete_task(self, task_id: str) -> None:
        self._portal.archive(self._portal.tables["tasks"], task_id)

    def merge_accounts(self, winner_id: str, loser_id: str) -> str:
        winner, loser = self._companies.find(winner_id), self._companies.find(loser_id)
        return str(self._portal.merge(self._companies, winner, loser).id)

    def detach_task(self, task_id: str) -> None:
        tasks, companies = object_kind("tasks"), object_kind("companies")
        for company_id in list(self._portal.associations.of("tasks", task_id, "companies")):
            unlink(self._portal, tasks, task_id, companies, company_id)


class TestSalesforce(ConnectorContract):
    harness = Harness(kamsync_salesforce.CONNECTOR, load_mapping("salesforce", crm="salesforce", folder=Path()), SalesforcePeople)


class TestHubSpot(ConnectorContract):
    harness = Harness(
        kamsync_hubspot.CONNECTOR,
        load_mapping("hubspot", crm="hubspot", folder=Path()),
        HubSpotPeople,
        {"search_lag_seconds": 0.0},
    )


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

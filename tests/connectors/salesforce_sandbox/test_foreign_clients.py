"""Clients that nobody here wrote against the sandbox: simple-salesforce over TLS, and npm `jsforce`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from simple_salesforce.api import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from kamsync.config.mapping import load_mapping
from kamsync.contract import Context, Secret, TierChoice
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync_salesforce import CONNECTOR
from kamsync_salesforce.sandbox import build_sandbox
from kamsync_salesforce.sandbox.org import CLIENT_ID, CLIENT_SECRET, PASSWORD, SECURITY_TOKEN, USERNAME
from kamsync_salesforce.sandbox.soql_dates import literal_range

PROJECT = Path(__file__).parent / "node"


@contextmanager
def serving(*, tls: bool) -> Iterator[SandboxServer]:
    """A set-up org of 300 accounts and 2,500 opportunities."""
    company = Company(accounts=300, opportunities=2500)
    sandbox: Any = build_sandbox(company, SandboxOptions(today=company.today))
    with SandboxServer(sandbox, tls=tls) as running:
        settings: dict[str, Any] = {setting.name: setting.default for setting in CONNECTOR.settings}
        settings |= dict(running.crm.settings(running.base_url))
        settings |= {"client_secret": Secret(CLIENT_SECRET), "ca_bundle": str(running.ca_path or "")}
        mapping = load_mapping("salesforce", crm="salesforce", folder=Path())
        connection = CONNECTOR.connect(settings, Context(mapping, ZoneInfo("UTC"), (TierChoice("A", "Strategic"),)))
        list(connection.setup(dry_run=False))
        connection.close()
        yield running


@pytest.fixture(scope="module")
def tls_server() -> Iterator[SandboxServer]:
    with serving(tls=True) as server:
        yield server


@pytest.fixture
def salesforce(tls_server: SandboxServer) -> Any:
    """simple-salesforce, signed in; it speaks https alone."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(tls_server.ca_path)
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token = session.post(f"{tls_server.base_url}/services/oauth2/token", data=form, timeout=10).json()
    return Salesforce(instance_url=token["instance_url"], session_id=token["access_token"], session=session, version="60.0")


def test_simple_salesforce_pages_through_a_query(salesforce: Any) -> None:
    answer = salesforce.query_all("SELECT Id, Name, Account.Name FROM Opportunity")
    assert answer["totalSize"] == len(answer["records"]) == 2500
    assert answer["records"][0]["attributes"]["type"] == "Opportunity"


def test_every_object_that_the_org_names_can_be_described_and_read(salesforce: Any) -> None:
    """An extractor that walks the whole org (tap-salesforce does) meets no object that only its name has."""
    named = [one for one in salesforce.describe()["sobjects"] if one["queryable"]]

    assert {one["urls"]["describe"].split("/")[3] for one in named} == {"v60.0"}
    for one in named:
        described = getattr(salesforce, one["name"]).describe()
        assert getattr(salesforce, one["name"]).metadata()["objectDescribe"]["urls"] == one["urls"]
        if one["name"] != "ContentDocumentLink":  # asks for a filter by one id (Object Reference)
            columns = ", ".join(field["name"] for field in described["fields"])
            assert salesforce.query(f"SELECT {columns} FROM {one['name']} LIMIT 1")["done"]


def test_children_come_by_parent_filtered_sorted_and_limited(salesforce: Any) -> None:
    every = salesforce.query_all("SELECT AccountId, CloseDate, IsWon FROM Opportunity ORDER BY CloseDate DESC")["records"]
    last: dict[str, list[str]] = {}
    for one in every:
        if one["AccountId"] and (one["IsWon"] or one["CloseDate"] > "2030"):
            last.setdefault(one["AccountId"], []).append(one["CloseDate"])

    soql = (
        "SELECT Id, Owner.Name, (SELECT CloseDate FROM Opportunities WHERE IsWon = true OR CloseDate > 2030-01-01"
        " ORDER BY CloseDate DESC LIMIT 2) FROM Account"
    )
    shown = {
        one["Id"]: [child["CloseDate"] for child in (one["Opportunities"] or {"records": []})["records"]]
        for one in salesforce.query_all(soql)["records"]
    }

    assert {account: days for account, days in shown.items() if days} == {account: days[:2] for account, days in last.items()}


@pytest.mark.parametrize(
    ("selected", "message"),
    [
        ("Id, Name, id FROM Account", "duplicate field selected: Id"),
        ("Id, Name FROM Account GROUP BY Name", "Field must be grouped or aggregated: Id"),
        ("Name n FROM Account", "only aggregate expressions use field aliasing"),
        ("SUM(Name) FROM Account", "field Name does not support aggregate operator SUM"),
        ("DAY_ONLY(CloseDate) FROM Opportunity", "field CloseDate does not support function DAY_ONLY"),
        ("COUNT() FROM Account GROUP BY Name", "unexpected token: 'COUNT'"),
        ("Id FROM Account WHERE Name IN :names", "Bind variables only allowed in Apex code"),
        ("Id FROM Account WHERE Name < 5", "must be of type string and should be enclosed in quotes"),
        ("Id FROM Opportunity WHERE CloseDate > 2020-13-41", "Invalid date: 2020-13-41"),
        ("Id FROM Opportunity WHERE CloseDate = LAST_N_YEARS:9999", "Invalid date literal"),
        ("Id FROM Opportunity WHERE CloseDate = THIS_DAY", "unexpected token: THIS_DAY"),
    ],
)
def test_what_soql_does_not_mean_is_refused(salesforce: Any, selected: str, message: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as refusal:
        salesforce.query(f"SELECT {selected}")

    assert message in str(refusal.value.content)


@pytest.mark.parametrize(
    ("literal", "first", "last"),
    [  # on Thursday, 26 November 2026
        ("YESTERDAY", "2026-11-25", "2026-11-25"),
        ("THIS_WEEK", "2026-11-22", "2026-11-28"),
        ("NEXT_MONTH", "2026-12-01", "2026-12-31"),
        ("LAST_N_DAYS:1", "2026-11-25", "2026-11-26"),
        ("NEXT_N_DAYS:2", "2026-11-27", "2026-11-28"),
        ("N_DAYS_AGO:3", "2026-11-23", "2026-11-23"),
        ("LAST_N_WEEKS:2", "2026-11-08", "2026-11-21"),
        ("LAST_N_QUARTERS:3", "2026-01-01", "2026-09-30"),
        ("NEXT_FISCAL_QUARTER", "2027-01-01", "2027-03-31"),
        ("N_FISCAL_YEARS_AGO:2", "2024-01-01", "2024-12-31"),
        ("LAST_90_DAYS", "2026-08-28", "2026-11-26"),
    ],
)
def test_a_date_literal_names_its_days(literal: str, first: str, last: str) -> None:
    begins, after = literal_range(literal, date(2026, 11, 26))

    assert (begins.isoformat(), (after - timedelta(days=1)).isoformat()) == (first, last)


def test_groups_by_date_functions_anti_joins_and_limited_counts(salesforce: Any) -> None:
    years = salesforce.query("SELECT CALENDAR_YEAR(CloseDate) y, COUNT(Id) c FROM Opportunity GROUP BY CALENDAR_YEAR(CloseDate)")
    won = {one["AccountId"] for one in salesforce.query_all("SELECT AccountId FROM Opportunity WHERE IsWon = true")["records"]}
    without = salesforce.query_all(
        "SELECT Id FROM Account WHERE Id NOT IN (SELECT AccountId FROM Opportunity WHERE IsWon = true)"
    )

    assert sum(one["c"] for one in years["records"]) == 2500
    assert None in won  # opportunities without an account hide nobody
    assert without["totalSize"] == salesforce.query("SELECT COUNT() FROM Account")["totalSize"] - len(won - {None})
    assert salesforce.query("SELECT COUNT() FROM Account LIMIT 5")["totalSize"] == 5
    assert salesforce.query("SELECT Id, (SELECT Subject FROM Tasks LIMIT 1) FROM Account LIMIT 1")["done"]


def test_simple_salesforce_creates_changes_finds_and_deletes(salesforce: Any) -> None:
    made = salesforce.Account.create({"Name": "Açaí & Söhne", "NumberOfEmployees": 12})
    assert salesforce.Account.update(made["id"], {"NumberOfEmployees": 13}) == 204
    assert salesforce.Account.get(made["id"])["NumberOfEmployees"] == 13
    assert salesforce.Account.get(made["id"])["CurrencyIsoCode"] == "EUR"  # the company's, where nothing is said
    assert salesforce.Account.delete(made["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get(made["id"])
    found = salesforce.query_all(f"SELECT Id, IsDeleted FROM Account WHERE Id = '{made['id'][:15]}'", include_deleted=True)
    assert [record["IsDeleted"] for record in found["records"]] == [True]


def test_simple_salesforce_upserts_by_the_task_key(salesforce: Any) -> None:
    account = salesforce.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    assert salesforce.Task.upsert("KAM_Task_Key__c/py:1", {"Subject": "One", "WhatId": account}) == 201
    assert salesforce.Task.upsert("KAM_Task_Key__c/py:1", {"Subject": "One, changed"}) == 200
    assert salesforce.query("SELECT COUNT() FROM Task WHERE KAM_Task_Key__c = 'py:1'")["totalSize"] == 1


def test_simple_salesforce_loads_and_reads_in_bulk(salesforce: Any) -> None:
    job: Any
    (job,) = salesforce.bulk2.Account.insert(records=[{"Name": f"Bulk {i}"} for i in range(5)], wait=0.1)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (5, 0)
    text = "".join(salesforce.bulk2.Account.query("SELECT Name FROM Account WHERE Name LIKE 'Bulk %'", wait=0.1))
    assert text.splitlines()[0] == '"Name"' and len(text.splitlines()) == 6


def test_simple_salesforce_sees_one_bad_record_of_a_collection(salesforce: Any) -> None:
    records = [{"attributes": {"type": "Account"}, "Name": name} for name in ("Good", "x" * 300, "Good too")]
    body = json.dumps({"allOrNone": False, "records": records})
    answer = salesforce.restful("composite/sobjects", method="POST", data=body)
    assert [one["success"] for one in answer] == [True, False, True]
    assert answer[1]["errors"][0]["statusCode"] == "STRING_TOO_LONG"


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Account WHERE Name = 'a' AND Type = 'b' OR Industry = 'c'", "MALFORMED_QUERY"),
        ("SELECT Nothing__c FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE"),
        ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01T00:00:00Z'", "INVALID_FIELD"),
        ("SELECT Id FROM Account OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
        ("SELECT FIELDS(ALL) FROM Account", "MALFORMED_QUERY"),
    ],
)
def test_a_query_that_salesforce_refuses_is_refused_in_its_words(salesforce: Any, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as caught:
        salesforce.query(soql)
    content: Any = caught.value.content
    assert content[0]["errorCode"] == code


def test_not_equal_finds_nulls_and_text_ignores_case(salesforce: Any) -> None:
    def count(where: str) -> int:
        return int(salesforce.query(f"SELECT COUNT() FROM Account WHERE {where}")["totalSize"])

    everything = int(salesforce.query("SELECT COUNT() FROM Account")["totalSize"])
    assert count("Type = 'customer'") == count("Type = 'Customer'") > 0
    assert count("Type = 'Customer'") + count("Type != 'Customer'") == everything
    assert count("Type NOT IN ('Customer', 'Prospect')") > count("Type = 'Partner'")
    grouped = salesforce.query("SELECT Type, COUNT(Id) many FROM Account GROUP BY Type")["records"]
    assert sum(record["many"] for record in grouped) == everything


@pytest.mark.node
@pytest.mark.skipif(not shutil.which("node") or not shutil.which("npm"), reason="Node.js or npm is absent")
def test_jsforce_signs_in_reads_writes_and_loads_in_bulk() -> None:
    if not (PROJECT / "node_modules" / "jsforce").is_dir():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=180)
    with serving(tls=False) as server:
        environment = {
            **os.environ,
            "BASE_URL": server.base_url,
            "SF_USERNAME": USERNAME,
            "SF_PASSWORD": PASSWORD + SECURITY_TOKEN,
        }
        run = subprocess.run(
            ["node", "check.mjs"], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=90, check=False
        )

    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == {
        "login": ["005", "00D"],
        "versions": True,
        "pages": 2,
        "opportunities": [2500, 2500],
        "global": True,
        "describe": ["User"],
        "created": [True, True, False],
        "refusal": "REQUIRED_FIELD_MISSING",
        "updated": [True, True],
        "read": [["Node Eins", 10], ["Node Zwei", 11]],
        "upserted": [[True, True], [True, True], [True, False]],
        "bulk": [2, 1, "STRING_TOO_LONG"],
        "bulkQuery": ['Node Bulk "Dos", S.L.', "Node Bulk Uno"],
        "removed": [True, True],
        "invalid": "INVALID_FIELD",
        "limit": 100_000,
    }

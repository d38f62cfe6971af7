"""Builders for the Salesforce connector's tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
import requests
import responses

from kamsync.config.mapping import load_mapping
from kamsync.contract import Context, Secret, TierChoice
from kamsync.http import RetryPolicy
from kamsync_salesforce import CONNECTOR
from kamsync_salesforce.api.auth import read_credentials
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.connection import SalesforceConnection

DOMAIN = "https://acme.my.salesforce.com"
BASE = f"{DOMAIN}/services/data/v62.0"
DATE = {"Date": "Mon, 02 Jun 2025 12:00:00 GMT"}
MAPPING = load_mapping("salesforce", crm="salesforce", folder=Path())
TIERS = (TierChoice("A", "Strategic"), TierChoice("B", "Growth"), TierChoice("C", "Core"))
SETTINGS = {"login_url": DOMAIN, "client_id": "the-app", "client_secret": Secret("s3cret-s3cret")}
NO_CURRENCIES = ("INVALID_TYPE", "sObject type 'CurrencyType' is not supported.")


class ScriptedOrg:
    """Answers SOQL by the first phrase that it contains, and counts what it was asked."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.answers: list[tuple[str, Any]] = [
            ("FROM CurrencyType", NO_CURRENCIES),
            ("FROM Organization", [{"Id": "00D1", "Name": "Acme", "DefaultCurrencyIsoCode": "BRL"}]),
        ]
        self.asked: list[str] = []
        token = {"access_token": "session-1", "instance_url": DOMAIN, "id": f"{DOMAIN}/id/00D1/0051"}
        mock.post(f"{DOMAIN}/services/oauth2/token", json=token, headers=DATE)
        mock.get(f"{BASE}/limits", json={"DailyApiRequests": {"Max": 15_000, "Remaining": 9_000}}, headers=DATE)
        for resource in ("query/", "queryAll/"):
            mock.add_callback(responses.GET, f"{BASE}/{resource}", callback=self._answer)

    def says(self, phrase: str, answer: Any) -> None:
        """`answer`: records, or (error code, message)."""
        self.answers.insert(0, (phrase, answer))

    def _answer(self, request: requests.PreparedRequest) -> tuple[int, Mapping[str, str], str]:
        soql = parse_qs(urlsplit(str(request.url)).query)["q"][0]
        self.asked.append(soql)
        answer: Any = next((found for phrase, found in self.answers if phrase in soql), [])
        if isinstance(answer, tuple):
            return 400, DATE, json.dumps([{"errorCode": answer[0], "message": answer[1]}])
        return 200, DATE, json.dumps({"totalSize": len(answer), "done": True, "records": answer})

    def connect(self) -> SalesforceConnection:
        context = Context(mapping=MAPPING, timezone=ZoneInfo("UTC"), tiers=TIERS)
        return CONNECTOR.connect(SETTINGS, context)

    def client(self, retry: RetryPolicy) -> Client:
        """The connection's inner part, with waits of the test's choice."""
        client = Client(read_credentials(SETTINGS), retry=retry)
        client.open()
        return client


@pytest.fixture
def org() -> Iterator[ScriptedOrg]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield ScriptedOrg(mock)

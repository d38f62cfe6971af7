"""The sandbox's own routes answer this machine and its own page; no web page elsewhere stops it, and no fault locks it out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
import requests

from kamsync.cli.sandboxes import sample_company
from kamsync.plugins import load_connector
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    today = date(2026, 3, 2)
    crm = load_connector("hubspot").sandbox(sample_company(today, accounts=3, opportunities=3), SandboxOptions(today=today))
    with SandboxServer(crm) as server:  # type: ignore[arg-type]  # the contract's protocol is the page's, seen from outside
        yield server


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Host": "rebound.example"},
        {"Host": "[::1"},
        {"Origin": "http://[::1"},
        {"Referer": "https://evil.example/"},
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_a_web_page_elsewhere_controls_no_fault(server: SandboxServer, method: str, headers: dict[str, str]) -> None:
    answer = requests.request(method, f"{server.base_url}/_sandbox/faults", json={"kind": "hang"}, headers=headers, timeout=10)
    assert answer.status_code == 403 and server.faults.next_for("GET", "/") is None


def test_a_fault_on_every_path_can_be_taken_back(server: SandboxServer) -> None:
    control = f"{server.base_url}/_sandbox/faults"
    assert requests.post(control, json={"kind": "status", "path": ".*", "times": None}, timeout=10).status_code == 200
    assert requests.get(f"{server.base_url}/crm/v3/owners", timeout=10).status_code == 503
    assert requests.get(server.base_url, timeout=10).status_code == 200
    assert requests.delete(control, timeout=10).status_code == 200
    assert requests.get(f"{server.base_url}/crm/v3/owners", timeout=10).status_code == 401


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"kind": "explode"}',
        b'{"kind": "hang", "path": "(a+)+$"}',
        b'{"kind": "hang", "path": "(("}',
        b'{"kind": "hang", "path": "' + b"a" * 300 + b'"}',
        b'{"kind": "hang", "nonsense": 1}',
        b"[" * 100_000,
        b" " * 100_000,
    ],
)
def test_what_is_no_fault_is_told_and_stops_nothing(server: SandboxServer, body: bytes) -> None:
    answer = requests.post(f"{server.base_url}/_sandbox/faults", data=body, timeout=10)
    assert answer.status_code == 400 and answer.json()["error"]
    assert server.faults.next_for("GET", "/aaaaaaaa") is None

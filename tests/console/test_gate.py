"""Who comes in and what may write: the token, the cookie, the host, the page that a form comes from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.console.console_client import FORM_TOKEN, Console, running
from tests.journeys.conftest import Desk, desks


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Console]]:
    """One console for tests that write nothing."""
    with desks(tmp_path_factory.mktemp("gate")) as open_desk:
        desk = open_desk("salesforce")
        desk.begin("pull")
        with running(desk, "--public-url", "https://accounts.example.com") as console:
            yield desk, console


@pytest.fixture
def console(place: tuple[Desk, Console]) -> Console:
    return place[1]


def test_the_printed_address_is_the_one_that_people_reach(console: Console) -> None:
    assert console.address.startswith("https://accounts.example.com/?token=")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    with desks(tmp_path_factory.mktemp("local")) as open_desk:
        desk = open_desk("salesforce")
        desk.begin("pull")
        with running(desk) as console:
            yield console


def test_without_the_token_nobody_comes_in(local: Console) -> None:
    for path in ("/", "/accounts", "/charts/matrix.json", "/static/look.css"):
        answer = requests.get(local.base + path, timeout=10)
        assert answer.status_code == 403 and "kamsync console" in answer.text
    assert requests.get(f"{local.base}/?token=guess", timeout=10).status_code == 403
    assert requests.get(local.base, cookies={"kamsync-console": "guess"}, timeout=10).status_code == 403


def test_the_token_becomes_a_cookie_and_leaves_the_address(local: Console) -> None:
    answer = requests.get(f"{local.address}&tier=A", allow_redirects=False, timeout=10)
    assert (answer.status_code, answer.headers["location"]) == (303, "/?tier=A")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example"])
def test_a_name_that_merely_resolves_here_gets_no_answer(local: Console, name: str) -> None:
    local.enter()
    answer = local.session.get(local.base, headers={"Host": name}, timeout=10)
    assert answer.status_code == 403 and "--public-url" in answer.text


def test_every_answer_forbids_what_no_page_needs(local: Console) -> None:
    local.enter()
    for path in ("/", "/lab", "/static/console.js", "/nothing"):
        headers = local.session.get(local.base + path, timeout=10).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert (headers["x-content-type-options"], headers["x-frame-options"]) == ("nosniff", "DENY")
    assert local.session.get(local.base, timeout=10).headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[::1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_form_of_another_page_does_nothing(local: Console, headers: dict[str, str]) -> None:
    local.enter()
    token = FORM_TOKEN.search(local.open("/plan").text)
    assert token is not None
    answer = local.session.post(f"{local.base}/plan/make", data={"form_token": token[1]}, headers=headers, timeout=10)
    assert answer.status_code == 403 and "Nothing was done" in answer.text


def test_a_form_without_the_sessions_token_does_nothing(local: Console) -> None:
    local.enter()
    for token in ({}, {"form_token": "0" * 64}):
        answer = local.session.post(f"{local.base}/plan/make", data=token, timeout=10)
        assert answer.status_code == 409 and "Nothing was done" in answer.text
    assert "make a plan" in local.open("/plan").text


def test_a_form_that_is_too_long_is_not_read(local: Console) -> None:
    local.enter()
    answer = local.session.post(f"{local.base}/lab", data={"x": "x" * 1_100_000}, timeout=10)
    assert answer.status_code == 413


def test_listening_to_others_wants_a_proxy_that_signs_people_in(place: tuple[Desk, Console]) -> None:
    desk, _ = place
    refused = desk.run("console", "--host", "0.0.0.0")
    assert refused.code == 2 and "--public-url" in refused.err
    wrong = desk.run("console", "--public-url", "accounts.example.com/kamsync")
    assert wrong.code == 2 and "https://" in wrong.err


def test_a_port_that_is_taken_is_named(place: tuple[Desk, Console], local: Console) -> None:
    desk, _ = place
    taken = local.base.rpartition(":")[2]
    refused = desk.run("console", "--port", taken)
    assert refused.code == 2 and taken in refused.err


def test_without_a_cache_the_way_to_one_is_told(tmp_path_factory: pytest.TempPathFactory) -> None:
    with desks(tmp_path_factory.mktemp("bare")) as open_desk:
        refused = open_desk("salesforce").run("console")
    assert refused.code == 2 and "kamsync pull" in refused.err

"""What every connector's HTTP keeps to: addresses, secrets, waiting, the call budget, where a session may go."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from kamsync.certificates import CA_VARIABLES
from kamsync.errors import BadAnswer, ConfigError, KamsyncError, PlanRefused, TryLater
from kamsync.http import (
    CallMeter,
    PoliteSession,
    RetryPolicy,
    check_address,
    is_loopback,
    network_error,
    passes_by_itself,
    retry_after_seconds,
    was_never_sent,
)
from kamsync.redaction import Redactor


def only(*hosts: str) -> Callable[[str], bool]:
    """What a connector's session allows: these hosts."""
    return frozenset(hosts).__contains__


def test_a_secret_is_replaced_wherever_it_stands_and_a_longer_one_whole() -> None:
    redact = Redactor()
    for value in ("hunter2-token", "hunter2-token-and-more"):
        redact.add(value)

    assert redact("Bearer hunter2-token-and-more, then hunter2-token") == "Bearer [redacted], then [redacted]"


def test_short_or_empty_values_do_not_blot_out_words() -> None:
    redact = Redactor()
    for value in ("", None, "the"):
        redact.add(value)

    assert redact("the cat") == "the cat"


@pytest.mark.parametrize("length", [*range(6, 42)])
def test_a_secret_is_found_at_any_place_whatever_its_length_and_however_many_are_known(length: int) -> None:
    redact = Redactor()
    secrets = [a_token(length, day) for day in range(20)]
    for value in secrets:
        redact.add(value)

    for place in range(length + 1):
        assert redact(f"{'-' * place}{secrets[place % 20]}.") == f"{'-' * place}[redacted]."


def a_token(length: int, day: int) -> str:
    """A token of that day: each begins as the others do, as those of one org."""
    return ("00D5" + hashlib.sha256(str(day).encode()).hexdigest())[: length - 2] + f"{day:02}"


@pytest.mark.parametrize(("host", "expected"), [("localhost", True), ("127.0.0.9", True), ("::1", True), ("[::1]", True)])
def test_this_machine_is_known_by_its_names(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "localhost.evil.example", "127.0.0.1.evil.example"])
def test_others_are_not_taken_for_this_machine(host: str) -> None:
    assert not is_loopback(host)


@pytest.mark.parametrize(
    "url", ["ftp://x", "acme.example", "http://acme.example", "https://user:pw@acme.example", "https://", "https://a:port", ""]
)
def test_an_address_that_will_not_do_names_its_setting(url: str) -> None:
    with pytest.raises(ConfigError, match=r"crm\.base_url") as caught:
        check_address(url, "crm.base_url")
    assert caught.value.fix


def test_an_address_loses_its_trailing_slash() -> None:
    assert check_address("https://acme.example/", "x") == "https://acme.example"


def test_retry_after_is_seconds_or_a_date() -> None:
    now = datetime(2025, 6, 2, 12, 0, tzinfo=UTC)

    assert retry_after_seconds("7") == 7
    assert retry_after_seconds("Mon, 02 Jun 2025 12:01:30 GMT", now) == 90
    assert retry_after_seconds("Mon, 02 Jun 2025 11:00:00 GMT", now) == 0
    assert retry_after_seconds("soon") is None and retry_after_seconds(None) is None


def failing(*errors: Exception) -> Callable[[], str]:
    queue = list(errors)

    def attempt() -> str:
        if queue:
            raise queue.pop(0)
        return "done"

    return attempt


def is_try_later(error: BaseException) -> bool:
    return isinstance(error, TryLater)


def test_waits_grow_and_the_advice_of_the_server_is_kept_to() -> None:
    waits: list[float] = []
    policy = RetryPolicy(sleep=waits.append)
    errors = [TryLater("a"), TryLater("b"), TryLater("c", retry_after_seconds=9)]

    assert policy.run(failing(*errors), passes=is_try_later) == "done"
    assert 0.25 <= waits[0] <= 0.5 and 0.5 <= waits[1] <= 1 and 9 <= waits[2] < 9.2


def test_advice_to_wait_longer_than_the_limit_ends_the_waiting_at_once() -> None:
    waits: list[float] = []

    with pytest.raises(TryLater):
        RetryPolicy(sleep=waits.append, total_seconds=60).run(
            failing(TryLater("a", retry_after_seconds=3600)), passes=is_try_later
        )
    assert not waits


def test_what_does_not_pass_by_itself_is_raised_at_once() -> None:
    with pytest.raises(BadAnswer):
        RetryPolicy(sleep=lambda seconds: None).run(failing(BadAnswer("x")), passes=is_try_later)


def test_trying_ends_with_the_last_error() -> None:
    errors = [TryLater(str(number)) for number in range(10)]

    with pytest.raises(TryLater, match="2"):
        RetryPolicy(sleep=lambda seconds: None, attempts=3).run(failing(*errors), passes=is_try_later)


def test_a_meter_lets_out_its_share_and_not_one_call_more() -> None:
    meter = CallMeter(share=0.5)
    meter.count()
    meter.start(limit=100, remaining=10)

    for _ in range(4):
        meter.count()
    with pytest.raises(PlanRefused, match="5 calls") as caught:
        meter.count()

    assert "guard.api_budget_share" in caught.value.fix
    assert meter.usage().used_by_us == 5


def test_a_meter_that_does_not_know_what_is_left_refuses_nothing() -> None:
    meter = CallMeter(share=0.1)
    meter.start(limit=None, remaining=None)

    meter.count(1000)

    assert meter.usage().remaining is None


def test_many_threads_cannot_overdraw_the_budget_together() -> None:
    meter = CallMeter(share=1.0)
    meter.start(limit=None, remaining=100)
    refused: list[int] = []

    def spend() -> None:
        for _ in range(50):
            try:
                meter.count()
            except PlanRefused:
                refused.append(1)

    threads = [threading.Thread(target=spend) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert meter.usage().used_by_us == 100 and len(refused) == 100


class Handler(BaseHTTPRequestHandler):
    """Tells what it was sent; redirects what asks for it."""

    def do_GET(self) -> None:
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            return
        body = str(self.headers.get("Authorization", "")).encode()
        self.send_response(200)
        self.send_header("Set-Cookie", "a=b")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_session_sends_its_header_whatever_netrc_says_and_keeps_no_cookies(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    session = PoliteSession(allows=only("127.0.0.1"))

    answer = session.get(f"{server}/x", headers={"Authorization": "Bearer ours"})

    assert answer.text == "Bearer ours" and not session.cookies


def test_a_session_goes_nowhere_but_to_its_hosts(server: str) -> None:
    session = PoliteSession(allows=only("acme.example"))

    with pytest.raises(BadAnswer, match=r"127\.0\.0\.1"):
        session.get(f"{server}/x")


def test_a_redirect_to_another_host_is_not_followed(server: str) -> None:
    session = PoliteSession(allows=only("127.0.0.1", "localhost"))

    with pytest.raises(BadAnswer, match="redirected"):
        session.get(f"{server}/to/{server.replace('127.0.0.1', 'localhost')}/x")


def test_a_redirect_on_the_same_host_is_followed(server: str) -> None:
    session = PoliteSession(allows=only("127.0.0.1"))

    assert session.get(f"{server}/to//x").status_code == 200


def test_a_bundle_of_our_own_wins_over_the_environments(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/somewhere/else.pem")
    ours = tmp_path / "ours.pem"
    ours.write_text("certificates")
    session = PoliteSession(allows=only("acme.example"), ca_bundle=str(ours))

    settings = session.merge_environment_settings("https://acme.example", {}, False, None, None)

    assert settings["verify"] == str(ours)


def only_this_variable(monkeypatch: pytest.MonkeyPatch, variable: str, path: str) -> None:
    for name in CA_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, path)


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_the_environments_bundle_holds_where_there_is_none_of_our_own(
    variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "company.pem"
    bundle.write_text("certificates")
    only_this_variable(monkeypatch, variable, str(bundle))
    session = PoliteSession(allows=only("acme.example"))

    settings = session.merge_environment_settings("https://acme.example", {}, False, None, None)

    assert settings["verify"] == str(bundle)


@pytest.mark.parametrize("variable", CA_VARIABLES)
def test_a_bundle_of_the_environment_that_is_not_there_is_named(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    only_this_variable(monkeypatch, variable, "/no/such.pem")

    with pytest.raises(ConfigError, match=variable) as caught:
        PoliteSession(allows=only("acme.example"))
    assert "ca_bundle" in caught.value.fix


def test_a_refused_connection_was_never_sent_and_may_pass(server: str) -> None:
    session = PoliteSession(allows=only("127.0.0.1"))

    with pytest.raises(requests.ConnectionError) as caught:
        session.get("http://127.0.0.1:9/x")
    assert was_never_sent(caught.value) and passes_by_itself(caught.value)
    assert isinstance(network_error(caught.value, "127.0.0.1"), TryLater)


@pytest.mark.parametrize(
    ("cause", "remedy"),
    [
        (requests.exceptions.SSLError("certificate verify failed"), ConfigError),
        (requests.exceptions.ReadTimeout("slow"), TryLater),
        (requests.exceptions.ProxyError("407"), TryLater),
        (requests.exceptions.ContentDecodingError("not gzip"), BadAnswer),
    ],
)
def test_a_failure_of_the_line_names_its_remedy(cause: requests.RequestException, remedy: type[KamsyncError]) -> None:
    error = network_error(cause, "acme.example")

    assert type(error) is remedy and "acme.example" in error.message and error.fix


def test_a_certificate_that_is_not_trusted_does_not_pass_by_itself() -> None:
    assert not passes_by_itself(requests.exceptions.SSLError("certificate verify failed"))

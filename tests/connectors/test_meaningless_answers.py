"""An answer that is not the CRM's own is told by its status and by words, never by its braces or its markup."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kamsync.errors import KamsyncError
from kamsync.foreign import words_of
from kamsync.sandbox.faults import PROXY_PAGE
from kamsync_hubspot.api.errors import is_api_exception
from kamsync_hubspot.api.errors import translate as of_hubspot
from kamsync_salesforce.api.errors import translate as of_salesforce
from kamsync_salesforce.api.vendor import exceptions

SAYS_NOTHING = (
    b"",
    b"  \n",
    b"{}",
    b"[]",
    b"null",
    b'""',
    b"0",
    b"[{}]",
    b"[null]",
    b'{"message": null}',
    b"\xff\xfe\x00",
    b"<p></p>",
)
STATUSES = (400, 401, 403, 404, 418, 500, 503)


class HubSpotSays(Exception):
    """As each of the client's packages raises it."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status)
        self.status, self.reason, self.body = status, "", body
        self.headers: dict[str, str] = {}


def from_salesforce(status: int, body: bytes) -> KamsyncError:
    error = exceptions.SalesforceGeneralError("https://acme.my.salesforce.com/x", status, "x", body)
    return of_salesforce(error, doing="a query", host="acme.my.salesforce.com")


def from_hubspot(status: int, body: bytes) -> KamsyncError:
    error = HubSpotSays(status, body)
    assert is_api_exception(error)
    return of_hubspot(error, doing="a query", host="api.hubapi.com")


@pytest.mark.parametrize("ask", [from_salesforce, from_hubspot])
@pytest.mark.parametrize("status", STATUSES)
def test_a_body_without_words_is_told_by_its_status(ask: Callable[[int, bytes], KamsyncError], status: int) -> None:
    told = {ask(status, body).message for body in SAYS_NOTHING}
    for message in told:
        assert f"HTTP {status} without a word" in message
        assert not set("{}[]<>") & set(message) and "null" not in message and "None" not in message


@pytest.mark.parametrize("ask", [from_salesforce, from_hubspot])
@pytest.mark.parametrize("status", [404, 418, 500, 503])
def test_of_a_page_the_visible_text_is_told(ask: Callable[[int, bytes], KamsyncError], status: int) -> None:
    error = ask(status, PROXY_PAGE)
    assert f"HTTP {status} “Sign in to the network Proxy authentication”" in error.message
    assert "proxy" in error.fix


@pytest.mark.parametrize("ask", [from_salesforce, from_hubspot])
def test_what_the_crm_says_itself_is_told_as_before(ask: Callable[[int, bytes], KamsyncError]) -> None:
    own = b'{"message": "Down for maintenance", "status": "error"}'
    assert "Down for maintenance." in ask(503, own).message and "HTTP" not in ask(503, own).message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"Service <b>Unavailable</b> &amp; more", "Service Unavailable & more"),
        (b'"Service Unavailable"', "Service Unavailable"),
        (b"<style>b { color: red }</style><script>x < 1</script><!-- no -->Down", "Down"),
        (b"<script>never closed", ""),
        ("<" * 100_000, ""),
        (b"<!--" * 100_000, ""),
        (b"x" * 100_000, "x" * 200),
    ],
    ids=range(7),
)
def test_the_words_of_a_body_are_what_a_person_would_see(body: bytes | str, words: str) -> None:
    assert words_of(body) == words

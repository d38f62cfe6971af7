"""What every connector's HTTP needs and no vendor decides: addresses, secrets, retries, the call budget, one polite session.

Vendor-neutral: no header, status meaning or host of one CRM is here. A connector says which errors pass by themselves and which
requests may be repeated; this module only knows how to wait.
"""

from __future__ import annotations

import ipaddress
import os
import random
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Literal, TypeVar
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import tenacity
import urllib3

from kamsync.answers import BoundedAdapter
from kamsync.answers import BoundedPool as BoundedPool  # connectors take these from here
from kamsync.answers import download_of as download_of
from kamsync.certificates import authorities
from kamsync.errors import BadAnswer, ConfigError, KamsyncError, PlanRefused, TryLater
from kamsync.model.exchange import Usage
from kamsync.redaction import redact as redact  # connectors take it from here

T = TypeVar("T")
S = TypeVar("S", bound=str)

CONNECT_TIMEOUT_SECONDS = 10.0
READ_TIMEOUT_SECONDS = 120.0
_HOST = re.compile(r"[\w.-]+|[0-9A-Fa-f:.]+(%\w+)?")  # a name, in any script, or an address; urlsplit takes the brackets off


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address, without asking a name server."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def parts_of(address: str) -> SplitResult:
    """An address's parts; none of what is no address ("http://[")."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")


def check_address(url: str, setting: str) -> str:
    """`url` without a trailing slash, if it is https, or http on this machine; otherwise ConfigError naming `setting`.

    An address ends with the host: a path would be sent before every call's own, and the CRM would answer that there is nothing.
    """
    shown = re.sub(r"//[^/?#]*@", "//…@", url.strip())
    try:
        parts = urlsplit(url.strip())
        parts.port  # noqa: B018  # raises ValueError on a port that is no number
    except ValueError as error:
        raise ConfigError(f"{setting}: “{shown}” is not a web address.", fix=f"Correct `{setting}`.") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or not _HOST.fullmatch(parts.hostname):
        raise ConfigError(
            f"{setting}: “{shown}” is not a web address.", fix=f"Write `{setting}` as https://host, without a path."
        )
    if parts.username is not None or parts.password is not None:
        raise ConfigError(
            f"{setting}: a web address must not carry a user name.", fix=f"Remove what stands before @ in `{setting}`."
        )
    bare = f"{parts.scheme}://{parts.netloc}"
    if parts.path.rstrip("/") or parts.query or parts.fragment:
        extra = shown.removeprefix(bare)
        raise ConfigError(
            f"{setting}: “{shown}” goes on after the host with “{extra}”.", fix=f'Write only the host: {setting} = "{bare}".'
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigError(
            f"{setting}: http:// would send credentials to {parts.hostname} in clear text.",
            fix=f"Use https:// in `{setting}`; http:// is accepted for this machine (localhost) only.",
        )
    return bare


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """The header Retry-After, which is either seconds or a date (RFC 9110 §10.2.3)."""
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())


class RetryPolicy:
    """How long and how often to try again: exponential waits with full jitter, the CRM's Retry-After honoured, a total limit.

    An error whose Retry-After does not fit into what is left of `total_seconds` is raised at once: waiting would be in vain.
    """

    def __init__(
        self,
        *,
        attempts: int = 6,
        total_seconds: float = 120.0,
        first_seconds: float = 0.5,
        longest_seconds: float = 20.0,
        sleep: Callable[[float], None] | None = None,
    ) -> None:
        self._attempts = attempts
        self._total_seconds = total_seconds
        self._first_seconds = first_seconds
        self._longest_seconds = longest_seconds
        self._sleep = sleep or tenacity.nap.sleep

    def run(
        self,
        attempt: Callable[[], T],
        *,
        passes: Callable[[BaseException], bool],
        before_wait: Callable[[BaseException, float], None] = lambda error, seconds: None,
    ) -> T:
        """Calls `attempt` until it returns, raises what does not pass by itself, or the policy's limits are reached."""

        def note(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            if error is not None:
                before_wait(error, state.upcoming_sleep)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(passes),
            wait=self._wait,
            stop=tenacity.stop_after_attempt(self._attempts) | tenacity.stop_before_delay(self._total_seconds),
            sleep=self._sleep,
            before_sleep=note,
            reraise=True,
        )
        return retrying(attempt)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        ceiling = min(self._longest_seconds, self._first_seconds * 2 ** (state.attempt_number - 1))
        jittered = random.uniform(ceiling / 2, ceiling)
        advised = error.retry_after_seconds if isinstance(error, TryLater) else None
        # A little on top of the advice, so that many clients do not come back in the same instant.
        return jittered if advised is None else advised + random.uniform(0, 0.1)


@dataclass
class Silences:
    """How many attempts of some calls got no answer: what they asked for may have been done."""

    count: int = 0

    def doubt(self, status: S) -> S | Literal["unanswered"]:
        """What a record's status says after them: a refusal tells nothing of what an attempt without an answer did."""
        return "unanswered" if status == "refused" and self.count else status


class CallMeter:
    """Counts the API calls of one connection and stops it before it takes more than its share of what the CRM has left.

    Until `start` has told what is left, calls are counted and never refused. Safe to use from several threads.
    """

    def __init__(self, share: float) -> None:
        self._share = share
        self._lock = threading.Lock()
        self._limit: int | None = None
        self._remaining: int | None = None
        self._budget: int | None = None
        self._used = 0

    def start(self, *, limit: int | None, remaining: int | None) -> None:
        """What the CRM said when the connection opened; the budget is a share of it and does not grow afterwards."""
        with self._lock:
            self._limit, self._remaining = limit, remaining
            self._budget = None if remaining is None else int(remaining * self._share)

    def count(self, calls: int = 1) -> None:
        """Call before sending. Raises PlanRefused instead of letting one call too many out."""
        with self._lock:
            if self._budget is not None and self._used + calls > self._budget:
                raise PlanRefused(
                    f"The API budget of this run is spent: {self._used} calls made, and the share of {self._share:g} of what "
                    f"the CRM had left at the start allows {self._budget}.",
                    fix="Raise `guard.api_budget_share`, or run again when the CRM's daily allowance has recovered.",
                )
            self._used += calls
            if self._remaining is not None:
                self._remaining = max(0, self._remaining - calls)

    def observe(self, *, limit: int | None = None, remaining: int | None = None) -> None:
        """What a header of an answer said since; it corrects our own count of what is left."""
        with self._lock:
            self._limit = limit if limit is not None else self._limit
            self._remaining = remaining if remaining is not None else self._remaining

    def usage(self) -> Usage:
        with self._lock:
            return Usage(limit=self._limit, remaining=self._remaining, used_by_us=self._used)


class _HeadersOnly(requests.auth.AuthBase):
    """Sends the headers as they are. Without it requests replaces `Authorization` by what ~/.netrc holds for the host."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


class PoliteSession(requests.Session):
    """A requests.Session with timeouts on every request, an allow-list of hosts, no redirects elsewhere, and its own CA bundle.

    `allows(host)` decides whether a host may be sent anything at all, redirects and addresses found in answers included. Proxies
    of the environment are used, and its certificates (kamsync.certificates) where no `ca_bundle` is given.
    """

    def __init__(
        self,
        *,
        allows: Callable[[str], bool],
        ca_bundle: str | None = None,
        connect_seconds: float = CONNECT_TIMEOUT_SECONDS,
        read_seconds: float = READ_TIMEOUT_SECONDS,
        pool_size: int = 10,
    ) -> None:
        super().__init__()
        self._allows = allows
        self._trusted = authorities(ca_bundle or "", os.environ).place
        self._timeout = (connect_seconds, read_seconds)
        self._settled: dict[tuple[Any, ...], dict[str, Any]] = {}  # by what `merge_environment_settings` is asked
        self.auth = _HeadersOnly()
        self.max_redirects = 3
        # Cookies would make a session that threads share hold state; no CRM API needs them.
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("https://", "http://"):
            self.mount(scheme, BoundedAdapter(pool_connections=4, pool_maxsize=pool_size, max_retries=0))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Sends to hosts of this CRM only, over https but for loopback, with a timeout. Raises BadAnswer for others."""
        parts = urlsplit(request.url or "")
        host = parts.hostname or ""
        if not self._allows(host) or (parts.scheme != "https" and not is_loopback(host)):
            raise BadAnswer(
                f"Refused to send a request to {parts.scheme}://{host}: it is not a host of this CRM.",
                fix="Check the addresses in the [crm.*] section; an answer of the CRM or of a proxy pointed elsewhere.",
            )
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self._timeout
        return super().send(request, **kwargs)

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """Proxies as the environment says; the certificates that were chosen before those it names.

        The environment is read when a host is first asked: going through it takes a fifth of a call's time.
        """
        asked = (*urlsplit(url)[:2], str(proxies), stream, verify, cert)
        if asked not in self._settled:
            settings = {**super().merge_environment_settings(url, proxies, stream, verify, cert)}
            self._settled[asked] = {**settings, "verify": self._trusted} if self._trusted else settings
        return dict(self._settled[asked])

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Follows a redirect within the host. Raises BadAnswer where it leads elsewhere: credentials stay where they belong."""
        target: str | None = super().get_redirect_target(resp)
        if target is None:
            return None
        origin, goal = urlsplit(resp.url), urlsplit(urljoin(resp.url, target))
        if (goal.scheme, goal.netloc) != (origin.scheme, origin.netloc):
            raise BadAnswer(
                f"{origin.hostname} redirected us to {goal.hostname or 'an unreadable address'}, which is not followed.",
                fix="Set the address of the CRM itself in the [crm.*] section, or sign in to the proxy that stands between.",
            )
        return target


def network_error(error: requests.RequestException, host: str) -> KamsyncError:
    """A failure of the line, in our words. Whether it may be tried again is `passes_by_itself`'s to say."""
    if isinstance(error, requests.exceptions.SSLError):
        return ConfigError(
            f"The TLS connection to {host} failed: {_reason(error)}.",
            fix="If a company proxy or a private authority signs here, name its certificate file in `ca_bundle`.",
        )
    if isinstance(error, requests.exceptions.ProxyError):
        return TryLater(f"The proxy in front of {host} did not let us through: {_reason(error)}.", fix="Check HTTPS_PROXY.")
    if isinstance(error, requests.exceptions.Timeout):
        return TryLater(f"{host} did not answer in time.", fix="Try again later; check the network if it lasts.")
    if isinstance(error, requests.exceptions.ConnectionError | requests.exceptions.ChunkedEncodingError):
        return TryLater(
            f"No connection to {host}: {_reason(error)}.", fix="Check the address in the configuration and the network."
        )
    return BadAnswer(
        f"{host} gave an answer that cannot be read: {_reason(error)}.", fix="Check the address; a proxy may be in between."
    )


def passes_by_itself(error: BaseException) -> bool:
    """Whether a failure of the line may be gone a moment later: cut connections and timeouts, not TLS, not a bad address."""
    if isinstance(error, requests.exceptions.SSLError | requests.exceptions.InvalidURL):
        return False
    return isinstance(
        error,
        requests.exceptions.ConnectionError | requests.exceptions.Timeout | requests.exceptions.ChunkedEncodingError,
    )


def was_never_sent(error: BaseException) -> bool:
    """Whether the request cannot have reached the server, so that even a create may be repeated."""
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return True
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, urllib3.exceptions.NewConnectionError)


def _reason(error: BaseException) -> str:
    """The innermost cause's text: requests wraps urllib3, which wraps the operating system."""
    cause: BaseException = error
    while True:
        inner = getattr(cause, "reason", None) or next((arg for arg in cause.args if isinstance(arg, BaseException)), None)
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    return redact(str(cause) or type(cause).__name__).rstrip(".")

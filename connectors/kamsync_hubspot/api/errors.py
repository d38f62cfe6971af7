"""Translate what hubspot-api-client, urllib3 and HubSpot's own JSON say into kamsync's errors, grouped by remedy.

hubspot-api-client has one `ApiException` in each API package and no common base, so its errors are known by what they carry
(`status`, `body`, `headers`). A translated error keeps the original as its cause, so that `fault_of` can still tell what
HubSpot said. Bodies: developers.hubspot.com "Error handling".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import urllib3

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError, RecordRejected, TryLater
from kamsync.foreign import answer_in_words, json_of, mend_of_down, words_of
from kamsync.http import redact, retry_after_seconds

# "Error handling": what passes by itself. 423: locked after large writes; 477: portal in migration; 52x: the edge's own.
PASSING_STATUSES = frozenset({423, 429, 477, 500, 502, 503, 504, 521, 522, 523, 524})
# Refused before anything was written, so that even a create may be repeated.
NOT_APPLIED_STATUSES = frozenset({423, 429, 477})
POLICY_WAIT_SECONDS = {"TEN_SECONDLY_ROLLING": 10.0, "SECONDLY": 1.0}  # until the window has moved
LOCKED_WAIT_SECONDS = 2.0
_FOR_EVERYBODY = frozenset({401, 408, *PASSING_STATUSES})
SCOPE_KEYS = ("requiredGranularScopes", "requiredScopes")
MISSING_PROPERTY = "PROPERTY_DOESNT_EXIST"


class CutAnswer(Exception):
    """An answer with a good status that is no JSON: cut on the way, or not HubSpot's at all."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One error as HubSpot states it. `properties` and `codes` run in parallel: which property, and what is wrong with it."""

    status: int
    message: str
    category: str = ""
    policy: str = ""
    scopes: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    is_json: bool = True
    retry_after_seconds: float | None = None

    @property
    def said(self) -> str:
        """For people: HubSpot's words; of an answer that is not HubSpot's the status, and its words."""
        if self.is_json and self.message:
            return self.message.rstrip(".")
        return answer_in_words(self.status, self.message)

    @property
    def is_daily_limit(self) -> bool:
        """Whether the day's calls are spent (429 with the policy DAILY), which no short wait mends."""
        return self.status == 429 and self.policy == "DAILY"

    @property
    def missing_properties(self) -> tuple[str, ...]:
        """Names of properties that the portal does not have."""
        pairs = zip(self.properties, self.codes, strict=True)
        return tuple(dict.fromkeys(name for name, code in pairs if code == MISSING_PROPERTY and name))


def parse_fault(status: int, body: Any, headers: Any = None) -> Fault:
    """A Fault from the body of an error: HubSpot's object, OAuth's, or an edge server's text."""
    content = body.encode() if isinstance(body, str) else body
    try:
        entry = json_of(content) if content else {}
    except ValueError:
        entry = None
    wait = retry_after_seconds(_header(headers, "Retry-After"))
    if not isinstance(entry, dict):
        return Fault(status, redact(words_of(content)), is_json=False, retry_after_seconds=wait)
    details = list(_details(entry))
    return Fault(
        status=status,
        message=redact(str(entry.get("message") or entry.get("error_description") or "").strip()),
        category=str(entry.get("category") or entry.get("status") or ""),
        policy=str(entry.get("policyName") or ""),
        scopes=tuple(dict.fromkeys(scope for one in (entry, *details) for scope in _scopes(one))),
        properties=tuple(_first(_context(one).get("propertyName")) or str(one.get("name") or "") for one in details),
        codes=tuple(str(one.get("code") or one.get("error") or "") for one in details),
        is_json=bool(content),
        retry_after_seconds=wait,
    )


def _details(entry: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """`errors[]`, and the list that "Property values were not valid: […]" carries inside its message."""
    listed = entry.get("errors")
    found = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    yield from found
    if found:
        return
    _, bracket, rest = str(entry.get("message") or "").partition(": [")
    if bracket and rest.endswith("]"):
        try:
            inner = json_of("[" + rest)
        except ValueError:
            return
        yield from (one for one in inner if isinstance(one, dict))


def _context(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    context = entry.get("context")
    return context if isinstance(context, dict) else {}


def _scopes(entry: Mapping[str, Any]) -> Iterable[str]:
    for holder in (entry, _context(entry)):
        for key in SCOPE_KEYS:
            value = holder.get(key)
            if isinstance(value, list):
                yield from (str(scope) for scope in value)


def _first(value: Any) -> str:
    if isinstance(value, list):
        return str(value[0]) if value else ""
    return str(value or "")


def _header(headers: Any, name: str) -> str | None:
    if not headers:
        return None
    pairs = headers.items() if hasattr(headers, "items") else headers
    return next((str(value) for key, value in pairs if str(key).lower() == name.lower()), None)


def is_api_exception(error: BaseException | None) -> bool:
    """Whether this is the `ApiException` of one of the client's packages."""
    return error is not None and all(hasattr(error, name) for name in ("status", "reason", "body", "headers"))


def fault_of(error: BaseException | None) -> Fault | None:
    """What HubSpot said, for an error of the client or one that we translated from it; None for failures of the line."""
    while error is not None:
        if is_api_exception(error):
            status = int(getattr(error, "status", 0) or 0)
            return parse_fault(status, getattr(error, "body", None), getattr(error, "headers", None)) if status else None
        error = error.__cause__
    return None


def translate(error: BaseException, *, doing: str, host: str) -> KamsyncError:
    """`error` as the remedy that mends it. `doing` completes "HubSpot refused …"."""
    if isinstance(error, KamsyncError):
        return error
    fault = fault_of(error)
    if fault is not None:
        return _from_fault(fault, doing=doing, host=host)
    if is_api_exception(error):  # status 0: the client's form of a failed TLS handshake
        return _tls_failed(str(getattr(error, "reason", "")), host)
    if isinstance(error, CutAnswer):
        return BadAnswer(
            f"{host} answered {doing} with something that is not JSON.",
            fix="Check `base_url`; a proxy's sign-in page answers like this.",
        )
    if isinstance(error, urllib3.exceptions.HTTPError):
        return _from_line(error, host)
    raise TypeError(f"Not an error of the HubSpot client: {type(error).__name__}") from error


def _from_line(error: urllib3.exceptions.HTTPError, host: str) -> KamsyncError:
    reason = redact(str(error)).rstrip(".")
    if isinstance(error, urllib3.exceptions.SSLError):
        return _tls_failed(reason, host)
    if isinstance(error, urllib3.exceptions.ProxyError):
        return TryLater(f"The proxy in front of {host} did not let us through: {reason}.", fix="Check HTTPS_PROXY.")
    if isinstance(error, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return TryLater(f"No connection to {host}: {reason}.", fix="Check `base_url` and the network.")
    if isinstance(error, urllib3.exceptions.TimeoutError):
        return TryLater(f"{host} did not answer in time.", fix="Try again later; check the network if it lasts.")
    if isinstance(error, urllib3.exceptions.ProtocolError):
        return TryLater(f"The connection to {host} broke: {reason}.", fix="Try again later; check the network if it lasts.")
    if isinstance(error, urllib3.exceptions.LocationValueError):
        return ConfigError(f"“{host}” is no address: {reason}.", fix="Correct `base_url` in [crm.hubspot].")
    return BadAnswer(f"{host} gave an answer that cannot be read: {reason}.", fix="Check `base_url`; a proxy may be in between.")


def _tls_failed(reason: str, host: str) -> ConfigError:
    return ConfigError(
        f"The TLS connection to {host} failed: {redact(reason)}.",
        fix="If a company proxy or a private authority signs here, name its certificate file in `ca_bundle`.",
    )


def _from_fault(fault: Fault, *, doing: str, host: str) -> KamsyncError:
    said = fault.said
    if fault.status == 429:
        return _limited(fault, said)
    if fault.status in PASSING_STATUSES:
        return TryLater(
            f"HubSpot is not available for {doing}: {said}.",
            fix=mend_of_down("https://status.hubspot.com", is_told=fault.is_json and bool(fault.message)),
            retry_after_seconds=fault.retry_after_seconds or (LOCKED_WAIT_SECONDS if fault.status == 423 else None),
        )
    if not fault.is_json:
        return BadAnswer(
            f"{host} answered {doing} with no HubSpot error, but with {said}.",
            fix="Check `base_url`; a proxy may be answering in between.",
        )
    if fault.status == 401:
        return AccessDenied(f"HubSpot does not accept our token: {said}.", fix=_TOKEN_MENDS.get(fault.category, _NEW_TOKEN))
    if fault.status in (402, 403):
        return AccessDenied(f"HubSpot refuses {doing}: {said}.", fix=f"{_permission_mend(fault)}, then run `kamsync doctor`.")
    if fault.missing_properties:
        names = ", ".join(fault.missing_properties)
        return ConfigError(
            f"The portal has no property {names}, which {doing} needs: {said}.",
            fix="Run `kamsync setup` (it creates the kam_ properties), or correct the mapping file.",
        )
    if fault.status in (400, 404, 409):
        return RecordRejected(f"HubSpot refuses {doing}: {said}.", fix="Run `kamsync doctor`; the message is HubSpot's own.")
    return BadAnswer(
        f"HubSpot refused {doing}: {said} (HTTP {fault.status}).", fix="Run `kamsync doctor`; report this if it stays."
    )


_NEW_TOKEN = (
    "It was mistyped or replaced, or its app was switched off or deleted: copy the token of an active app into `access_token` "
    "(Settings → Integrations → the app → Auth), then run `kamsync doctor`."
)
_TOKEN_MENDS = {
    "EXPIRED_AUTHENTICATION": (
        "Only OAuth access tokens expire, after 30 minutes: set client_id, client_secret and refresh_token instead, or give "
        "`access_token` a private app's token, which does not expire."
    ),
}


def _permission_mend(fault: Fault) -> str:
    """A scope, the rights of the person behind the app, or what the portal has not got."""
    words = f"{fault.category} {fault.message}".lower()
    if fault.scopes:
        return f"Grant the app the scope {' or '.join(fault.scopes)}"
    if "scope" in words:
        return "Grant the app the scope it lacks (Settings → Integrations → the app → Scopes)"
    if "access to this feature" in words or "public use" in words or fault.status == 402:
        return "The portal's plan, or the portal itself, does not have this: leave out what needs it, or ask HubSpot's support"
    if "permission" in words:
        return "Whoever made the app has lost the rights for it: let a super admin make the app anew and give its token here"
    return "See that the app is active in this portal (Settings → Integrations → the app) and may do this"


def _limited(fault: Fault, said: str) -> TryLater:
    if fault.is_daily_limit:
        return TryLater(
            f"The HubSpot portal has used up its API calls of today: {said}.",
            fix="Run again after midnight in the portal's time zone, or raise the limit (API add-on).",
            retry_after_seconds=fault.retry_after_seconds,
        )
    # Retry-After is documented for 477 only; a 429 goes by its policy ("API usage guidelines").
    wait = POLICY_WAIT_SECONDS.get(fault.policy) or fault.retry_after_seconds or POLICY_WAIT_SECONDS["TEN_SECONDLY_ROLLING"]
    return TryLater(
        f"HubSpot asks us to slow down: {said}.",
        fix="Run again in a minute; another app may use the API too.",
        retry_after_seconds=wait,
    )


def passes(error: BaseException) -> bool:
    """Whether the failure (ours, with its vendor cause) may be gone a moment later."""
    cause = error.__cause__ or error
    if isinstance(cause, CutAnswer):
        return True
    fault = fault_of(error)
    if fault is not None:
        return fault.status in PASSING_STATUSES and not fault.is_daily_limit
    return isinstance(cause, urllib3.exceptions.ProtocolError | urllib3.exceptions.TimeoutError | urllib3.exceptions.ProxyError)


def surely_not_applied(error: BaseException) -> bool:
    """Whether HubSpot cannot have written anything before it failed, so that a create may be sent again."""
    cause = error.__cause__ or error
    if isinstance(cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ConnectTimeoutError):
        return True
    fault = fault_of(error)
    # A 4xx is a refusal; 5xx may come after the commit.
    return fault is not None and (fault.status in NOT_APPLIED_STATUSES or 400 <= fault.status < 500)


def is_unanswered(error: BaseException) -> bool:
    """Whether a write's fate is unknown: the line broke or HubSpot failed after the request may have arrived."""
    return passes(error) and not surely_not_applied(error)


def is_refused(error: BaseException) -> bool:
    """Whether HubSpot itself says that this is not there or not for us: a scope, the plan, a missing feature.

    Not so where nobody gets anything: a token that is not accepted, a limit, a portal that is being moved.
    """
    fault = fault_of(error)
    return fault is not None and fault.is_json and 400 <= fault.status < 500 and fault.status not in _FOR_EVERYBODY

"""Sign in to Salesforce by any of its flows that need no browser, and say where the org lives.

simple-salesforce can do these flows too, but only against https://<domain>.salesforce.com; here `login_url` may be any host.
Flows: Salesforce Help, "OAuth Authorization Flows"; SOAP `login()`, retired for API versions above 64.0. Nothing here retries a
refusal.
"""

from __future__ import annotations

import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import requests

from kamsync.contract import Secret
from kamsync.errors import BadAnswer, ConfigError
from kamsync.http import check_address, is_loopback, redact
from kamsync.pem import rsa_private_key
from kamsync_salesforce.api.errors import login_refused
from kamsync_salesforce.api.vendor import exceptions

SOAP_LOGIN_VERSION = "64.0"  # the last one that has login(): SOAP API Developer Guide, "login()"
JWT_LIFE_SECONDS = 180  # at most 5 minutes are accepted; the rest is room for a clock that runs ahead
CLOCK_TOLERANCE_SECONDS = 60  # a JWT is valid for minutes; cursors do not use our clock
_FOR_PEOPLE = ".lightning.force.com"  # Salesforce Help, "My Domain URL Formats"


@dataclass(frozen=True, slots=True)
class Credentials:
    """The settings of [crm.salesforce] that concern the sign-in, checked."""

    auth: str
    login_url: str
    instance_url: str = ""
    client_id: str = ""
    client_secret: str = ""
    username: str = ""
    password: str = ""
    security_token: str = ""
    private_key: str = ""
    jwt_audience: str = ""
    access_token: str = ""

    def __repr__(self) -> str:
        return f"Credentials(auth={self.auth!r}, login_url={self.login_url!r})"


@dataclass(frozen=True, slots=True)
class Token:
    """An open session. `org_id` and `user_id` are "" where the flow does not tell them."""

    access_token: str
    instance_url: str
    org_id: str = ""
    user_id: str = ""

    def __repr__(self) -> str:
        return f"Token(instance_url={self.instance_url!r}, org_id={self.org_id!r})"


_NEEDED = {
    "client_credentials": ("login_url", "client_id", "client_secret"),
    "jwt_bearer": ("login_url", "client_id", "username", "private_key"),
    "password": ("login_url", "username", "password"),
    "access_token": ("instance_url", "access_token"),
}


def read_credentials(settings: Mapping[str, Any]) -> Credentials:
    """The credentials in `settings`, or ConfigError naming what is missing for the chosen flow."""

    def text(name: str) -> str:
        value = settings.get(name)
        if isinstance(value, Secret):
            redact.add(value.reveal())
            return value.reveal()
        return str(value or "").strip()

    auth = text("auth") or "client_credentials"
    if auth not in _NEEDED:
        raise ConfigError(f"crm.salesforce.auth: “{auth}” is no way to sign in.", fix=f"Choose one of {', '.join(_NEEDED)}.")
    missing = [name for name in _NEEDED[auth] if not text(name)]
    if missing:
        raise ConfigError(
            f"crm.salesforce: auth = “{auth}” needs {', '.join(missing)}.",
            fix="Add it to [crm.salesforce]; `config.example.toml` explains every key.",
        )
    addresses = {name: _host_address(text(name), name) if text(name) else "" for name in ("login_url", "instance_url")}
    host = urlsplit(addresses["login_url"]).hostname or ""
    if auth == "client_credentials" and host in ("login.salesforce.com", "test.salesforce.com"):
        raise ConfigError(
            f"crm.salesforce.login_url: {host} does not offer the client credentials flow.",
            fix="Set `login_url` to the org's My Domain (https://….my.salesforce.com).",
        )
    names = (
        "client_id",
        "client_secret",
        "username",
        "password",
        "security_token",
        "private_key",
        "jwt_audience",
        "access_token",
    )
    found = {name: text(name) for name in names}
    if auth == "jwt_bearer":
        found["private_key"] = rsa_private_key(found["private_key"], "crm.salesforce.private_key")
    return Credentials(auth=auth, **addresses, **found)


def _host_address(url: str, name: str) -> str:
    """A checked address; the host where people work is told apart from the one where programs sign in."""
    address = check_address(url, f"crm.salesforce.{name}")
    host = urlsplit(address).hostname or ""
    if host.endswith(_FOR_PEOPLE):
        raise ConfigError(
            f"crm.salesforce.{name}: {host} is where people work, not where programs sign in.",
            fix=f'Write `{name} = "https://{host.removesuffix(_FOR_PEOPLE)}.my.salesforce.com"`.',
        )
    return address


def sign_in(credentials: Credentials, session: requests.Session) -> Token:
    """One sign-in. Raises AccessDenied or BadAnswer; a failing line and 5xx are raised as the libraries do."""
    token = _sign_in(credentials, session)
    redact.add(token.access_token)
    return token


def _sign_in(credentials: Credentials, session: requests.Session) -> Token:
    if credentials.auth == "access_token":
        return Token(credentials.access_token, credentials.instance_url)
    if credentials.auth == "jwt_bearer":
        return _jwt_bearer(credentials, session)
    if credentials.auth == "password" and not credentials.client_id:
        return _soap_login(credentials, session)
    form = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
    if credentials.auth == "password":
        form |= {
            "grant_type": "password",
            "username": credentials.username,
            "password": credentials.password + credentials.security_token,
        }
    else:
        form |= {"grant_type": "client_credentials"}
    return _token_of(_post_form(credentials, session, form), credentials)


def _jwt_bearer(credentials: Credentials, session: requests.Session) -> Token:
    """Tries the audiences that the org may accept; after a refusal corrects a wrong local clock by the server's, once."""
    clock_offset = 0.0
    for audience in _audiences(credentials):
        for _ in range(2):
            answer = _post_form(credentials, session, _jwt_form(credentials, audience, clock_offset))
            skew = _server_ahead_seconds(answer) - clock_offset
            if answer.status_code == 200 or abs(skew) <= CLOCK_TOLERANCE_SECONDS:
                break
            clock_offset += skew
        if answer.status_code == 200 or "audience" not in answer.text.lower():
            break
    return _token_of(answer, credentials)


def _audiences(credentials: Credentials) -> tuple[str, ...]:
    """Salesforce Help, "OAuth 2.0 JWT Bearer Flow": the login host, whatever My Domain the request goes to."""
    if credentials.jwt_audience:
        return (credentials.jwt_audience,)
    host = urlsplit(credentials.login_url).hostname or ""
    usual = ["https://login.salesforce.com", "https://test.salesforce.com"]
    if ".sandbox." in host or host == "test.salesforce.com" or "--" in host:
        usual.reverse()
    if host.endswith(".salesforce.com"):
        return tuple(dict.fromkeys([*usual, credentials.login_url]))
    return tuple(dict.fromkeys([credentials.login_url, *usual]))


def _jwt_form(credentials: Credentials, audience: str, clock_offset: float) -> dict[str, str]:
    import jwt  # and with it cryptography, which the other ways to sign in do without

    claims = {
        "iss": credentials.client_id,
        "sub": credentials.username,
        "aud": audience,
        "exp": int(time.time() + clock_offset) + JWT_LIFE_SECONDS,
    }
    try:
        assertion = jwt.encode(claims, credentials.private_key, algorithm="RS256")
    except (ValueError, TypeError, jwt.InvalidKeyError) as error:
        raise ConfigError(
            "crm.salesforce.private_key is not an RSA private key in PEM form.",
            fix="Give the file that begins with -----BEGIN PRIVATE KEY-----, as { file = “…” }.",
        ) from error
    return {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}


def _server_ahead_seconds(answer: requests.Response) -> float:
    try:
        return parsedate_to_datetime(answer.headers.get("Date", "")).timestamp() - time.time()
    except ValueError:
        return 0.0


def _post_form(credentials: Credentials, session: requests.Session, form: Mapping[str, str]) -> requests.Response:
    url = f"{credentials.login_url}/services/oauth2/token"
    answer = session.post(url, data=dict(form), headers={"Accept": "application/json"})
    _raise_if_unavailable(answer, url)
    return answer


def _raise_if_unavailable(answer: requests.Response, url: str) -> None:
    if answer.status_code >= 500 or answer.status_code == 429:
        raise exceptions.SalesforceGeneralError(url, answer.status_code, "the sign-in", answer.content)


def _token_of(answer: requests.Response, credentials: Credentials) -> Token:
    host = urlsplit(credentials.login_url).hostname
    try:
        body = answer.json()
    except requests.exceptions.JSONDecodeError as error:
        raise BadAnswer(
            f"{host} answered the sign-in with HTTP {answer.status_code} and no JSON.",
            fix="Check `login_url`: it must be the org's own address; a proxy's sign-in page answers like this.",
        ) from error
    if answer.status_code != 200 or not isinstance(body, dict) or "access_token" not in body:
        details = body if isinstance(body, dict) else {}
        raise login_refused(str(details.get("error", "")), str(details.get("error_description") or ""))
    parts = urlsplit(str(body.get("id") or "")).path.rstrip("/").split("/")
    org_id, user_id = (parts[-2], parts[-1]) if len(parts) >= 2 else ("", "")
    return Token(
        str(body["access_token"]),
        _instance_of(str(body.get("instance_url") or ""), credentials),
        org_id if org_id.startswith("00D") else "",
        user_id if user_id.startswith("005") else "",
    )


def _instance_of(told: str, credentials: Credentials) -> str:
    """The configured instance, else the one in the token answer, if it may be trusted with the session."""
    if credentials.instance_url:
        return credentials.instance_url
    instance = check_address(told, "instance_url (in Salesforce's answer)")
    host = (urlsplit(instance).hostname or "").lower()
    login_host = (urlsplit(credentials.login_url).hostname or "").lower()
    if host == login_host or is_salesforce_host(host) or (is_loopback(host) and is_loopback(login_host)):
        return instance
    raise BadAnswer(
        f"The sign-in at {login_host} sends us to {host}, which is not a Salesforce host.",
        fix="If that is right, set `instance_url` in [crm.salesforce]; otherwise check `login_url`.",
    )


def is_salesforce_host(host: str) -> bool:
    """Whether the host belongs to Salesforce: Salesforce Help, "My Domain URL Formats"."""
    return host.endswith((".salesforce.com", ".force.com", ".salesforce.mil", ".sfcrmproducts.cn"))


def _soap_login(credentials: Credentials, session: requests.Session) -> Token:
    url = f"{credentials.login_url}/services/Soap/u/{SOAP_LOGIN_VERSION}"
    envelope = (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns:urn="urn:partner.soap.sforce.com"><env:Body>'
        f"<urn:login><urn:username>{escape(credentials.username)}</urn:username>"
        f"<urn:password>{escape(credentials.password + credentials.security_token)}</urn:password></urn:login>"
        "</env:Body></env:Envelope>"
    )
    headers = {"Content-Type": "text/xml; charset=UTF-8", "SOAPAction": "login"}
    answer = session.post(url, data=envelope.encode(), headers=headers)
    if b"faultcode" not in answer.content:  # SOAP faults are HTTP 500 by design
        _raise_if_unavailable(answer, url)
    found = _soap_values(answer, credentials)
    if "sessionId" not in found:
        raise login_refused(
            found.get("exceptionCode", found.get("faultcode", "")), found.get("exceptionMessage", found.get("faultstring"))
        )
    parts = urlsplit(found.get("serverUrl", ""))
    instance = _instance_of(f"{parts.scheme}://{parts.netloc}", credentials)
    return Token(found["sessionId"], instance, found.get("organizationId", ""), found.get("userId", ""))


def _soap_values(answer: requests.Response, credentials: Credentials) -> dict[str, str]:
    """Every leaf of the answer by its local name; the first of a name wins."""
    try:
        root = ET.fromstring(answer.content)
    except ET.ParseError as error:
        raise BadAnswer(
            f"{urlsplit(credentials.login_url).hostname} answered the sign-in with HTTP {answer.status_code} and no XML.",
            fix="Check `login_url`; a proxy's sign-in page answers like this.",
        ) from error
    found: dict[str, str] = {}
    for element in root.iter():
        if element.text and not len(element):
            found.setdefault(element.tag.rpartition("}")[2], element.text)
    return found

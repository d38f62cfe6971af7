"""The OAuth token endpoint and SOAP login(): who gets a session, and in whose words the others are refused."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape, unescape

import jwt

from .org import CLIENT_ID, CLIENT_SECRET, PASSWORD, SECURITY_TOKEN, USERNAME, Org

OLDEST_VERSION, LAST_SOAP_LOGIN = 31, 64
LATEST_VERSION = 67


def token_answer(org: Org, body: bytes, headers: Mapping[str, str], base: str) -> tuple[int, dict[str, Any]]:
    """Status and JSON of POST /services/oauth2/token."""
    form = {name: values[0] for name, values in parse_qs(body.decode("latin-1")).items()}
    _basic(form, headers.get("authorization", ""))
    refusal = _refusal(org, form, base)
    if refusal is not None:
        return 400, {"error": refusal[0], "error_description": refusal[1]}
    answer = {
        "access_token": org.open_session(),
        "instance_url": base,
        "id": f"{base}/id/{org.org_id}/{org.agent_id}",
        "token_type": "Bearer",
        "issued_at": str(int(org.now().timestamp() * 1000)),
        "signature": base64.b64encode(b"sandbox-signature-of-no-meaning").decode(),
    }
    return 200, answer


def _basic(form: dict[str, str], header: str) -> None:
    if header.lower().startswith("basic "):
        try:
            client, _, secret = base64.b64decode(header[6:]).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return
        form.setdefault("client_id", unquote(client))
        form.setdefault("client_secret", unquote(secret))


def _refusal(org: Org, form: Mapping[str, str], base: str) -> tuple[str, str] | None:
    grant = form.get("grant_type", "")
    if grant == "urn:ietf:params:oauth:grant-type:jwt-bearer":
        return _jwt_refusal(org, form.get("assertion", ""), base)
    if grant not in ("client_credentials", "password"):
        return "unsupported_grant_type", "grant type not supported"
    if form.get("client_id") != CLIENT_ID:
        return "invalid_client_id", "client identifier invalid"
    if form.get("client_secret") != CLIENT_SECRET:
        return "invalid_client", "invalid client credentials"
    if grant == "password" and not _knows(form.get("username", ""), form.get("password", "")):
        return "invalid_grant", "authentication failure"
    return None


def _knows(username: str, password: str) -> bool:
    return username == USERNAME and password in (PASSWORD, PASSWORD + SECURITY_TOKEN)


def _jwt_refusal(org: Org, assertion: str, base: str) -> tuple[str, str] | None:
    audiences = ["https://login.salesforce.com", "https://test.salesforce.com", base]
    try:
        claims = jwt.decode(assertion, org.options.jwt_public_key, algorithms=["RS256"], audience=audiences,
                            options={"require": ["exp", "iss", "sub", "aud"]})  # fmt: skip
    except jwt.InvalidAudienceError:
        return "invalid_grant", "audience is invalid"
    except jwt.ExpiredSignatureError:
        return "invalid_grant", "expired authorization code"
    except (jwt.InvalidTokenError, ValueError):
        return "invalid_grant", "invalid assertion"
    if claims["exp"] - org.now().timestamp() > 300:
        return "invalid_grant", "expiry is too far in the future"
    if claims["iss"] != CLIENT_ID:
        return "invalid_client_id", "client identifier invalid"
    return None if claims["sub"] == USERNAME else ("invalid_grant", "user hasn't approved this consumer")


def soap_login(org: Org, envelope: str, version: str, base: str) -> tuple[int, str]:
    """Status and XML of login() on the partner or enterprise endpoint."""
    number = int(float(version))
    if number < OLDEST_VERSION:
        return 500, _fault("UNSUPPORTED_API_VERSION", f"UNSUPPORTED_API_VERSION: API version {version} is retired")
    if number > LAST_SOAP_LOGIN:
        return 500, _fault("INVALID_OPERATION", "INVALID_OPERATION: login() is not available in this API version")
    if not org.options.soap_login:
        words = "INVALID_OPERATION: SOAP API login() is disabled by default in this org."
        return 500, _fault("INVALID_OPERATION", f"{words} Contact the org administrator to enable SOAP API login().")
    if not _knows(_element(envelope, "username"), _element(envelope, "password")):
        words = "INVALID_LOGIN: Invalid username, password, security token; or user locked out."
        return 500, _fault("INVALID_LOGIN", words)
    session = org.open_session()
    url = f"{base}/services/Soap/u/{version}/{org.org_id[:15]}"
    info = (
        f"<userInfo><organizationId>{org.org_id}</organizationId><organizationName>Sample</organizationName>"
        f"<userId>{org.agent_id}</userId><userName>{USERNAME}</userName><userEmail>{USERNAME}</userEmail>"
        "<userFullName>kamsync agent</userFullName><userLanguage>en_US</userLanguage><userLocale>en_US</userLocale>"
        "<userTimeZone>Europe/Berlin</userTimeZone><sessionSecondsValid>7200</sessionSecondsValid></userInfo>"
    )
    return 200, (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns="urn:partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><loginResponse>'
        f"<result><metadataServerUrl>{base}/services/Soap/m/{version}/{org.org_id[:15]}</metadataServerUrl>"
        f"<passwordExpired>false</passwordExpired><sandbox>true</sandbox><serverUrl>{url}</serverUrl>"
        f"<sessionId>{escape(session)}</sessionId><userId>{org.agent_id}</userId>{info}</result>"
        "</loginResponse></soapenv:Body></soapenv:Envelope>"
    )


def _element(envelope: str, name: str) -> str:
    match = re.search(rf"<(?:\w+:)?{name}[^>]*>(.*?)</(?:\w+:)?{name}>", envelope, re.S)
    return unescape(match[1], {"&quot;": '"', "&apos;": "'"}) if match else ""


def _fault(code: str, words: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:sf="urn:fault.partner.soap.sforce.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body>'
        f"<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{escape(words)}</faultstring><detail>"
        f'<sf:LoginFault xsi:type="sf:LoginFault"><sf:exceptionCode>{code}</sf:exceptionCode>'
        f"<sf:exceptionMessage>{escape(words)}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
        "</soapenv:Body></soapenv:Envelope>"
    )

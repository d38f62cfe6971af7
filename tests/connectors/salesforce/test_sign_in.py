"""Signing in, by every flow, against scripted answers in the shapes that Salesforce documents."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
import requests
import responses
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from kamsync.contract import Secret
from kamsync.errors import AccessDenied, BadAnswer, ConfigError
from kamsync.http import redact
from kamsync_salesforce.api.auth import Token, read_credentials, sign_in

DOMAIN = "https://acme.my.salesforce.com"
TOKEN_URL = f"{DOMAIN}/services/oauth2/token"
ANSWER = {
    "access_token": "00Dxx!AQEAtokentoken",
    "instance_url": DOMAIN,
    "id": "https://login.salesforce.com/id/00Dxx0000001gPLEAY/005xx000001SwiUAAS",
    "token_type": "Bearer",
    "issued_at": "1700000000000",
}


@pytest.fixture
def answers() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def settings(auth: str, **more: Any) -> dict[str, Any]:
    secrets = {"client_secret", "password", "security_token", "private_key", "access_token"}
    given = {"auth": auth, "login_url": DOMAIN, "client_id": "the-app", **more}
    return {name: Secret(value) if name in secrets else value for name, value in given.items()}


def signed_in(given: Mapping[str, Any]) -> Token:
    return sign_in(read_credentials(given), requests.Session())


def form_of(call: responses.Call) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(str(call.request.body)).items()}


def test_client_credentials_ask_the_my_domain_and_learn_org_and_user(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json=ANSWER)

    token = signed_in(settings("client_credentials", client_secret="s3cret-s3cret"))

    assert (token.instance_url, token.org_id, token.user_id) == (DOMAIN, "00Dxx0000001gPLEAY", "005xx000001SwiUAAS")
    assert form_of(answers.calls[0])["grant_type"] == "client_credentials"


def test_a_session_and_its_secrets_never_show(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json=ANSWER)
    given = settings("client_credentials", client_secret="canary-in-the-mine")

    token = signed_in(given)
    credentials = read_credentials(given)

    assert "tokentoken" not in repr(token) and "canary" not in repr(credentials)
    assert redact(f"Bearer {token.access_token} canary-in-the-mine") == "Bearer [redacted] [redacted]"


def test_the_password_flow_appends_the_security_token(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json=ANSWER)

    signed_in(
        settings(
            "password", client_secret="s3cret-s3cret", username="kam@acme.example", password="pass+word", security_token="TOK"
        )
    )

    assert form_of(answers.calls[0])["password"] == "pass+wordTOK"


def test_a_jwt_names_the_login_host_as_its_audience_whatever_the_domain(
    answers: responses.RequestsMock, private_key: str
) -> None:
    answers.post(TOKEN_URL, json=ANSWER)

    signed_in(settings("jwt_bearer", username="kam@acme.example", private_key=private_key))

    claims = jwt.decode(form_of(answers.calls[0])["assertion"], options={"verify_signature": False})
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("the-app", "kam@acme.example", "https://login.salesforce.com")


def test_a_refused_audience_is_followed_by_the_next_one(answers: responses.RequestsMock, private_key: str) -> None:
    refusal = {"error": "invalid_grant", "error_description": "audience is invalid"}
    answers.post(TOKEN_URL, json=refusal, status=400)
    answers.post(TOKEN_URL, json=ANSWER)

    signed_in(settings("jwt_bearer", username="kam@acme.example", private_key=private_key))

    claims = jwt.decode(form_of(answers.calls[1])["assertion"], options={"verify_signature": False})
    assert claims["aud"] == "https://test.salesforce.com"


def test_a_jwt_that_a_wrong_local_clock_spoiled_is_sent_again_by_the_servers_clock(
    answers: responses.RequestsMock, private_key: str
) -> None:
    late = {"Date": "Wed, 01 Jan 2070 00:00:00 GMT"}
    answers.post(
        TOKEN_URL, json={"error": "invalid_grant", "error_description": "assertion is not valid"}, status=400, headers=late
    )
    answers.post(TOKEN_URL, json=ANSWER, headers=late)

    signed_in(settings("jwt_bearer", username="kam@acme.example", private_key=private_key))

    claims = jwt.decode(form_of(answers.calls[1])["assertion"], options={"verify_signature": False})
    assert claims["exp"] > 3_155_000_000  # in 2070


def test_without_an_app_the_password_signs_in_by_soap(answers: responses.RequestsMock) -> None:
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com"><env:Body>'
        "<loginResponse><result><serverUrl>https://acme.my.salesforce.com/services/Soap/u/64.0/00Dxx</serverUrl>"
        "<sessionId>00Dxx!session</sessionId><userId>005xx000001SwiUAAS</userId><userInfo>"
        "<organizationId>00Dxx0000001gPLEAY</organizationId></userInfo></result></loginResponse></env:Body></env:Envelope>"
    )
    answers.post(f"{DOMAIN}/services/Soap/u/64.0", body=body, content_type="text/xml")

    token = signed_in(settings("password", client_id="", username="kam@acme.example", password="a<b&c"))

    assert (token.access_token, token.instance_url, token.org_id) == ("00Dxx!session", DOMAIN, "00Dxx0000001gPLEAY")
    assert "a&lt;b&amp;c" in (answers.calls[0].request.body or b"").decode()  # type: ignore[union-attr]  # bytes here


def test_a_soap_fault_is_a_refused_sign_in_although_it_is_an_http_500(answers: responses.RequestsMock) -> None:
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/"><env:Body><env:Fault>'
        "<faultcode>INVALID_LOGIN</faultcode><faultstring>INVALID_LOGIN: Invalid username, password, security token; or user "
        "locked out.</faultstring></env:Fault></env:Body></env:Envelope>"
    )
    answers.post(f"{DOMAIN}/services/Soap/u/64.0", body=body, status=500, content_type="text/xml")

    with pytest.raises(AccessDenied, match="INVALID_LOGIN"):
        signed_in(settings("password", client_id="", username="kam@acme.example", password="wrong"))


def test_a_wrong_secret_is_refused_in_salesforces_words_and_says_what_to_correct(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json={"error": "invalid_client", "error_description": "invalid client credentials"}, status=400)

    with pytest.raises(AccessDenied, match="invalid client credentials") as caught:
        signed_in(settings("client_credentials", client_secret="wrong-wrong"))
    assert "client_secret" in caught.value.fix


def test_a_proxys_sign_in_page_is_not_taken_for_salesforce(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, body="<html>Welcome to the corporate proxy</html>", content_type="text/html")

    with pytest.raises(BadAnswer, match="no JSON") as caught:
        signed_in(settings("client_credentials", client_secret="s3cret-s3cret"))
    assert "login_url" in caught.value.fix


def test_a_token_answer_that_points_to_a_strangers_host_is_not_followed(answers: responses.RequestsMock) -> None:
    answers.post(TOKEN_URL, json={**ANSWER, "instance_url": "https://evil.example"})

    with pytest.raises(BadAnswer, match=r"evil\.example"):
        signed_in(settings("client_credentials", client_secret="s3cret-s3cret"))


def test_client_credentials_at_the_common_login_host_are_refused_before_anything_is_sent() -> None:
    with pytest.raises(ConfigError, match="client credentials") as caught:
        read_credentials(settings("client_credentials", login_url="https://login.salesforce.com", client_secret="s3cret-s3cret"))
    assert "My Domain" in caught.value.fix


def test_plain_http_is_for_this_machine_only() -> None:
    with pytest.raises(ConfigError, match="clear text"):
        read_credentials(settings("client_credentials", login_url="http://acme.my.salesforce.com", client_secret="s3cret-s3cret"))

    assert read_credentials(settings("client_credentials", login_url="http://127.0.0.1:8000/", client_secret="s3cret")).login_url


@pytest.mark.parametrize(
    ("auth", "missing"),
    [
        ("client_credentials", "client_secret"),
        ("jwt_bearer", "username, private_key"),
        ("password", "username, password"),
        ("access_token", "instance_url, access_token"),
    ],
)
def test_what_a_flow_lacks_is_named(auth: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=missing):
        read_credentials(settings(auth))


def test_a_private_key_that_is_none_is_a_mistake_in_the_configuration() -> None:
    with pytest.raises(ConfigError, match="private_key"):
        signed_in(settings("jwt_bearer", username="kam@acme.example", private_key="-----BEGIN NOTHING-----"))


def test_the_address_where_people_work_is_told_from_the_one_where_programs_sign_in() -> None:
    with pytest.raises(ConfigError, match="where people work") as caught:
        read_credentials(
            settings("client_credentials", login_url="https://acme.lightning.force.com", client_secret="s3cret-s3cret")
        )
    assert "https://acme.my.salesforce.com" in caught.value.fix


def test_a_connection_is_opened_without_what_only_unused_parts_of_the_package_need_and_they_come_when_asked_for() -> None:
    program = """
import sys
import kamsync_salesforce.connection
print(*sorted({"zeep", "lxml", "cryptography", "jwt"} & sys.modules.keys()))
import jwt
import simple_salesforce.login
from simple_salesforce.metadata import SfdcMetadataApi
print(simple_salesforce.login.jwt.encode({}, "k" * 32, algorithm="HS256") == jwt.encode({}, "k" * 32), SfdcMetadataApi.__module__)
"""
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.splitlines()

    assert said == ["", "True simple_salesforce.metadata"]

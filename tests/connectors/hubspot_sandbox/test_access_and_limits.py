"""Tokens, scopes and the three limits, with the bodies that a client must tell apart."""

from __future__ import annotations

from typing import Any

import pytest
import requests

COMPANIES = "/crm/v3/objects/companies"
REFRESH = {
    "grant_type": "refresh_token",
    "client_id": "sandbox-client-id",
    "client_secret": "sandbox-client-secret",
    "refresh_token": "sandbox-refresh-token",
}


def test_an_unknown_token_is_refused(portal: Any) -> None:
    answer = portal.call("GET", COMPANIES, token="pat-unknown")

    assert answer.status_code == 401 and answer.json()["category"] == "INVALID_AUTHENTICATION"
    assert answer.headers["x-hubspot-correlation-id"] == answer.json()["correlationId"]


def test_a_refreshed_token_works_until_it_expires(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(clock=lambda: now[0], token_lifetime_seconds=1800)
    granted = requests.post(portal.url + "/oauth/v1/token", data=REFRESH, timeout=10).json()

    assert granted["expires_in"] == 1800 and granted["refresh_token"] == REFRESH["refresh_token"]
    assert portal.call("GET", COMPANIES, token=granted["access_token"]).status_code == 200
    now[0] += 1801
    expired = portal.call("GET", COMPANIES, token=granted["access_token"])
    assert expired.status_code == 401 and expired.json()["category"] == "EXPIRED_AUTHENTICATION"
    assert expired.json()["context"]["expire time"]


@pytest.mark.parametrize(("field", "status"), [("refresh_token", "BAD_REFRESH_TOKEN"), ("client_secret", "BAD_CLIENT_SECRET")])
def test_a_bad_refresh_is_refused_by_name(portal: Any, field: str, status: str) -> None:
    answer = requests.post(portal.url + "/oauth/v1/token", data={**REFRESH, field: "wrong"}, timeout=10)

    assert answer.status_code == 400 and answer.json()["status"] == status


@pytest.mark.parametrize(
    ("method", "path", "wanted"),
    [
        ("GET", COMPANIES, "crm.objects.companies.read"),
        ("PATCH", f"{COMPANIES}/1000000001", "crm.objects.companies.write"),
        ("GET", "/crm/v3/objects/tasks", "crm.objects.contacts.read"),
        ("POST", "/crm/v3/properties/companies", "crm.schemas.companies.write"),
        ("GET", "/crm/v3/owners", "crm.objects.owners.read"),
        ("POST", "/crm/v3/lists", "crm.lists.write"),
        ("POST", "/crm/v3/exports/export/async", "crm.export"),
        ("POST", "/crm/v4/associations/deals/companies/batch/read", "crm.objects.deals.read"),
    ],
)
def test_a_missing_scope_is_named(a_portal: Any, method: str, path: str, wanted: str) -> None:
    answer = a_portal(scopes=[]).call(method, path, {})

    assert answer.status_code == 403 and answer.json()["category"] == "MISSING_SCOPES"
    assert wanted in answer.json()["errors"][0]["context"]["requiredGranularScopes"]


def test_a_token_tells_its_scopes(a_portal: Any) -> None:
    portal = a_portal(scopes=["crm.export"])

    assert portal.post("/oauth/v2/private-apps/get/access-token-info", {"tokenKey": portal.token})["scopes"] == ["crm.export"]


@pytest.mark.parametrize(("tier", "burst"), [("starter", 100), ("professional", 190), ("increased", 250)])
def test_the_burst_is_counted_over_ten_rolling_seconds(a_portal: Any, tier: str, burst: int) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(limits=True, tier=tier, clock=lambda: now[0])
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {portal.token}"
        answers = [session.get(portal.url + "/crm/v3/owners", timeout=10) for _ in range(burst + 1)]

    assert [answer.status_code for answer in answers] == [200] * burst + [429]
    headers = answers[0].headers
    assert (headers["X-HubSpot-RateLimit-Max"], headers["X-HubSpot-RateLimit-Remaining"]) == (str(burst), str(burst - 1))
    assert headers["X-HubSpot-RateLimit-Interval-Milliseconds"] == "10000"
    body = answers[-1].json()
    assert (body["policyName"], body["errorType"]) == ("TEN_SECONDLY_ROLLING", "RATE_LIMIT")
    assert "category" not in body and "Retry-After" not in answers[-1].headers
    now[0] += 10.001
    assert portal.call("GET", "/crm/v3/owners").status_code == 200


def test_search_has_a_limit_of_its_own_and_no_headers(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(limits=True, clock=lambda: now[0])

    answers = [portal.call("POST", f"{COMPANIES}/search", {}) for _ in range(6)]

    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].json()["policyName"] == "SECONDLY"
    assert not [name for name in answers[0].headers if "ratelimit" in name.lower()]
    now[0] += 1.001
    assert portal.call("POST", f"{COMPANIES}/search", {}).status_code == 200


def test_the_daily_limit_ends_at_midnight_of_the_portal(a_portal: Any) -> None:
    now = [1_800_000_000.0]
    portal = a_portal(daily=2, clock=lambda: now[0])
    portal.call("GET", COMPANIES)
    usage = portal.get("/account-info/v3/api-usage/daily/private-apps")["results"][0]

    assert (usage["usageLimit"], usage["currentUsage"]) == (2, 2) and usage["resetsAt"].endswith("T03:00:00Z")
    assert portal.get(COMPANIES)["policyName"] == "DAILY"
    now[0] += 86_400
    assert portal.call("GET", COMPANIES).status_code == 200
    assert portal.sandbox.calls() == 3


def test_a_url_that_is_too_long_is_refused(portal: Any) -> None:
    assert portal.call("GET", COMPANIES, params={"properties": "x," * 9_000}).status_code == 414


def test_a_wrong_method_path_or_media_type_is_an_error_in_the_common_shape(portal: Any) -> None:
    assert portal.call("PUT", COMPANIES).status_code == 405
    assert portal.call("GET", "/crm/v3/nothing").json()["correlationId"]
    headers = {"Authorization": f"Bearer {portal.token}", "Content-Type": "text/plain"}
    assert requests.post(portal.url + COMPANIES, data="x", headers=headers, timeout=10).status_code == 415
    assert portal.call("POST", COMPANIES, data="{").status_code == 400

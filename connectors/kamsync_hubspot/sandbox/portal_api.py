"""Owners, pipelines, account information, API usage, currencies and token inspection.

Shapes from HubSpot's OpenAPI documents; `userIdIncludingInactive` for archived owners from the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .catalog import LONG_AGO_MS
from .portal import ExchangeRate, Portal, PortalOwner
from .routes import Route
from .wire import PUBLIC_HOST, Answer, Request, bad_request, iso, not_found


def list_owners(portal: Portal, request: Request) -> Answer:
    """`{results, paging?}` in the order of ids, up to 500 a page: active ones, or with `archived=true` only the others."""
    limit = request.whole("limit", 100)
    if not 1 <= limit <= 500:
        raise bad_request(f"Invalid limit: {limit}. Must be between 1 and 500.")
    archived, email, after = request.flag("archived"), request.first("email"), request.first("after")
    owners = [owner for owner in portal.owners.values() if owner.is_active is not archived]
    owners = [owner for owner in owners if (not email or owner.email == email) and (not after or owner.id > after)]
    owners.sort(key=lambda owner: owner.id)
    payload: dict[str, Any] = {"results": [owner_shown(owner) for owner in owners[:limit]]}
    if len(owners) > limit:
        last = owners[limit - 1].id
        payload["paging"] = {"next": {"after": last, "link": f"{PUBLIC_HOST}{request.path}?after={last}"}}
    return Answer(200, payload)


def owner_shown(owner: PortalOwner) -> dict[str, Any]:
    """As the API shows an owner; an archived one has no `userId` and no teams."""
    answer: dict[str, Any] = {
        "id": owner.id,
        "email": owner.email,
        "type": "PERSON",
        "firstName": owner.first_name,
        "lastName": owner.last_name,
        "userIdIncludingInactive": owner.user_id,
        "createdAt": iso(LONG_AGO_MS),
        "updatedAt": iso(LONG_AGO_MS),
        "archived": not owner.is_active,
    }
    if owner.is_active:
        answer["userId"] = owner.user_id
        answer["teams"] = [{"id": "7101", "name": "Sales", "primary": True}]
    return answer


def read_owner(portal: Portal, request: Request, owner_id: str) -> Answer:
    """One owner by id, or by `idProperty=userId`. Raises Refusal 404, also for one of the other kind (active or archived)."""
    archived, by_user = request.flag("archived"), request.first("idProperty") == "userId"
    for owner in portal.owners.values():
        if (str(owner.user_id) if by_user else owner.id) == owner_id and owner.is_active is not archived:
            return Answer(200, owner_shown(owner))
    raise not_found()


def _deal_pipelines(name: str) -> None:
    if name not in ("deals", "deal", "0-3"):
        raise not_found(f"There are no pipelines of object type {name} in this portal")


def list_pipelines(portal: Portal, request: Request, name: str) -> Answer:
    """`{results}` with the stages. Raises Refusal 404 for objects other than deals, which have none here."""
    _deal_pipelines(name)
    return Answer(200, {"results": [pipeline.shown(order) for order, pipeline in enumerate(portal.pipelines.values())]})


def read_pipeline(portal: Portal, request: Request, name: str, pipeline_id: str) -> Answer:
    """One pipeline with its stages. Raises Refusal 404 for an unknown one."""
    _deal_pipelines(name)
    if pipeline_id not in portal.pipelines:
        raise not_found()
    return Answer(200, portal.pipelines[pipeline_id].shown([*portal.pipelines].index(pipeline_id)))


def list_stages(portal: Portal, request: Request, name: str, pipeline_id: str) -> Answer:
    """`{results}`: the stages of a pipeline. Raises Refusal 404 for an unknown one."""
    return Answer(200, {"results": read_pipeline(portal, request, name, pipeline_id).payload["stages"]})


def delete_pipeline(portal: Portal, request: Request, name: str, pipeline_id: str) -> Answer:
    """Deals keep the stage that they had; `validateReferencesBeforeDelete` (off by default) refuses instead ("Pipelines")."""
    read_pipeline(portal, request, name, pipeline_id)
    _refuse_what_is_in_use(portal, request, "pipeline", pipeline_id)
    del portal.pipelines[pipeline_id]
    return Answer(204)


def delete_stage(portal: Portal, request: Request, name: str, pipeline_id: str, stage_id: str) -> Answer:
    """204. Raises Refusal 404 for an unknown stage; deals in it count as `delete_pipeline` says."""
    read_pipeline(portal, request, name, pipeline_id)
    pipeline = portal.pipelines[pipeline_id]
    if stage_id not in {stage.id for stage in pipeline.stages}:
        raise not_found()
    _refuse_what_is_in_use(portal, request, "dealstage", stage_id)
    portal.pipelines[pipeline_id] = replace(pipeline, stages=tuple(one for one in pipeline.stages if one.id != stage_id))
    return Answer(204)


def _refuse_what_is_in_use(portal: Portal, request: Request, name: str, value: str) -> None:
    deals = portal.tables["deals"]
    if request.flag("validateReferencesBeforeDelete") and any(deals.get(one, name) == value for one in deals.records.values()):
        raise bad_request(f"There are deals that still use the {name} {value}")


def details(portal: Portal, request: Request) -> Answer:
    """The portal's id, time zone and currencies (developers.hubspot.com "Account information")."""
    options = portal.options
    return Answer(
        200,
        {
            "portalId": options.portal_id,
            "accountType": "STANDARD",
            "timeZone": options.time_zone,
            "companyCurrency": portal.currency,
            "additionalCurrencies": sorted(set(portal.rates) - {portal.currency}),
            "utcOffset": "-03:00",
            "utcOffsetMilliseconds": -10_800_000,
            "uiDomain": "app.hubspot.com",
            "dataHostingLocation": "na1",
        },
    )


def _rate_shown(portal: Portal, rate: ExchangeRate, number: int) -> dict[str, Any]:
    # At most six decimals: "Settings API | Currencies".
    moment = iso(max(rate.valid_from_ms, LONG_AGO_MS))
    return {
        "id": str(800_000 + number),
        "fromCurrencyCode": rate.currency,
        "toCurrencyCode": portal.currency,
        "conversionRate": float(round(rate.rate, 6)),
        "effectiveAt": moment,
        "createdAt": moment,
        "updatedAt": moment,
        "visibleInUI": True,
    }


def _all_rates(portal: Portal) -> list[ExchangeRate]:
    return [rate for code, rates in sorted(portal.rates.items()) if code != portal.currency for rate in rates]


def exchange_rates(portal: Portal, request: Request) -> Answer:
    """The rates of each currency, oldest first, up to 100 a page.

    `results: [{fromCurrencyCode, toCurrencyCode, conversionRate, effectiveAt, …}]`, rates with six decimals at most.
    """
    wanted = request.first("fromCurrencyCode")
    shown = [_rate_shown(portal, rate, number) for number, rate in enumerate(_all_rates(portal))]
    shown = [one for one in shown if not wanted or one["fromCurrencyCode"] == wanted]
    limit, start = min(max(request.whole("limit", 100), 1), 100), request.whole("after", 0)
    payload: dict[str, Any] = {"results": shown[start : start + limit]}
    if start + limit < len(shown):
        payload["paging"] = {"next": {"after": str(start + limit), "link": f"{PUBLIC_HOST}{request.path}?after={start + limit}"}}
    return Answer(200, payload)


def current_rates(portal: Portal, request: Request) -> Answer:
    """The rate of each currency that is valid now."""
    numbered = {
        rate.currency: (number, rate) for number, rate in enumerate(_all_rates(portal)) if rate.valid_from_ms <= request.now_ms
    }
    return Answer(200, {"results": [_rate_shown(portal, rate, number) for number, rate in numbered.values()]})


def company_currency(portal: Portal, request: Request) -> Answer:
    """`{currencyCode}`: what home amounts are in."""
    return Answer(200, {"id": "1", "currencyCode": portal.currency, "createdAt": iso(LONG_AGO_MS)})


ROUTES = (
    Route("GET", "/crm/v3/owners", list_owners, "crm.objects.owners.read"),
    Route("GET", "/crm/v3/owners/*", read_owner, "crm.objects.owners.read"),
    Route("GET", "/crm/v3/pipelines/*", list_pipelines, "schemas.read"),
    Route("GET", "/crm/v3/pipelines/*/*", read_pipeline, "schemas.read"),
    Route("GET", "/crm/v3/pipelines/*/*/stages", list_stages, "schemas.read"),
    Route("DELETE", "/crm/v3/pipelines/*/*", delete_pipeline, "schemas.write"),
    Route("DELETE", "/crm/v3/pipelines/*/*/stages/*", delete_stage, "schemas.write"),
    Route("GET", "/account-info/v3/details", details, ""),
    Route("GET", "/settings/v3/currencies/exchange-rates", exchange_rates, "settings.currencies.read"),
    Route("GET", "/settings/v3/currencies/exchange-rates/current", current_rates, "settings.currencies.read"),
    Route("GET", "/settings/v3/currencies/company-currency", company_currency, "settings.currencies.read"),
)

"""The ASGI app: from bytes to a handler and back, as HubSpot's gateway does it.

Order: length of the URL, authentication, limits, scopes, handler. Every answer carries a correlation id; HTTP only, no
framework, since a page of records must not cost more than the records.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import unquote

import orjson

from . import (
    associations_api,
    associations_read_api,
    batch_api,
    exports_api,
    groups_api,
    lists_api,
    objects_api,
    portal_api,
    properties_api,
    search_api,
)
from .access import Tokens, check_scopes, refuse_what_is_unavailable
from .limits import Limits
from .portal import Portal
from .routes import Route, Router
from .wire import Answer, Refusal, Request, correlation, iso, not_found

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MAX_TARGET = 16_384  # a longer URL answers 414 (airbytehq/airbyte#33976; the exact number is unsourced)
_DATE = re.compile(r"20\d\d-\d\d")
_DATED_AREAS = {
    "objects": "v3",
    "properties": "v3",
    "pipelines": "v3",
    "owners": "v3",
    "lists": "v3",
    "exports": "v3",
    "associations": "v4",
}
_OPEN_PATHS = (["oauth", "v1", "token"],)


def _all_routes() -> tuple[Route, ...]:
    modules = (
        objects_api,
        batch_api,
        search_api,
        associations_api,
        associations_read_api,
        properties_api,
        groups_api,
        portal_api,
        lists_api,
        exports_api,
    )
    return tuple(route for module in modules for route in module.ROUTES)


class HubSpotApp:
    """One portal behind HubSpot's public API."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.limits = Limits(portal.options)
        self.tokens = Tokens(portal.options)
        self._router = Router(_all_routes())

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        body = await _read_body(receive)
        request = Request(
            scope["method"],
            scope["path"],
            scope.get("query_string", b"").decode("latin-1"),
            {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body,
            now_ms=self.portal.now_ms(),
        )
        correlation_id = correlation()
        with_limits = [False]
        try:
            answer = self._answer(request, with_limits)
        except Refusal as refused:
            answer = Answer(refused.status, refused.body(correlation_id))
        headers = [(b"x-hubspot-correlation-id", correlation_id.encode())]
        if with_limits[0]:
            headers.extend(self.limits.headers())
        await _write(send, answer, headers)

    def _answer(self, request: Request, with_limits: list[bool]) -> Answer:
        if len(request.path) + len(request.query_string) > MAX_TARGET:
            raise Refusal(414, "URI Too Long")
        segments = [unquote(segment) for segment in request.path.split("/") if segment]
        if segments[:1] == ["_exports"]:
            return exports_api.download(self.portal, request, segments[-1])
        segments = self._undated(request, segments)
        if segments in _OPEN_PATHS and request.method == "POST":
            return self.tokens.refresh(request)
        token = self.tokens.identify(request.headers.get("authorization", ""), request.now_ms)
        is_search = segments[-1:] == ["search"] and segments[:3] == ["crm", "v3", "objects"]
        self.limits.admit(request.now_ms, is_search=is_search)
        with_limits[0] = not is_search  # search answers carry none of these headers
        refuse_what_is_unavailable(self.portal.options, "/" + "/".join(segments), request.query_string)
        own = self._about_this_app(request, segments)
        if own is not None:
            return own
        route, parameters, known_path = self._router.find(request.method, segments)
        if route is None:
            raise Refusal(405, "Method Not Allowed") if known_path else not_found("No route matches this request")
        check_scopes(token, route.needs, parameters)
        return route.handler(self.portal, request, *parameters)

    def _undated(self, request: Request, segments: list[str]) -> list[str]:
        """A date-versioned path as the older one that it aliases: `/crm/objects/2026-03/x` → `/crm/v3/objects/x`."""
        if len(segments) < 2:
            return segments
        place = next((index for index in (1, 2) if len(segments) > index and _DATE.fullmatch(segments[index])), 0)
        if not place:
            return segments
        request.dated = True
        rest = segments[place + 1 :]
        if place == 1:  # /account-info/2026-03/…, /oauth/2026-03/…
            return [segments[0], "v1" if segments[0] == "oauth" else "v3", *rest]
        area = segments[1]
        version = "v4" if area == "objects" and "associations" in rest else _DATED_AREAS.get(area, "v3")
        return [segments[0], version, area, *rest]

    def _about_this_app(self, request: Request, segments: list[str]) -> Answer | None:
        """The answers that need the token or the limits rather than the portal."""
        if request.method == "GET" and segments == ["account-info", "v3", "api-usage", "daily", "private-apps"]:
            return Answer(200, {"results": [self._usage(request)]})
        if request.method == "GET" and segments[:3] == ["oauth", "v1", "access-tokens"] and len(segments) == 4:
            found = self.tokens.describe(segments[3])
        elif request.method == "POST" and segments == ["oauth", "v2", "private-apps", "get", "access-token-info"]:
            found = self.tokens.describe(str(request.json().get("tokenKey", "")))
            found = found and {
                "userId": found["user_id"],
                "hubId": found["hub_id"],
                "appId": found["app_id"],
                "scopes": found["scopes"],
            }
        else:
            return None
        if found is None:
            raise not_found("access token not found")
        return Answer(200, found)

    def _usage(self, request: Request) -> dict[str, Any]:
        return {
            "name": "private-apps-api-calls-daily",
            "usageLimit": self.portal.options.daily,
            "currentUsage": self.limits.used_today,
            "collectedAt": iso(request.now_ms),
            "fetchStatus": "SUCCESS",
            "resetsAt": iso(self.limits.resets_at_ms(request.now_ms)),
        }


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _write(send: Send, answer: Answer, headers: list[tuple[bytes, bytes]]) -> None:
    body = answer.raw if answer.raw is not None else b"" if answer.payload is None else orjson.dumps(answer.payload)
    if answer.status != 204:
        headers.append((b"content-type", answer.media_type.encode()))
        headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

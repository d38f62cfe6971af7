"""Who calls and what they may: private-app tokens, OAuth access tokens that expire, and the scopes of each route.

Bodies of 401 and 403 as in airbytehq/airbyte#74726, HubSpot/hubspot-api-nodejs#268 and the records of amp-labs/connectors.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from .kinds import WITH_SCOPES, object_kind
from .options import PortalOptions
from .wire import Answer, Refusal, Request, iso


@dataclass(frozen=True, slots=True)
class Token:
    """`expires_ms` None: a private app's token, which does not expire."""

    scopes: frozenset[str]
    expires_ms: int | None


class Tokens:
    """The tokens that this portal knows."""

    def __init__(self, options: PortalOptions) -> None:
        self._options = options
        self._tokens = {options.access_token: Token(options.scopes, None)}

    def identify(self, authorization: str, now_ms: int) -> Token:
        """Whose token the `Authorization` header carries.

        Raises Refusal 401: `INVALID_AUTHENTICATION` where it is none of the portal's, `EXPIRED_AUTHENTICATION` with
        `context["expire time"]` where its time is over.
        """
        scheme, _, text = authorization.partition(" ")
        token = self._tokens.get(text.strip()) if scheme.lower() == "bearer" else None
        if token is None:
            raise Refusal(
                401,
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details "
                "at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
                category="INVALID_AUTHENTICATION",
            )
        if token.expires_ms is not None and token.expires_ms <= now_ms:
            seconds = (now_ms - token.expires_ms) // 1000
            raise Refusal(
                401,
                f"The OAuth token used to make this call expired {seconds} second(s) ago.",
                category="EXPIRED_AUTHENTICATION",
                context={"expire time": [iso(token.expires_ms)]},
            )
        return token

    def refresh(self, request: Request) -> Answer:
        """`POST /oauth/v1/token`: a new access token; the refresh token stays the same."""
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        options = self._options
        if form.get("grant_type") != "refresh_token":
            raise _oauth_refusal("BAD_GRANT_TYPE", "missing or unknown grant type")
        if form.get("client_id") != options.client_id:
            raise _oauth_refusal("BAD_CLIENT_ID", "missing or unknown client id")
        if form.get("client_secret") != options.client_secret:
            raise _oauth_refusal("BAD_CLIENT_SECRET", "missing or invalid client secret")
        if form.get("refresh_token") != options.refresh_token:
            raise _oauth_refusal("BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        access_token = "oauth-" + secrets.token_urlsafe(24)
        lifetime = options.token_lifetime_seconds
        self._tokens[access_token] = Token(options.scopes, request.now_ms + lifetime * 1000)
        return Answer(
            200,
            {
                "token_type": "bearer",
                "refresh_token": options.refresh_token,
                "access_token": access_token,
                "expires_in": lifetime,
                "hub_id": options.portal_id,
                "scopes": sorted(options.scopes),
            },
        )

    def describe(self, text: str) -> dict[str, Any] | None:
        """A token as `/oauth/v1/access-tokens/{token}` and the private-app inspection tell it."""
        token = self._tokens.get(text)
        if token is None:
            return None
        return {"hub_id": self._options.portal_id, "user_id": 901, "app_id": 1_700_100, "scopes": sorted(token.scopes)}


def _oauth_refusal(status: str, message: str) -> Refusal:
    return Refusal(400, message, extra={"status": status})


def refuse_what_is_unavailable(options: PortalOptions, path: str, query: str) -> None:
    """Raises Refusal for what this portal's plan, or the user whose app it is, does not have. Words as recorded elsewhere."""
    target = f"{path}?{query}"
    for beginning, status in options.unavailable.items():
        if not target.startswith(beginning):
            continue
        if status == 404:
            raise Refusal(404, "resource not found", category="OBJECT_NOT_FOUND")
        raise Refusal(
            status,
            f"{options.portal_id} does not have access to this feature. Contact HubSpot support for assistance.",
            category="USER_DOES_NOT_HAVE_PERMISSIONS" if status == 403 else "",
        )


def check_scopes(token: Token, needs: str, parameters: list[str]) -> None:
    """Refuses, with Refusal, a call for which the token has none of the scopes, naming them as HubSpot does."""
    for wanted in required_scopes(needs, parameters):
        if token.scopes.isdisjoint(wanted):
            raise Refusal(
                403,
                "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: "
                "https://developers.hubspot.com/scopes.",
                category="MISSING_SCOPES",
                errors=[
                    {
                        "message": "One or more of the following scopes are required.",
                        "context": {"requiredGranularScopes": list(wanted)},
                    }
                ],
                extra={"links": {"scopes": "https://developers.hubspot.com/scopes"}},
            )


def required_scopes(needs: str, parameters: list[str]) -> list[tuple[str, ...]]:
    """Alternatives by what is needed: one scope of each tuple is enough."""
    if needs.startswith("objects."):
        return [_object_scopes(parameters[0], needs.removeprefix("objects."))]
    if needs.startswith("schemas."):
        return [_schema_scopes(parameters[0], needs.removeprefix("schemas."))]
    if needs.startswith("associations."):
        right = "write" if needs.endswith("write") else "read"
        target = parameters[-2] if needs.endswith("of_record.write") else parameters[-1]
        return [_object_scopes(parameters[0], right), _object_scopes(target, right)]
    return [(needs,)] if needs else []


def _object_scopes(name: str, right: str) -> tuple[str, ...]:
    kind = object_kind(name)
    if kind.plural == "products":
        return ("e-commerce",)
    # Activities go by the scopes of contacts, whatever they are attached to ("Tasks" guide).
    plural = "contacts" if kind.is_activity else kind.plural
    scopes = (f"crm.objects.{plural}.{right}",)
    return (*scopes, kind.scope_beside) if kind.scope_beside else scopes


def _schema_scopes(name: str, right: str) -> tuple[str, ...]:
    kind = object_kind(name)
    if kind.plural not in WITH_SCOPES and not kind.is_activity:
        return ("e-commerce",)
    plural = "contacts" if kind.is_activity else kind.plural
    scopes = [f"crm.schemas.{plural}.{right}"]
    if right == "read" or kind.is_activity:
        scopes.append(f"crm.objects.{plural}.{right}")
    return tuple(scopes)

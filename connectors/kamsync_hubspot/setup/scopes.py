"""Which of the scopes that the program needs the app lacks, and which it has beyond them.

Told by the token where it says; where it does not, what is missing is found by asking, and what is too much is not known.

Scopes: developers.hubspot.com "Scopes"; tasks and other activities go by those of contacts ("Tasks" guide).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

from kamsync.errors import KamsyncError
from kamsync.model import STREAMS, Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.translate import OBJECTS

PRIVATE_APP_TOKEN = "/oauth/v2/private-apps/get/access-token-info"
OAUTH_TOKEN = "/oauth/v1/access-tokens/"
# Nothing stops without them: what a token always has, what reads definitions, segments, rates and exports, and an older name.
USED_BESIDE = frozenset(
    ["oauth", "crm.export", "crm.lists.read", "e-commerce", "settings.currencies.read"]
    + [f"crm.schemas.{stored.name}.read" for stored in OBJECTS.values()]
)


@dataclass(frozen=True, slots=True)
class Scope:
    """`probe` names the object whose list answers 403 without it, "" where only a write would tell."""

    name: str
    purpose: str
    probe: str = ""
    is_optional: bool = False


def needed_scopes(streams: AbstractSet[Stream]) -> Iterator[Scope]:
    """What pulling these streams, writing and setting up take."""
    yield Scope("crm.objects.companies.read", "companies cannot be read", "companies")
    yield Scope("crm.objects.companies.write", "tiers cannot be written")
    yield Scope("crm.objects.deals.read", "deals cannot be read", "deals")
    yield Scope("crm.objects.contacts.read", "people, tasks and other activities cannot be read", "tasks")
    yield Scope("crm.objects.contacts.write", "tasks and notes cannot be made")
    yield Scope("crm.objects.owners.read", "owners cannot be read", "owners")
    yield Scope("crm.schemas.companies.write", "`kamsync setup` cannot create properties", is_optional=True)
    yield Scope("crm.schemas.contacts.write", "`kamsync setup` cannot create the task property", is_optional=True)
    yield Scope("crm.lists.write", "`kamsync setup` cannot create segments", is_optional=True)
    for stream in sorted(streams & OBJECTS.keys()):
        object_type = OBJECTS[stream].name
        if not STREAMS[stream].is_always_pulled and stream is not Stream.CONTACTS:  # whose scope stands above
            yield Scope(f"crm.objects.{object_type}.read", f"{object_type.replace('_', ' ')} cannot be read", object_type)


@dataclass(frozen=True, slots=True)
class Scopes:
    """What the app lacks of what these streams, writing and setup need, and what it has that nothing here ever uses."""

    missing: Sequence[Scope]
    excess: Sequence[str] = ()


def compare_scopes(client: Client, streams: AbstractSet[Stream]) -> Scopes:
    """The app's scopes beside the program's."""
    wanted = list(needed_scopes(streams))
    granted = _granted(client)
    if granted is None:
        return Scopes([scope for scope in wanted if scope.probe and _is_refused(client, scope.probe)])
    used = {scope.name for scope in needed_scopes(frozenset(OBJECTS))} | USED_BESIDE
    return Scopes([scope for scope in wanted if scope.name not in granted], sorted(granted - used))


def _granted(client: Client) -> frozenset[str] | None:
    """The scopes that the token itself names; None where HubSpot does not tell."""
    token = client.token.value
    try:
        if client.token.can_renew:
            content = client.get(OAUTH_TOKEN + token, doing="the token's scopes").content
        else:
            content = client.post(PRIVATE_APP_TOKEN, {"tokenKey": token}, doing="the token's scopes").content
    except KamsyncError as error:
        client.log("scopes_untold", error=str(error))
        return None
    scopes = content.get("scopes") if isinstance(content, dict) else None
    return frozenset(str(one) for one in scopes) if isinstance(scopes, list) and scopes else None


def _is_refused(client: Client, probe: str) -> bool:
    send: Callable[..., Any] = client.owners.get_page if probe == "owners" else client.records.get_page
    arguments = () if probe == "owners" else (probe,)
    try:
        client.call(send, *arguments, limit=1, doing=f"looking at {probe}")
    except KamsyncError as error:
        if not is_refused(error):
            raise
        return True
    return False

"""Who the people are that the configuration names: by the id of an owner or by e-mail. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamsync.contract import Finding
from kamsync_hubspot.api.portal import Portal

SANDBOX_ENDING = ".invalid"
_LOOK = "Give the owner's id or e-mail as Settings → Users & Teams shows them."


def resolve(portal: Portal, people: Mapping[str, str]) -> Iterator[Finding]:
    """One finding for each place that names somebody who cannot be given tasks; one that says that all can."""
    active = list(portal.owners(archived=False))
    archived = list(portal.owners(archived=True))
    good = True
    for place, person in people.items():
        finding = _trouble(place, person.strip(), active, archived)
        if finding is not None:
            good = False
            yield finding
    if good:
        yield Finding("people", "ok", f"HubSpot knows everybody whom the configuration names ({len(people)}), all active.")


def _trouble(place: str, person: str, active: list[Mapping[str, Any]], archived: list[Mapping[str, Any]]) -> Finding | None:
    if any(_is(owner, person) for owner in active):
        return None
    left = next((owner for owner in archived if _is(owner, person)), None)
    if left is not None:
        name = " ".join(str(left.get(part) or "") for part in ("firstName", "lastName")).strip() or person
        return Finding(
            "people",
            "failed",
            f"{place} names {person} ({name}), who is deactivated in HubSpot.",
            f"Name somebody else in {place}.",
        )
    by_user = next((owner for owner in active if person and str(owner.get("userId") or "") == person), None)
    if by_user is not None:
        return Finding(
            "people",
            "failed",
            f"{place} names {person}, which is the id of a user and not of an owner.",
            f"Write {by_user['id']} in {place}: the owner's id of the same person.",
        )
    return Finding("people", "failed", f"{place} names {person}, whom HubSpot does not know as an owner.", _LOOK)


def _is(owner: Mapping[str, Any], person: str) -> bool:
    email = str(owner.get("email") or "").casefold()
    wanted = person.casefold()
    return str(owner["id"]) == person or (bool(email) and wanted in (email, email.removesuffix(SANDBOX_ENDING)))

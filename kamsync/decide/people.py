"""Who is at an account: ties of contacts, as the CRM shows them, as persons with their roles. Pure.

The same rules as for the facts of people (decide.facts_of_people): a role counts while its contact is there, and has not left
that account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from kamsync.model import STAKEHOLDER_ROLES


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is there. `name` and `title` as the CRM writes them, "" where it says nothing; `roles` by name."""

    name: str
    title: str
    roles: tuple[str, ...]


def people_at(
    ties: Iterable[Mapping[str, Any]], names: Mapping[str, tuple[str, str]], account_id: str, as_of: date
) -> tuple[Person, ...]:
    """The people of the account, those with the roles that matter most first. `ties`: by the names of the stream's columns."""
    rows = list(ties)
    there = {str(row["contact_id"]) for row in rows if row["tie"] == "contact" and _is_active(row, as_of)}
    own = [row for row in rows if str(row["account_id"]) == account_id and str(row["contact_id"]) in there]
    parted = {str(row["contact_id"]) for row in own if row["tie"] == "relation" and not _is_active(row, as_of)}
    roles: dict[str, set[str]] = {}
    for row in own:
        contact = str(row["contact_id"])
        if contact not in parted and _is_active(row, as_of):
            roles.setdefault(contact, set()).update(role for role in str(row.get("roles") or "").split(";") if role)
    found = [Person(*names.get(contact, ("", "")), tuple(sorted(said, key=_weight))) for contact, said in roles.items()]
    return tuple(sorted(found, key=lambda one: (*map(_weight, one.roles[:1] or ("",)), one.name.casefold(), one.title)))


def _weight(role: str) -> tuple[int, str]:
    known: Sequence[str] = STAKEHOLDER_ROLES
    return (known.index(role), "") if role in known else (len(known) + (not role), role)


def _is_active(tie: Mapping[str, Any], as_of: date) -> bool:
    if str(tie.get("is_active")).lower() in ("false", "0"):
        return False
    left = str(tie.get("left_date") or "")[:10]
    return not left or left > as_of.isoformat()

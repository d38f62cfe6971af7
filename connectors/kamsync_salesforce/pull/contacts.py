"""The people of accounts: contacts, their part in opportunities, and further accounts that they are related to.

Who they are is never asked for. Object Reference: "Contact", "OpportunityContactRole", "AccountContactRelation"; the last is
there with Contacts to Multiple Accounts only, and is the one place where Salesforce itself says that somebody has left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from kamsync.contract import PullRequest
from kamsync.model import Stream, roles_text
from kamsync_salesforce.pull.source import Rows, Source, in_order
from kamsync_salesforce.translate import is_true

ROLE_OBJECT = "OpportunityContactRole"  # `roles` mapped to one of its fields: no field of the contact itself holds one
NO_CONTACTS = (
    "Salesforce does not show contacts to our user, so nothing is known of people: grant 'Read' and 'View All' on Contact in a "
    'permission set, or set contacts = "never" under [program].'
)
NO_ROLES = (
    "Salesforce does not show the contact roles of opportunities (OpportunityContactRole) to our user, so who decides is not "
    "known: grant 'Read' on Opportunity and Contact in a permission set."
)
NO_RELATIONS = "The org ties each contact to one account (AccountContactRelation is not switched on), so that is all there is."
_NAMES = ("id", "account_id", "contact_id", "tie", "roles", "is_active", "left_date", "last_activity_date")


def contact_sources(request: PullRequest) -> tuple[Source, ...]:
    """The queries of the stream of contacts."""
    fields = {column.name: column.field for column in request.columns}
    words = next((column.values for column in request.columns if column.name == "roles"), {})
    return _contacts(request, fields, words), _opportunity_roles(request, words), _relations(request, words)


def _contacts(request: PullRequest, fields: Mapping[str, str], words: Mapping[str, str]) -> Source:
    """Contacts of an account. Their last activity moves without their stamp: recent ones are read again by its date."""
    role = "" if fields.get("roles", "").startswith(f"{ROLE_OBJECT}.") else fields.get("roles", "")
    activity = fields.get("last_activity_date") or "LastActivityDate"
    extra = [name for name in (role, fields.get("is_active", ""), fields.get("left_date", "")) if name]
    names = tuple(dict.fromkeys(("Id", "AccountId", activity, *extra)))
    place = {name: index for index, name in enumerate(names)}

    def value(row: Sequence[Any], name: str) -> Any:
        return row[place[name]] if name else None

    def to_rows(records: Rows) -> Rows:
        rows = []
        for row in records:
            active = value(row, fields.get("is_active", ""))
            is_active = True if active in (None, "") else is_true(active)
            left, roles = value(row, fields.get("left_date", "")), _roles(value(row, role), words)
            rows.append([row[0], row[1], row[0], "contact", roles, is_active, left, row[place[activity]]])
        return in_order(request.columns, rows, _NAMES)

    return Source(
        Stream.CONTACTS,
        "Contact",
        names,
        to_rows,
        full_where=("AccountId != null",),
        left=lambda row: not row[1],
        droppable=frozenset({activity}),
        absent_problem=NO_CONTACTS,
        also_changed=lambda day: f"{activity} >= {(day - timedelta(days=1)).isoformat()}",
    )


def _opportunity_roles(request: PullRequest, words: Mapping[str, str]) -> Source:
    """Access to these follows the opportunity: they may name contacts that are gone, which is for the facts to see."""

    def to_rows(records: Rows) -> Rows:
        rows = [[row[0], row[2], row[1], "role", _roles(row[3], words), True, None, None] for row in records]
        return in_order(request.columns, rows, _NAMES)

    return Source(
        Stream.CONTACTS,
        ROLE_OBJECT,
        ("Id", "ContactId", "Opportunity.AccountId", "Role"),
        to_rows,
        full_where=("Role != null",),
        left=lambda row: not row[1] or not row[2] or not row[3],
        absent_problem=NO_ROLES,
    )


def _relations(request: PullRequest, words: Mapping[str, str]) -> Source:
    """Also the direct one of each contact with its own account, which says whether the person is still there."""

    def to_rows(records: Rows) -> Rows:
        rows = [[row[0], row[2], row[1], "relation", _roles(row[3], words), is_true(row[4]), row[5], None] for row in records]
        return in_order(request.columns, rows, _NAMES)

    return Source(
        Stream.CONTACTS,
        "AccountContactRelation",
        ("Id", "ContactId", "AccountId", "Roles", "IsActive", "EndDate"),
        to_rows,
        left=lambda row: not row[1] or not row[2],
        absent_problem=NO_RELATIONS,
        is_often_absent=True,
    )


def _roles(said: Any, words: Mapping[str, str]) -> str:
    """A multi-picklist, or one role, in the program's words."""
    return roles_text(str(said or "").split(";"), words)

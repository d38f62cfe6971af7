"""Doctor's checks of the places where people keep an account's goals: none of them stops a sync, so each is a warning."""

from __future__ import annotations

from collections.abc import Iterator

from kamsync.contract import Finding
from kamsync.model import PlanMapping
from kamsync_salesforce.api.errors import REFUSALS
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.setup.metadata import PLAN_GRANTS, PLAN_OBJECTS

_SWITCH = "Switch them on (Setup → Account Plan Settings), then run `kamsync setup`; or take account_plans out of the mapping."


def goal_findings(fields: Fields, plan: PlanMapping) -> Iterator[Finding]:
    """Whether the mapped fields are there, and whether our user may work with Account Plans where they are mapped."""
    for name, field in plan.texts.items():
        if fields.find("Account", field) is None:
            message = f"The field Account.{field} (mapped as {name}) does not exist, or our user may not see it."
            yield Finding(
                f"Account.{field}", "warning", f"{message} Pages come without it.", "Correct [plan] in the mapping file."
            )
    if plan.account_plans:
        yield _account_plans(fields)


def _account_plans(fields: Fields) -> Finding:
    for sobject in PLAN_OBJECTS:
        try:
            described = fields.object(sobject)
        except REFUSALS:
            message = f"Account Plans are not there for our user ({sobject}): plans are kept as notes instead."
            return Finding("account plans", "warning", message, _SWITCH)
        wanted = [grant for grant in PLAN_GRANTS if grant.sobject == sobject]
        shown = fields.of(sobject)
        hidden = [one.field for one in wanted if one.field.lower() not in shown]
        locked = [one.field for one in wanted if one.edit and not shown.get(one.field.lower(), {}).get("createable", True)]
        if hidden or locked or not described.get("createable", True):
            lacking = ", ".join([*hidden, *locked]) or "records"
            message = f"Our user may not work with {sobject} ({lacking}): plans are kept as notes instead."
            return Finding("account plans", "warning", message, "Run `kamsync setup`: it grants them to our user.")
    return Finding("account plans", "ok", "Account Plans can be read and written.")

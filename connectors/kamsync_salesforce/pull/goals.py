"""Which goals people keep for one account, for a page that a person looks at: nothing of it is kept.

In text fields of the account that the mapping's [plan] names, and in Salesforce Account Plans where it says so (Object Reference,
"AccountPlan", "AccountPlanObjective", "AccountPlanObjectiveMeasure"; targets and current values are strings there). What this
program itself keeps in a plan of its own is no goal of people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Literal

from kamsync.contract import NOTE_MARK, GoalsKept
from kamsync.errors import KamsyncError
from kamsync.model import PlanMapping
from kamsync.model.exchange import Measure, Objective
from kamsync.portions import portions
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of, means_unavailable
from kamsync_salesforce.translate import IDS_PER_QUERY, MEASURE, OBJECTIVE, PLAN, quote, select

CUSTOMER_GOALS = {
    "AccountVision": "Vision",
    "AccountStrategicPriorities": "Strategic priorities",
    "AccountChallenges": "Challenges",
}
DOING = "reading the goals of an account"
_STATES = {"New": "new", "In Progress": "in_progress", "Closed": "closed"}
_UNITS: Mapping[str, Literal["currency", "number", "percent"]] = {
    "Currency": "currency",
    "Number": "number",
    "Percent": "percent",
}


def fetch_goals(client: Client, plan: PlanMapping, account_id: str) -> GoalsKept:
    """At most four queries. A place that our user may not see is said in `trouble`; the others are read all the same."""
    goals: list[tuple[str, str]] = []
    ours: list[str] = []
    objectives: tuple[Objective, ...] = ()
    troubles: list[str] = []
    if plan.texts:
        try:
            fields = tuple(dict.fromkeys(plan.texts.values()))
            record = next(_records(client, "Account", fields, f"Id = {quote(account_id)}"), {})
            goals += [("", said) for said in _texts(record, [plan.texts.get("customer_goals", "")])]
            ours += _texts(record, [plan.texts.get("our_objectives", "")])
        except KamsyncError as error:
            _only_refusals(error)
            troubles.append(error.message)
    if plan.account_plans:
        try:
            found, objectives = _account_plans(client, account_id)
            goals += found
        except KamsyncError as error:
            _only_refusals(error)
            troubles.append(error.message)
    return GoalsKept(tuple(goals), tuple(ours), objectives, " ".join(troubles))


def _only_refusals(error: KamsyncError) -> None:
    """Raises what is no refusal of an object or a field: a line that is silent says nothing of the org."""
    fault = fault_of(error)
    if not means_unavailable(error) and (fault is None or not (fault.missing_field or fault.code == "INVALID_FIELD")):
        raise error


def _account_plans(client: Client, account_id: str) -> tuple[list[tuple[str, str]], tuple[Objective, ...]]:
    """What the customer wants by the account's plans, and their objectives; plans that are over count no more."""
    asked = ("Id", "Name", "Status", "Notes", *CUSTOMER_GOALS)
    plans = [
        one
        for one in _records(client, PLAN, asked, f"AccountId = {quote(account_id)}")
        if one.get("Status") != "Inactive" and NOTE_MARK.strip() not in str(one.get("Notes") or "")
    ]
    goals = [(word, said) for one in plans for field, word in CUSTOMER_GOALS.items() for said in _texts(one, [field])]
    asked = ("Id", "Name", "Status", "StartDate", "EndDate", "Description")
    kept = list(_children(client, OBJECTIVE, asked, "AccountPlanId", plans))
    asked = ("AccountPlanObjectiveId", "Name", "ValueType", "TargetValue", "CurrentValue")
    measures: dict[str, list[Measure]] = {}
    for one in _children(client, MEASURE, asked, "AccountPlanObjectiveId", kept):
        unit = _UNITS.get(str(one.get("ValueType")), "number")
        said = Measure(str(one.get("Name") or ""), unit, *(str(one.get(f) or "") for f in ("TargetValue", "CurrentValue")))
        measures.setdefault(str(one["AccountPlanObjectiveId"]), []).append(said)
    return goals, tuple(_objective(one, measures.get(str(one["Id"]), [])) for one in kept)


def _objective(record: Mapping[str, Any], measures: Sequence[Measure]) -> Objective:
    status = str(record.get("Status") or "")
    return Objective(
        str(record.get("Name") or ""),
        _STATES.get(status, status),
        _day(record.get("StartDate")),
        _day(record.get("EndDate")),
        str(record.get("Description") or ""),
        tuple(measures),
    )


def _children(
    client: Client, sobject: str, fields: Sequence[str], master: str, of: Sequence[Mapping[str, Any]]
) -> Iterator[Mapping[str, Any]]:
    for some in portions([str(one["Id"]) for one in of], IDS_PER_QUERY):
        yield from _records(client, sobject, fields, f"{master} IN ({', '.join(map(quote, some))})")


def _records(client: Client, sobject: str, fields: Sequence[str], where: str) -> Iterator[Mapping[str, Any]]:
    """In the order in which they were made, which an objective's place on a page follows."""
    yield from client.records(select(sobject, fields, (where,), "CreatedDate, Id"), doing=DOING)


def _texts(record: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    return [str(record[field]) for field in fields if field and record.get(field)]


def _day(value: object) -> date | None:
    return date.fromisoformat(str(value)[:10]) if value else None

"""`kamsync doctor`: checks from the most basic on, each with its mend. Reads only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from kamsync.contract import Context, DoctorRequest, Finding, PullRequest
from kamsync.errors import AccessDenied, PlanRefused, TryLater
from kamsync_salesforce.api.auth import CLOCK_TOLERANCE_SECONDS
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import REFUSALS
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.setup.field_checks import FieldChecks
from kamsync_salesforce.setup.goal_checks import goal_findings
from kamsync_salesforce.setup.lease_object import lease_finding
from kamsync_salesforce.setup.metadata import wanted
from kamsync_salesforce.setup.money_checks import currency_findings
from kamsync_salesforce.setup.note_checks import note_finding
from kamsync_salesforce.setup.people_checks import PeopleChecks
from kamsync_salesforce.setup.stage_checks import stage_findings

LOW_SHARE_OF_CALLS = 0.1
_VERBS = {"createable": "create", "updateable": "edit"}
# Rights of an object that nothing in this program uses, and in which words they are told.
_NEVER_DONE: Mapping[str, Mapping[str, str]] = {
    "Account": {"createable": "create", "deletable": "delete"},
    "Opportunity": {"createable": "create", "updateable": "edit", "deletable": "delete"},
}

Probe = Callable[[PullRequest], Iterator[Finding]]


class Doctor:
    """The checks of one connection. `probe` asks a stream's own query for one record."""

    def __init__(self, client: Client, org: Org, fields: Fields, context: Context, probe: Probe) -> None:
        self._client = client
        self._org = org
        self._fields = fields
        self._context = context
        self._probe = probe

    def examine(self, request: DoctorRequest) -> Iterator[Finding]:
        """Signing in has worked, otherwise there would be no connection."""
        try:
            yield from self._checks(request)
        except PlanRefused as error:
            yield Finding("API calls", "failed", f"{error.message} The remaining checks were left out.", error.fix)
        except TryLater as error:
            yield Finding("availability", "failed", f"{error.message} The remaining checks were left out.", error.fix)

    def _checks(self, request: DoctorRequest) -> Iterator[Finding]:
        identity = self._org.identity()
        where = f"{identity.org_name or identity.org_id}{' (sandbox)' if identity.is_sandbox else ''}"
        yield Finding("sign-in", "ok", f"Signed in to {where} as {identity.user_name or identity.user_id}.")
        yield from self._version()
        yield self._clock()
        yield self._quota(request.calls_needed)
        yield from self._objects()
        fields = FieldChecks(self._org, self._fields, self._context)
        for pull in request.requests:
            yield from fields.mapped(pull)
        yield from fields.flags()
        yield fields.task_key()
        yield from fields.tier_choices()
        yield lease_finding(self._fields, wanted(self._context).lease)
        for pull in request.requests:
            yield from self._probe(pull)
        yield from goal_findings(self._fields, self._context.mapping.plan)
        if request.notes:
            yield note_finding(self._fields)
        people = PeopleChecks(self._client)
        yield from people.owners()
        yield from people.named(request.people)
        yield from stage_findings(self._client)
        yield from currency_findings(self._org)

    def _version(self) -> Iterator[Finding]:
        offered = self._client.versions()
        if offered and self._client.api_version not in offered:
            yield Finding(
                "API version",
                "failed",
                f"The org does not offer API version {self._client.api_version}, only {offered[0]} to {offered[-1]}.",
                f'Set `api_version = "{offered[-1]}"` in [crm.salesforce].',
            )
        else:
            yield Finding(
                "API version", "ok", f"{self._client.api_version} (the newest is {offered[-1] if offered else 'unknown'})."
            )

    def _clock(self) -> Finding:
        if not self._client.tells_time:
            return Finding("clock", "warning", "The answers carry no Date, so the clock could not be checked.")
        skew = (self._client.server_time - datetime.fromtimestamp(time.time(), UTC)).total_seconds()
        if abs(skew) > CLOCK_TOLERANCE_SECONDS:
            direction = "behind" if skew > 0 else "ahead of"
            return Finding(
                "clock",
                "warning",
                f"This machine's clock is {abs(skew):.0f} seconds {direction} Salesforce's.",
                "Switch on time synchronisation (NTP); a JWT sign-in fails when the clock is minutes off.",
            )
        return Finding("clock", "ok", "This machine's clock agrees with Salesforce's.")

    def _quota(self, needed: int) -> Finding:
        usage = self._client.usage()
        if usage.limit is None or usage.remaining is None:
            return Finding("API calls", "warning", "Salesforce does not tell our user how many API calls are left.")
        text = f"{usage.remaining:,} of {usage.limit:,} calls are left for the next 24 hours."
        mine = int(usage.remaining * self._context.api_budget_share)
        if mine < needed:
            return Finding(
                "API calls",
                "failed",
                f"{text} A run needs about {needed}, and `guard.api_budget_share` leaves us {mine}.",
                "Run later, raise `guard.api_budget_share`, or find what else uses the API (Setup → Company Information).",
            )
        if usage.remaining < usage.limit * LOW_SHARE_OF_CALLS:
            return Finding(
                "API calls", "warning", text, "Find what else uses the API: Setup → Company Information → API Requests."
            )
        return Finding("API calls", "ok", text)

    def _objects(self) -> Iterator[Finding]:
        too_much: list[str] = []
        for sobject, needs in (
            ("Account", ("updateable",)),
            ("Opportunity", ()),
            ("Task", ("createable", "updateable")),
            ("Event", ()),
        ):
            try:
                description = self._fields.object(sobject)
            except REFUSALS as error:
                permission = f"Grant our user access to {sobject} in a permission set."
                yield Finding(sobject, "failed", error.message, error.fix if isinstance(error, AccessDenied) else permission)
                continue
            too_much += [f"{verb} {sobject}" for right, verb in _NEVER_DONE.get(sobject, {}).items() if description.get(right)]
            lacking = [_VERBS[need] for need in needs if not description.get(need, True)]
            if not description.get("queryable", True):
                lacking.insert(0, "read")
            if lacking:
                yield Finding(
                    sobject,
                    "failed",
                    f"Our user may not {' and '.join(lacking)} {sobject} records.",
                    f"Grant it on {sobject} in a permission set of our user (object permissions).",
                )
            else:
                yield Finding(sobject, "ok", f"{sobject} records can be read{' and written' if needs else ''}.")
        if too_much:
            yield Finding(
                "too many rights",
                "warning",
                f"Our user may do more than the program ever does: {', '.join(too_much)} records.",
                "Give the program a user of its own with the rights that docs/for-admins.md lists, and no more.",
            )

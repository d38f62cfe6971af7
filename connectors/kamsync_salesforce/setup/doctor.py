"""`kamsync doctor`: checks from the most basic on, each with its mend. Reads only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from kamsync.contract import Context, DoctorRequest, Finding, PullRequest
from kamsync.errors import KamsyncError
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import Stream
from kamsync_salesforce import translate
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.setup.metadata import is_custom

CLOCK_TOLERANCE_SECONDS = 60  # a JWT is valid for minutes; cursors do not use our clock
LOW_SHARE_OF_CALLS = 0.1
_OBJECTS: Mapping[Stream, tuple[str, Mapping[str, str]]] = {
    Stream.ACCOUNTS: ("Account", translate.ACCOUNT_FIELDS),
    Stream.OPPORTUNITIES: ("Opportunity", translate.OPPORTUNITY_FIELDS),
    Stream.LINE_ITEMS: ("OpportunityLineItem", translate.LINE_ITEM_FIELDS),
}
_VERBS = {"createable": "create", "updateable": "edit"}
# What number-like canonical fields may be in Salesforce: Object Reference, "Field Types".
_FIELD_TYPES: Mapping[str, frozenset[str]] = {
    "number": frozenset({"int", "double", "currency", "percent", "long"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date", "datetime"}),
    "instant": frozenset({"datetime"}),
}


class Doctor:
    """The checks of one connection."""

    def __init__(self, client: Client, org: Org, fields: Fields, context: Context) -> None:
        self._client = client
        self._org = org
        self._fields = fields
        self._context = context

    def examine(self, request: DoctorRequest) -> Iterator[Finding]:
        """Signing in has worked, otherwise there would be no connection."""
        identity = self._org.identity()
        where = f"{identity.org_name or identity.org_id}{' (sandbox)' if identity.is_sandbox else ''}"
        yield Finding("sign-in", "ok", f"Signed in to {where} as {identity.user_name or identity.user_id}.")
        yield from self._version()
        yield self._clock()
        yield self._quota(request.calls_needed)
        yield from self._objects()
        yield from self._mapped_fields(request)
        yield from self._flags()
        yield self._task_key()
        yield from self._tier_choices()
        yield from self._owners()
        yield self._currencies()

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
        for sobject, needs in (
            ("Account", ("updateable",)),
            ("Opportunity", ()),
            ("Task", ("createable", "updateable")),
            ("Event", ()),
        ):
            try:
                description = self._fields.object(sobject)
            except KamsyncError as error:
                yield Finding(sobject, "failed", error.message, f"Grant our user access to {sobject} in a permission set.")
                continue
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

    # --- fields --------------------------------------------------------------------------------------------------------------

    def _mapped_fields(self, request: DoctorRequest) -> Iterator[Finding]:
        for pull in request.requests:
            if pull.stream not in _OBJECTS:
                continue
            sobject, defaults = _OBJECTS[pull.stream]
            try:
                bad = list(self._bad_columns(sobject, pull, defaults))
            except KamsyncError as error:
                optional = pull.stream is Stream.LINE_ITEMS
                message = f"{sobject} cannot be read: {error.message}"
                yield Finding(f"{sobject} fields", "warning" if optional else "failed", message, "" if optional else error.fix)
                continue
            yield from bad or [Finding(f"{sobject} fields", "ok", f"Every mapped field of {sobject} is readable.")]

    def _bad_columns(self, sobject: str, pull: PullRequest, defaults: Mapping[str, str]) -> Iterator[Finding]:
        missing: list[tuple[str, str]] = []
        for column in pull.columns:
            path = column.field or defaults.get(column.name, "")
            if not path or column.name.startswith(FLAG_PREFIX):
                continue
            if path.lower() == "currencyisocode" and not self._org.has_many_currencies:
                continue
            field = self._fields.find(sobject, path)
            if field is None:
                missing.append((column.name, path))
            elif column.kind in _FIELD_TYPES and column.field and not _fits(str(field.get("type", "")), column.kind):
                yield Finding(
                    f"{sobject}.{path}",
                    "warning",
                    f"{column.name} is mapped as {column.kind}, but {sobject}.{path} is of type {field.get('type')}.",
                    "Correct the type in the mapping file, or map another field.",
                )
        hidden = self._fields.exists_but_hidden(sobject, [path for _, path in missing]) if missing else set()
        for name, path in missing:
            if hidden and path in hidden:
                message = (
                    f"The field {sobject}.{path} (mapped as {name}) exists, but is hidden from our user by field-level security."
                )
                yield Finding(f"{sobject}.{path}", "failed", message, f"Grant 'Read' on {path} in a permission set of our user.")
            else:
                reason = "does not exist" if hidden is not None else "does not exist, or our user may not see it"
                message = f"The field {sobject}.{path} (mapped as {name}) {reason}."
                yield Finding(f"{sobject}.{path}", "failed", message, "Correct the mapping file, or create the field.")

    def _flags(self) -> Iterator[Finding]:
        flags = self._context.mapping.flags
        missing = {name: field for name, field in flags.items() if self._fields.find("Account", field) is None}
        if missing:
            hidden = self._fields.exists_but_hidden("Account", missing.values()) or set()
            for field in missing.values():
                if field in hidden:
                    message = f"Account.{field} exists, but is hidden from our user by field-level security."
                else:
                    message = f"Account.{field} does not exist yet."
                mend = "Run `kamsync setup`." if is_custom(field) else "Correct [flags] in the mapping file."
                yield Finding(f"Account.{field}", "failed", message, mend)
        locked = [
            flags[name]
            for name in FLAGS
            if name in flags
            and name not in missing
            and not (self._fields.find("Account", flags[name]) or {}).get("updateable", True)
        ]
        if locked:
            yield Finding(
                "flag fields",
                "failed",
                f"Our user may read but not edit {', '.join(locked)} on Account.",
                "Run `kamsync setup`, or grant 'Edit' on them in a permission set of our user.",
            )
        if not missing and not locked:
            yield Finding("flag fields", "ok", "All flag fields exist and can be written.")

    def _task_key(self) -> Finding:
        name = self._context.mapping.task_key
        try:
            field = self._fields.find("Task", name)
        except KamsyncError as error:
            return Finding("task key", "failed", error.message, error.fix)
        if field is None:
            hidden = self._fields.exists_but_hidden("Task", [name])
            state = "is hidden from our user by field-level security" if hidden else "does not exist yet"
            return Finding("task key", "failed", f"Activity.{name} {state}.", "Run `kamsync setup`.")
        if not field.get("createable", True):
            return Finding("task key", "failed", f"Our user may not write Task.{name}.", "Run `kamsync setup`.")
        if not (field.get("unique") and field.get("externalId")):
            return Finding(
                "task key",
                "ok",
                f"Activity.{name} is not a unique external id in this org: keys are looked up before a task is created.",
            )
        return Finding("task key", "ok", f"Activity.{name} is a unique external id.")

    def _tier_choices(self) -> Iterator[Finding]:
        field = self._fields.find("Account", self._context.mapping.flags.get("tier", ""))
        if field is None or field.get("type") != "picklist":
            return
        active = {str(entry.get("value")) for entry in field.get("picklistValues") or () if entry.get("active", True)}
        missing = [tier.name for tier in self._context.tiers if tier.name not in active]
        if missing:
            restricted = bool(field.get("restrictedPicklist"))
            yield Finding(
                "tier values",
                "failed" if restricted else "warning",
                f"The picklist {field.get('name')} has no value {', '.join(missing)}.",
                "Run `kamsync setup`: it adds the missing values.",
            )

    # --- people and money ----------------------------------------------------------------------------------------------------

    def _owners(self) -> Iterator[Finding]:
        try:
            soql = "SELECT COUNT() FROM Account WHERE Owner.IsActive = false"
            count = int(self._client.query(soql, doing="accounts of inactive owners").get("totalSize", 0))
        except KamsyncError as error:
            yield Finding("owners", "warning", f"Owners could not be checked: {error.message}", error.fix)
            return
        if count:
            yield Finding(
                "owners",
                "warning",
                f"{count} accounts belong to inactive users, who cannot be given tasks.",
                "Transfer them (Setup → Mass Transfer Records), or set `fallback_owner` under [program].",
            )
        else:
            yield Finding("owners", "ok", "Every account belongs to an active user.")

    def _currencies(self) -> Finding:
        rates = self._org.currency_types
        if rates:
            names = ", ".join(sorted(str(entry["IsoCode"]) for entry in rates))
            return Finding("currencies", "ok", f"{names}; rates refer to {self._org.base_currency}.")
        if self._org.base_currency:
            return Finding("currencies", "ok", f"One currency: {self._org.base_currency}.")
        return Finding(
            "currencies",
            "warning",
            "The org has one currency and does not tell which.",
            "Make sure that [program] currency is the org's currency (Setup → Company Information).",
        )


def _fits(field_type: str, kind: str) -> bool:
    """A text or formula may hold anything; only types that can never fit are worth a warning."""
    return field_type in _FIELD_TYPES[kind] or field_type in ("string", "picklist", "textarea", "")

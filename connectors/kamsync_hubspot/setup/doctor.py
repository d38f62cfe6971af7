"""`kamsync doctor`: checks from the most basic on, each with its mend. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from kamsync.contract import Context, DoctorRequest, Finding, PullRequest
from kamsync.errors import KamsyncError
from kamsync.flags import FLAGS
from kamsync.model import Stream
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.portal import Portal
from kamsync_hubspot.api.reads import search_pages
from kamsync_hubspot.push.mirror import IDEAL_PROFILE, TARGET_ACCOUNT, mirrors
from kamsync_hubspot.setup.metadata import STANDARD_PREFIX, wanted_properties
from kamsync_hubspot.setup.scopes import missing_scopes
from kamsync_hubspot.translate import ACCOUNT_PROPERTIES, DEAL_PROPERTIES, LINE_ITEM_PROPERTIES, is_flag

CLOCK_TOLERANCE_SECONDS = 60
LOW_SHARE_OF_CALLS = 0.1
DAILY_USAGE = "/account-info/v3/api-usage/daily/private-apps"
_OBJECTS: Mapping[Stream, tuple[str, Mapping[str, str]]] = {
    Stream.ACCOUNTS: ("companies", ACCOUNT_PROPERTIES),
    Stream.OPPORTUNITIES: ("deals", DEAL_PROPERTIES),
    Stream.LINE_ITEMS: ("line_items", LINE_ITEM_PROPERTIES),
}
_TYPES: Mapping[str, frozenset[str]] = {
    "number": frozenset({"number"}),
    "boolean": frozenset({"bool", "enumeration"}),
    "date": frozenset({"date", "datetime"}),
    "instant": frozenset({"datetime"}),
}
# Names that the program can do without: where the property is missing, something sensible stands in.
_OPTIONAL = frozenset({"currency", "probability"})


class Doctor:
    """The checks of one connection."""

    def __init__(self, client: Client, portal: Portal, context: Context) -> None:
        self._client = client
        self._portal = portal
        self._context = context

    def examine(self, request: DoctorRequest) -> Iterator[Finding]:
        """Signing in has worked, otherwise there would be no connection."""
        identity = self._portal.identity()
        yield Finding("sign-in", "ok", f"Signed in to {identity.org_name}{' (sandbox)' if identity.is_sandbox else ''}.")
        yield self._clock()
        yield self._quota(request.calls_needed)
        yield from self._scopes(request)
        definitions: dict[str, Mapping[str, Mapping[str, Any]]] = {}
        for object_type in ("companies", "deals", "line_items", "tasks"):
            if object_type == "line_items" and not any(one.stream is Stream.LINE_ITEMS for one in request.requests):
                continue
            try:
                definitions[object_type] = self._definitions(object_type)
            except KamsyncError as error:
                yield Finding(f"{object_type} properties", "failed", error.message, error.fix)
        for pull in request.requests:
            if pull.stream in _OBJECTS and _OBJECTS[pull.stream][0] in definitions:
                yield from self._mapped(pull, definitions[_OBJECTS[pull.stream][0]])
        if "companies" in definitions:
            yield from self._flags(definitions["companies"])
            if mirrors(self._context.mapping):
                yield self._mirror(definitions["companies"])
        if "tasks" in definitions:
            yield self._task_key(definitions["tasks"])
        yield from self._pipelines()
        yield from self._owners()
        yield self._currencies()

    def _clock(self) -> Finding:
        server = self._client.server_time
        if server is None:
            return Finding("clock", "warning", "The answers carry no Date, so the clock could not be checked.")
        skew = (server - datetime.now(UTC)).total_seconds()
        if abs(skew) <= CLOCK_TOLERANCE_SECONDS:
            return Finding("clock", "ok", "This machine's clock agrees with HubSpot's.")
        return Finding(
            "clock",
            "warning",
            f"This machine's clock is {abs(skew):.0f} seconds {'behind' if skew > 0 else 'ahead of'} HubSpot's.",
            "Switch on time synchronisation (NTP): dates of tasks and decisions come from this clock.",
        )

    def _quota(self, needed: int) -> Finding:
        usage = self._client.usage()
        limit, remaining = usage.limit, usage.remaining
        if not self._client.token.can_renew:
            limit, remaining = self._daily_usage() or (limit, remaining)
        if limit is None or remaining is None:
            return Finding("API calls", "ok", "HubSpot tells no daily limit for this app.")
        text = f"{remaining:,} of {limit:,} calls are left for today."
        mine = int(remaining * self._context.api_budget_share)
        if mine < needed:
            return Finding(
                "API calls",
                "failed",
                f"{text} A run needs about {needed}, and `guard.api_budget_share` leaves us {mine}.",
                "Run after midnight of the portal's time zone, or find what else uses the API (Settings → Integrations → API).",
            )
        status = "warning" if remaining < limit * LOW_SHARE_OF_CALLS else "ok"
        return Finding("API calls", status, text, "" if status == "ok" else "Find what else uses the API.")  # type: ignore[arg-type]  # one of two literals

    def _daily_usage(self) -> tuple[int, int] | None:
        """What HubSpot says it has counted today; None where it does not say."""
        try:
            results = self._client.get(DAILY_USAGE, doing="the API usage").results
            entry = results[0]
            return int(entry["usageLimit"]), max(0, int(entry["usageLimit"]) - int(entry["currentUsage"]))
        except (KamsyncError, LookupError, TypeError, ValueError) as error:
            self._client.log("usage_untold", error=str(error))
            return None

    # --- access ----------------------------------------------------------------------------------------------------------------

    def _scopes(self, request: DoctorRequest) -> Iterator[Finding]:
        streams = frozenset(pull.stream for pull in request.requests)
        missing = missing_scopes(self._client, streams)
        if not missing:
            yield Finding("scopes", "ok", "The app has every scope that it needs.")
        for scope in missing:
            status = "warning" if scope.is_optional else "failed"
            yield Finding(
                f"scope {scope.name}",
                status,  # type: ignore[arg-type]  # one of two literals
                f"The app lacks the scope {scope.name}: {scope.purpose}.",
                f"Grant {scope.name} (Settings → Integrations → the app → Scopes), then run `kamsync doctor` again.",
            )

    # --- properties ------------------------------------------------------------------------------------------------------------

    def _definitions(self, object_type: str) -> Mapping[str, Mapping[str, Any]]:
        answer = self._client.call(self._client.properties.get_all, object_type, doing=f"the properties of {object_type}")
        return {str(one["name"]): one for one in answer.results}

    def _mapped(self, pull: PullRequest, known: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
        object_type, defaults = _OBJECTS[pull.stream]
        bad = False
        for column in pull.columns:
            name = column.field or defaults.get(column.name, "")
            if not name or name == "hs_object_id" or is_flag(column):
                continue
            if name not in known:
                if column.name in _OPTIONAL:
                    continue
                bad = True
                # HubSpot leaves unknown names out without an error, so the value would silently be unknown for everyone.
                yield Finding(
                    f"{object_type}.{name}",
                    "warning" if pull.stream is Stream.LINE_ITEMS else "failed",
                    f"The portal has no property {name} on {object_type} (mapped as {column.name}).",
                    "Correct the mapping file, or create the property (Settings → Properties).",
                )
            elif column.field and column.kind in _TYPES and known[name].get("type") not in _TYPES[column.kind]:
                bad = True
                yield Finding(
                    f"{object_type}.{name}",
                    "warning",
                    f"{column.name} is mapped as {column.kind}, but {name} is of type {known[name].get('type')}.",
                    "Correct the type in the mapping file, or map another property.",
                )
        if not bad:
            yield Finding(f"{object_type} properties", "ok", f"Every mapped property of {object_type} exists.")

    def _flags(self, known: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
        flags = self._context.mapping.flags
        missing = [name for name in flags.values() if name not in known]
        for name in missing:
            mend = "Correct [flags] in the mapping file." if name.startswith(STANDARD_PREFIX) else "Run `kamsync setup`."
            yield Finding(f"companies.{name}", "failed", f"The property {name} does not exist on companies yet.", mend)
        locked = [
            flags[flag]
            for flag in FLAGS
            if flag in flags and (known.get(flags[flag], {}).get("modificationMetadata") or {}).get("readOnlyValue")
        ]
        if locked:
            yield Finding(
                "flag properties", "failed", f"{', '.join(locked)} cannot be written.", "Map other properties in [flags]."
            )
        lacking = [line for spec in wanted_properties(self._context) for line in _lacking(spec.choices, known.get(spec.name))]
        if lacking:
            yield Finding(
                "tier values", "failed", f"Options are missing: {'; '.join(lacking)}.", "Run `kamsync setup`: it adds them."
            )
        if not missing and not locked and not lacking:
            yield Finding("flag properties", "ok", "Every property that the program writes exists.")

    def _mirror(self, known: Mapping[str, Mapping[str, Any]]) -> Finding:
        missing = [name for name in (TARGET_ACCOUNT, IDEAL_PROFILE) if name not in known]
        if missing:
            return Finding(
                "target accounts",
                "failed",
                f"The portal has no property {', '.join(missing)}, which mirror_target_account fills.",
                "Switch target accounts on (Settings → Objects → Companies → Target accounts), or leave the option out.",
            )
        return Finding("target accounts", "ok", "Tiers also fill HubSpot's own target account properties.")

    def _task_key(self, known: Mapping[str, Mapping[str, Any]]) -> Finding:
        key = self._context.mapping.task_key
        if key not in known:
            return Finding(f"tasks.{key}", "failed", f"The task property {key} does not exist yet.", "Run `kamsync setup`.")
        if not known[key].get("hasUniqueValue"):
            return Finding(
                f"tasks.{key}",
                "warning",
                f"The task property {key} is not unique, so HubSpot itself cannot refuse a second task; keys are searched first.",
                "A property cannot be made unique afterwards: delete it for good (archived ones too), then run `kamsync setup`.",
            )
        return Finding(f"tasks.{key}", "ok", f"{key} is unique: a task is never made twice.")

    # --- the portal's own matters ----------------------------------------------------------------------------------------------

    def _pipelines(self) -> Iterator[Finding]:
        try:
            stages = self._portal.stages()
            wanted = self._portal.wanted_pipelines()
        except KamsyncError as error:
            yield Finding("pipelines", "failed", error.message, error.fix)
            return
        used = {stage.pipeline for stage in stages.values()} if wanted is None else wanted
        without = sorted(one for one in used if not any(stage.is_won for stage in stages.values() if stage.pipeline == one))
        if without:
            yield Finding(
                "pipelines",
                "warning",
                f"The pipeline {', '.join(without)} has no won stage (closed with probability 100 %).",
                "Give its won stage the probability “Won” (Settings → Objects → Deals → Pipelines).",
            )
        else:
            yield Finding("pipelines", "ok", f"{len(used)} deal pipelines, each with a won stage.")

    def _owners(self) -> Iterator[Finding]:
        try:
            archived = [str(owner["id"]) for owner in self._portal.owners(archived=True)]
            count = self._companies_of(archived)
        except KamsyncError as error:
            yield Finding("owners", "warning", f"Owners could not be checked: {error.message}", error.fix)
            return
        if count:
            yield Finding(
                "owners",
                "warning",
                f"{count} companies belong to deactivated owners, who cannot be given tasks.",
                "Reassign them (filter companies by owner), or set `fallback_owner` under [program].",
            )
        else:
            yield Finding("owners", "ok", "No company belongs to a deactivated owner.")

    def _companies_of(self, owners: Sequence[str]) -> int:
        count = 0
        for start in range(0, len(owners), 50):
            filters = [{"propertyName": "hubspot_owner_id", "operator": "IN", "values": list(owners[start : start + 50])}]
            for _, total in search_pages(self._client, "companies", filters, ["name"]):
                count += total
                break
        return count

    def _currencies(self) -> Finding:
        if not self._portal.currency:
            return Finding("currencies", "warning", "The portal does not tell its company currency.")
        more = " Deals in other currencies count with their amount in it." if self._portal.has_many_currencies else ""
        return Finding("currencies", "ok", f"The company currency is {self._portal.currency}.{more}")


def _lacking(choices: Sequence[Any], found: Mapping[str, Any] | None) -> list[str]:
    if found is None or found.get("type") != "enumeration" or not choices:
        return []
    known = {str(one.get("value")) for one in found.get("options") or ()}
    missing = [choice.name for choice in choices if choice.name not in known]
    return [f"{found.get('name')} lacks {', '.join(missing)}"] if missing else []

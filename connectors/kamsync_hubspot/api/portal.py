"""What is true of the whole portal: who it is, its money, its people, its pipelines. Each fetched once a connection at most."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from kamsync.contract import AccountField
from kamsync.errors import BadAnswer, ConfigError, KamsyncError
from kamsync.model import CrmMapping, Kind
from kamsync.model.exchange import Identity
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import is_refused
from kamsync_hubspot.translate import Stage, read_stages

OWNERS_PAGE = 100
COMPANY_TYPE_ID = "0-2"  # "Understanding the CRM": object type ids
CURRENT_RATES = "/settings/v3/currencies/exchange-rates/current"  # "Settings API | Currencies"
# "Properties API": the types of properties
_KINDS: Mapping[str, Kind] = {"number": "number", "bool": "boolean", "date": "date", "datetime": "instant"}


class Portal:
    """`details` is the answer of account-info/v3/details, which the sign-in brought."""

    def __init__(self, client: Client, details: Mapping[str, Any], mapping: CrmMapping) -> None:
        self._client = client
        self._details = details
        self._mapping = mapping
        self._stages: dict[str, Stage] | None = None
        self.stages_refused = ""

    @property
    def id(self) -> str:
        """The portal's number, as text."""
        return str(self._details["portalId"])

    @property
    def currency(self) -> str:
        """The company currency's code, "" where it is not told."""
        return str(self._details.get("companyCurrency") or "")

    @property
    def has_many_currencies(self) -> bool:
        """Whether deals may be in other currencies."""
        return bool(self._details.get("additionalCurrencies"))

    def identity(self) -> Identity:
        """A token names no person, so there is no user; the portal has no name by API either."""
        return Identity(
            org_id=self.id,
            org_name=f"HubSpot portal {self.id}",
            user_id="",
            user_name="",
            base_currency=self.currency,
            url=f"https://{self._ui_domain}/contacts/{self.id}",
            is_sandbox=str(self._details.get("accountType") or "") in ("SANDBOX", "DEVELOPER_TEST"),
            timezone=str(self._details.get("timeZone") or ""),
        )

    def record_url(self, account_id: str) -> str:
        return f"https://{self._ui_domain}/contacts/{self.id}/record/{COMPANY_TYPE_ID}/{account_id}" if account_id else ""

    @property
    def _ui_domain(self) -> str:
        return str(self._details.get("uiDomain") or "app.hubspot.com")

    def owners(self, *, archived: bool) -> Iterator[Mapping[str, Any]]:
        """People only: a QUEUE is nobody who could be given a task. Raises BadAnswer where a page leads back to itself."""
        after, asked = "", set[str]()
        while True:
            where: dict[str, Any] = {"after": after} if after else {}
            answer = self._client.call(
                self._client.owners.get_page, limit=OWNERS_PAGE, archived=archived, doing="the list of owners", **where
            )
            yield from filter(_is_person, answer.results)
            after = answer.after
            if not after:
                return
            if after in asked:
                raise BadAnswer(
                    f"HubSpot's list of owners does not get on from {after}.", fix="Run again; report this if it stays."
                )
            asked.add(after)

    def stages(self) -> Mapping[str, Stage]:
        """Deal stages of all pipelines; raises what HubSpot says where they may not be read."""
        if self._stages is None:
            answer = self._client.call(self._client.pipelines.get_all, "deals", doing="the deal pipelines")
            self._stages = read_stages(answer.results)
            self._wanted = self._named_pipelines(answer.results)
        return self._stages

    def stages_if_told(self) -> Mapping[str, Stage]:
        """The stages; none where HubSpot refuses them, which `stages_refused` tells.

        Where the mapping names pipelines nothing can stand in for them, so it raises.
        """
        if self._stages is not None or self.stages_refused:
            return self._stages or {}
        try:
            return self.stages()
        except KamsyncError as error:
            if pipelines_option(self._mapping) or not is_refused(error):
                raise
            self.stages_refused = f"{error.message} {error.fix}"
            return {}

    def wanted_pipelines(self) -> frozenset[str] | None:
        """Ids of the pipelines that the mapping names; None for all."""
        self.stages()
        return self._wanted

    def _named_pipelines(self, pipelines: Sequence[Mapping[str, Any]]) -> frozenset[str] | None:
        named = pipelines_option(self._mapping)
        if not named:
            return None
        by_name = {name: str(one["id"]) for one in pipelines for name in (str(one["id"]), str(one.get("label") or ""))}
        unknown = [name for name in named if name not in by_name]
        if unknown:
            known = ", ".join(f"{one.get('label')} ({one['id']})" for one in pipelines)
            raise ConfigError(
                f"The mapping's [options] pipelines names {unknown[0]!r}, which the portal does not have.",
                fix=f"Use ids or labels of its deal pipelines: {known}.",
            )
        return frozenset(by_name[name] for name in named)

    def current_rates(self) -> list[tuple[str, str]]:
        """(currency, units of it for one unit of the portal's currency), today's. Raises where the app may not see them."""
        if not self.has_many_currencies:
            return []
        answer = self._client.get(CURRENT_RATES, doing="the exchange rates")
        found = []
        for entry in answer.results:
            rate = _decimal(entry.get("conversionRate"))  # the portal's currency for one unit of the other
            if rate and entry.get("toCurrencyCode") in (None, "", self.currency):
                found.append((str(entry.get("fromCurrencyCode")), format((1 / rate).normalize(), "f")))
        return found

    def account_fields(self) -> tuple[AccountField, ...]:
        """The properties of companies that people see; HubSpot marks its own."""
        answer = self._client.call(self._client.properties.get_all, "companies", doing="the properties of companies")
        return tuple(
            AccountField(
                str(one["name"]),
                str(one.get("label") or one["name"]),
                _KINDS.get(str(one.get("type")), "text"),
                not one.get("hubspotDefined"),
            )
            for one in answer.results
            if not one.get("hidden")
        )

    def now(self) -> datetime:
        """HubSpot's clock; this machine's where answers do not tell."""
        return self._client.server_time or datetime.now(UTC)


def _is_person(owner: Mapping[str, Any]) -> bool:
    return bool(owner.get("id")) and str(owner.get("type") or "PERSON").upper() != "QUEUE"


def pipelines_option(mapping: CrmMapping) -> tuple[str, ...]:
    """[options] pipelines of the mapping: ids or labels. Raises ConfigError for what is no list."""
    value = mapping.options.get("pipelines") or ()
    if isinstance(value, str):
        return (value,)
    if not isinstance(value, list | tuple):
        raise ConfigError("The mapping's [options] pipelines is no list.", fix='Write it as pipelines = ["default"].')
    return tuple(str(one) for one in value)


def _decimal(value: Any) -> Decimal | None:
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 else None

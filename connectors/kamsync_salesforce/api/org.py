"""The org itself: who we are in it, its currencies and rates. Asked for once, and only when something needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kamsync.errors import KamsyncError
from kamsync.model.exchange import Identity
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of, means_unavailable
from kamsync_salesforce.api.fields import Fields

NOT_FOUND = 404
CURRENCIES, DATED_RATES = "the currencies", "the dated exchange rates"


@dataclass(frozen=True, slots=True)
class DatedRates:
    """`hold`: advanced currency management is on. `rates`: IsoCode, StartDate, ConversionRate, oldest first."""

    hold: bool
    rates: tuple[Mapping[str, Any], ...] = ()


class Org:
    """Facts of the org, remembered for the life of a connection. What our user may not read is unknown, with a `problem`."""

    def __init__(self, client: Client, fields: Fields, username: str) -> None:
        self._client = client
        self._fields = fields
        self._username = username
        self._currencies: list[dict[str, Any]] | None = None
        self._organization: Mapping[str, Any] | None = None
        self._userinfo: Mapping[str, Any] | None = None
        self._dated: DatedRates | None = None
        self.refused: dict[str, str] = {}  # what could not be read, in Salesforce's words

    @property
    def currency_types(self) -> Sequence[Mapping[str, Any]]:
        """IsoCode, ConversionRate, IsCorporate of every currency; empty in an org with one currency (the object is not there)."""
        if self._currencies is None:
            soql = "SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType"
            self._currencies = self._optional(soql, CURRENCIES)
        return self._currencies

    @property
    def has_many_currencies(self) -> bool:
        """Whether records carry their own currency; where the currencies may not be read, the account's fields tell."""
        if self.currency_types:
            return True
        return CURRENCIES in self.refused and self._fields.find("Account", "CurrencyIsoCode") is not None

    @property
    def base_currency(self) -> str:
        """The unit of the conversion rates: the corporate currency, or the only one; "" where the org does not tell."""
        corporate = next((str(entry["IsoCode"]) for entry in self.currency_types if entry.get("IsCorporate")), "")
        return corporate or str(self.organization.get("DefaultCurrencyIsoCode") or "")

    @property
    def organization(self) -> Mapping[str, Any]:
        """The Organization record."""
        if self._organization is None:
            fields = "Id, Name, IsSandbox, OrganizationType, TimeZoneSidKey, LanguageLocaleKey, DefaultLocaleSidKey"
            # Only orgs with one currency need it, and not every API version shows it.
            wish = "" if self.currency_types else ", DefaultCurrencyIsoCode"
            try:
                found = self._client.records(f"SELECT {fields}{wish} FROM Organization", doing="the organization")
            except KamsyncError as error:
                if not wish or not means_unavailable(error):
                    raise
                found = self._optional(f"SELECT {fields} FROM Organization", "the organization")
            self._organization = found[0] if found else {}
        return self._organization

    @property
    def dated_rates(self) -> DatedRates:
        """Rates by date, which hold only where advanced currency management is on.

        It is on exactly where DatedConversionRate can be described (Object Reference, under that name): its rows may be left from
        before it was switched off.
        """
        if self._dated is None:
            self._dated = self._read_dated_rates() if self.currency_types else DatedRates(False)
        return self._dated

    def _read_dated_rates(self) -> DatedRates:
        try:
            self._fields.of("DatedConversionRate")
        except KamsyncError as error:
            self._note_refusal(DATED_RATES, error)
            return DatedRates(False)
        soql = "SELECT IsoCode, StartDate, ConversionRate FROM DatedConversionRate ORDER BY StartDate"
        return DatedRates(True, tuple(self._optional(soql, DATED_RATES)))

    def _optional(self, soql: str, doing: str) -> list[dict[str, Any]]:
        """Records of a read without which the rest still works; a refusal is kept in `refused`, absence is no refusal."""
        try:
            return self._client.records(soql, doing=doing)
        except KamsyncError as error:
            self._note_refusal(doing, error)
            return []

    def _note_refusal(self, what: str, error: KamsyncError) -> None:
        """Keeps a refusal; what is not in this org is simply not there. Raises what is neither."""
        if not means_unavailable(error):
            raise error
        fault = fault_of(error)
        if fault is not None and not fault.means_no_such_object and fault.status != NOT_FOUND:
            self.refused[what] = error.message

    @property
    def user_id(self) -> str:
        """The user that we act as; asked for where the sign-in did not tell."""
        if self._client.token.user_id:
            return self._client.token.user_id
        if self._userinfo is None:
            try:
                self._userinfo = self._client.userinfo()
            except KamsyncError as error:
                # A given access token may lack the scope `openid`; only setup needs the id, and says so.
                if fault_of(error) is None:
                    raise
                self._userinfo = {}
        return str(self._userinfo.get("user_id") or "")

    def identity(self) -> Identity:
        organization = self.organization
        return Identity(
            org_id=str(organization.get("Id") or self._client.token.org_id),
            org_name=str(organization.get("Name") or ""),
            user_id=self.user_id,
            user_name=self._username or str((self._userinfo or {}).get("preferred_username") or ""),
            base_currency=self.base_currency,
            url=self._client.token.instance_url,
            is_sandbox=bool(organization.get("IsSandbox")),
            timezone=str(organization.get("TimeZoneSidKey") or ""),
            locale=_locale(organization),
        )


def _locale(organization: Mapping[str, Any]) -> str:
    """The org's language with the country of its number formats: LanguageLocaleKey "es", DefaultLocaleSidKey "es_MX"."""
    language = str(organization.get("LanguageLocaleKey") or "").partition("_")[0]
    country = str(organization.get("DefaultLocaleSidKey") or "").split("_")[1:2]
    return "_".join([language, *country]) if language else ""

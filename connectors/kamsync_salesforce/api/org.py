"""The org itself: who we are in it, its currencies and rates. Asked for once, and only when something needs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kamsync.errors import KamsyncError
from kamsync.model import Identity
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of


def means_absent(error: KamsyncError) -> bool:
    """The object or field that was asked for is not in this org."""
    fault = fault_of(error)
    return fault is not None and (fault.means_no_such_object or bool(fault.missing_field) or fault.code == "INVALID_FIELD")


class Org:
    """Facts of the org, remembered for the life of a connection."""

    def __init__(self, client: Client, username: str) -> None:
        self._client = client
        self._username = username
        self._currencies: list[dict[str, Any]] | None = None
        self._organization: Mapping[str, Any] | None = None
        self._userinfo: Mapping[str, Any] | None = None

    @property
    def currency_types(self) -> Sequence[Mapping[str, Any]]:
        """IsoCode, ConversionRate, IsCorporate of every currency; empty in an org with one currency (the object is not there)."""
        if self._currencies is None:
            soql = "SELECT IsoCode, ConversionRate, IsCorporate FROM CurrencyType"
            try:
                self._currencies = self._client.records(soql, doing="the currencies")
            except KamsyncError as error:
                if not means_absent(error):
                    raise
                self._currencies = []
        return self._currencies

    @property
    def has_many_currencies(self) -> bool:
        return bool(self.currency_types)

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
            wish = "" if self.has_many_currencies else ", DefaultCurrencyIsoCode"
            try:
                found = self._client.records(f"SELECT {fields}{wish} FROM Organization", doing="the organization")
            except KamsyncError as error:
                if not wish or not means_absent(error):
                    raise
                found = self._client.records(f"SELECT {fields} FROM Organization", doing="the organization")
            self._organization = found[0] if found else {}
        return self._organization

    def dated_rates(self) -> Sequence[Mapping[str, Any]]:
        """Rates by date; empty unless advanced currency management is on."""
        if not self.has_many_currencies:
            return ()
        try:
            return self._client.records(
                "SELECT IsoCode, StartDate, ConversionRate FROM DatedConversionRate", doing="the dated rates"
            )
        except KamsyncError as error:
            if not means_absent(error):
                raise
            return ()

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

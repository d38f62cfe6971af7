"""The embedded HubSpot: one portal over the sample company that answers as the real service does.

`SandboxOptions.vendor` takes the fields of `options.PortalOptions` (tier, scopes, search_lag_seconds, …). Limits: one
process, in memory; API features that a sync of companies, deals and tasks does not touch (forms, marketing, files) are absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamsync.sandbox.company_records import SampleCompany
from kamsync.sandbox.crm import SandboxOptions

from .after_setup import provision
from .app import HubSpotApp
from .checkpoint import keep, put_back
from .options import portal_options
from .portal import Portal
from .seed import load
from .view import HubSpotView

__all__ = ["HubSpotSandbox", "build_sandbox"]


class HubSpotSandbox:
    """A portal, its API and its page (`kamsync.sandbox.crm.SandboxCrm`)."""

    kind = "hubspot"

    def __init__(self, portal: Portal) -> None:
        self.portal = portal
        self.app = HubSpotApp(portal)
        self.view = HubSpotView(portal)

    def settings(self, base_url: str) -> Mapping[str, Any]:
        """The `[crm.hubspot]` table that signs in to this portal at `base_url`, its token as plain text."""
        return {"base_url": base_url, "access_token": self.portal.options.access_token}

    def calls(self) -> int:
        """Calls that HubSpot would count against the day: all that a valid token made, refused ones aside."""
        return self.app.limits.calls

    def keep(self) -> bytes:
        """The portal's whole state, for `put_back`. Both only while no call is under way."""
        return keep(self.portal)

    def put_back(self, kept: bytes) -> None:
        """Puts the portal back to what `keep` gave: what came later is gone."""
        put_back(self.portal, kept)


def build_sandbox(company: SampleCompany, options: SandboxOptions) -> HubSpotSandbox:
    """A portal over the company. Raises ConfigError for a vendor option that there is not."""
    portal = load(company, portal_options(options), options.today)
    if options.provisioned:
        provision(portal)
    return HubSpotSandbox(portal)

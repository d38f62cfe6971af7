"""The HubSpot connector: its settings, and where the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kamsync.contract import CONTRACT_VERSION, Context, SandboxCrm, Setting

if TYPE_CHECKING:
    from kamsync_hubspot.connection import HubSpotConnection

DEFAULT_BASE_URL = "https://api.hubapi.com"

SETTINGS = (
    Setting("base_url", "Address of HubSpot's API.", "url", default=DEFAULT_BASE_URL),
    Setting("access_token", "Token of a private app (Settings → Integrations → Private Apps), instead of OAuth.", secret=True),
    Setting("client_id", "Client id of the OAuth app.", secret=True),
    Setting("client_secret", "Client secret of the OAuth app.", secret=True),
    Setting("refresh_token", "Refresh token that the portal's installation of the OAuth app gave.", secret=True),
    Setting("ca_bundle", "File with the certificates of a private authority or a company proxy.", "path"),
    Setting("burst_limit", "Calls in ten seconds, where it should be less than HubSpot's own limit.", "integer"),
)


class HubSpotConnector:
    """What the entry point names."""

    kind = "hubspot"
    label = "HubSpot"
    settings = SETTINGS
    contract_version = CONTRACT_VERSION

    def connect(self, settings: Mapping[str, Any], context: Context) -> HubSpotConnection:
        # The vendor's packages take a third of a second to load; commands that only read the cache do without.
        from kamsync_hubspot.connection import open_connection

        return open_connection(settings, context)

    def sandbox(self, company: Any, options: Any) -> SandboxCrm:
        # The sandbox brings a web framework along, which the agent itself does not need.
        from kamsync_hubspot.sandbox import build_sandbox

        return build_sandbox(company, options)

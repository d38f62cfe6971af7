"""The HubSpot connector: its settings, and where the rest is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from kamsync.contract import CONTRACT_VERSION, Context, SandboxCrm
from kamsync_hubspot.settings import SETTINGS

if TYPE_CHECKING:
    from kamsync_hubspot.connection import HubSpotConnection


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

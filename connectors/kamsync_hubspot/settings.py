"""The keys of `[crm.hubspot]`, as the core asks for them. Values only."""

from __future__ import annotations

from kamsync.contract import Setting

DEFAULT_BASE_URL = "https://api.hubapi.com"


SETTINGS = (
    Setting("base_url", "Address of HubSpot's API.", "url", default=DEFAULT_BASE_URL),
    Setting(
        "access_token",
        "Token of a private app (Settings → Integrations → Private Apps), instead of OAuth.",
        secret=True,
        holds="token",
    ),
    Setting("client_id", "Client id of the OAuth app.", secret=True, holds="token"),
    Setting("client_secret", "Client secret of the OAuth app.", secret=True, holds="token"),
    Setting("refresh_token", "Refresh token that the portal's installation of the OAuth app gave.", secret=True, holds="token"),
    Setting("ca_bundle", "File with the certificates of a private authority or a company proxy.", "path"),
    Setting("burst_limit", "Calls in ten seconds, where it should be less than HubSpot's own limit.", "integer"),
)

"""Sign in to HubSpot: a private app's token, or OAuth with a refresh token whose access tokens are renewed ahead of time.

"Unauthorized (401) requests are not a valid indicator that a new access token must be retrieved" (API usage guidelines), so an
access token is renewed by its `expires_in`; a 401 that comes all the same is survived once.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from kamsync.contract import Secret
from kamsync.errors import AccessDenied, BadAnswer, ConfigError
from kamsync.http import redact

DEFAULT_LIFE_SECONDS = 1800.0  # OAuth access tokens live 30 minutes ("OAuth quickstart")
AHEAD_SHARE = 0.2  # renewed when a fifth of its life, at most two minutes, is left
AHEAD_SECONDS = 120.0
OAUTH_SETTINGS = ("client_id", "client_secret", "refresh_token")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The settings of [crm.hubspot] that concern the sign-in, checked: either a token or the three of OAuth."""

    access_token: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""

    @property
    def is_oauth(self) -> bool:
        """Whether it signs in by a refresh token."""
        return bool(self.refresh_token)

    @property
    def fingerprint(self) -> str:
        """Tells portals apart without telling the secret."""
        return hashlib.sha256(f"{self.access_token}|{self.client_id}|{self.refresh_token}".encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Credentials({'OAuth' if self.is_oauth else 'access token'})"


def read_credentials(settings: Mapping[str, Any]) -> Credentials:
    """The credentials in `settings`, or ConfigError naming what is missing."""

    def text(name: str) -> str:
        value = settings.get(name)
        found = value.reveal() if isinstance(value, Secret) else str(value or "")
        redact.add(found.strip())
        return found.strip()

    token = text("access_token")
    oauth = {name: text(name) for name in OAUTH_SETTINGS}
    given = [name for name, value in oauth.items() if value]
    if token and given:
        raise ConfigError(
            f"crm.hubspot: access_token and {given[0]} exclude each other.",
            fix="Keep `access_token` for a private app, or client_id, client_secret and refresh_token for OAuth.",
        )
    if token:
        return Credentials(access_token=token)
    missing = [name for name in OAUTH_SETTINGS if not oauth[name]]
    if missing == list(OAUTH_SETTINGS):
        raise ConfigError(
            "crm.hubspot: there is no way to sign in.",
            fix="Set `access_token` (a private app's), or client_id, client_secret and refresh_token.",
        )
    if missing:
        raise ConfigError(f"crm.hubspot: OAuth needs {', '.join(missing)} too.", fix="Add it to [crm.hubspot].")
    return Credentials(**oauth)


class Token:
    """The current access token. `refresh(form)` makes the call that renews it and returns the decoded answer."""

    def __init__(
        self,
        credentials: Credentials,
        refresh: Callable[[Mapping[str, str]], Any],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._credentials = credentials
        self._refresh = refresh
        self._clock = clock
        self._refresh_token = credentials.refresh_token
        self._renew_at = 0.0 if credentials.is_oauth else float("inf")
        self.value = credentials.access_token

    @property
    def can_renew(self) -> bool:
        """Whether a new token can be had without a person."""
        return self._credentials.is_oauth

    def fresh(self) -> str:
        """The token to send now, renewed if its end is near."""
        if self._clock() >= self._renew_at:
            self.renew()
        return self.value

    def renew(self) -> None:
        """Asks for a new token. Raises BadAnswer where the answer has none, and what `refresh` raises."""
        asked_at = self._clock()
        answer = self._refresh(
            {
                "grant_type": "refresh_token",
                "client_id": self._credentials.client_id,
                "client_secret": self._credentials.client_secret,
                "refresh_token": self._refresh_token,
            }
        )
        token = answer.get("access_token") if isinstance(answer, dict) else None
        if not token:
            raise BadAnswer("HubSpot's answer to the sign-in has no access token.", fix="Check `base_url` in [crm.hubspot].")
        self.value = str(token)
        redact.add(self.value)
        # It does not rotate today; should HubSpot hand out another one, the old one may be dead.
        self._refresh_token = str(answer.get("refresh_token") or self._refresh_token)
        redact.add(self._refresh_token)
        life = _seconds(answer.get("expires_in"))
        self._renew_at = asked_at + life - min(AHEAD_SECONDS, life * AHEAD_SHARE)


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return DEFAULT_LIFE_SECONDS


def refresh_refused(status: str, message: str) -> AccessDenied:
    """A refused refresh: `status` is HubSpot's own word, such as BAD_REFRESH_TOKEN."""
    word = f"{status} {message}".upper()
    if "REFRESH" in word:
        fix = "Install the app in the portal again and set the new `refresh_token`."
    elif "SECRET" in word:
        fix = "Check `client_secret` (the app's Auth page)."
    else:
        fix = "Check client_id, client_secret and refresh_token in [crm.hubspot]."
    return AccessDenied(f"HubSpot refused the sign-in: {message or 'no reason given'} ({status or 'no code'}).", fix=fix)

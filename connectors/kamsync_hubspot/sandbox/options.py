"""The HubSpot sandbox's own knobs (`SandboxOptions.vendor`): differences between real portals, read once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from kamsync.errors import ConfigError
from kamsync.sandbox.crm import SandboxOptions

from .kinds import WITH_SCOPES

ALL_SCOPES = frozenset(
    [f"crm.{what}.{kind}.{right}" for what in ("objects", "schemas") for kind in WITH_SCOPES for right in ("read", "write")]
    + ["crm.objects.owners.read", "crm.lists.read", "crm.lists.write", "crm.export", "e-commerce", "settings.currencies.read"]
)

# developers.hubspot.com "API usage guidelines and limits": calls in ten seconds and a day, by subscription.
BURST_BY_TIER = {"free": 100, "starter": 100, "professional": 190, "enterprise": 190, "increased": 250}
DAILY_BY_TIER = {"free": 250_000, "starter": 250_000, "professional": 625_000, "enterprise": 1_000_000, "increased": 2_000_000}


@dataclass(frozen=True, slots=True)
class PortalOptions:
    """`tier`: free | starter | professional | enterprise | increased. `search_lag_seconds`: how long a write stays unseen by
    search. `token_lifetime_seconds`: of OAuth access tokens. `unique_task_key`: whether activities take unique properties.
    `one_stamp`: every seeded record carries the same change stamp, as after an import. `clock`: seconds since 1970.
    `merges_keep_id`: the primary record of a merge lives on, as before new ids came. `unavailable`: status (403: not in this plan
    or not for this user, 404: no such feature here, 410: gone) by the beginning of a path."""

    tier: str = "professional"
    scopes: frozenset[str] = ALL_SCOPES
    access_token: str = "pat-na1-sandbox-0000-0000-0000-000000000000"
    client_id: str = "sandbox-client-id"
    client_secret: str = "sandbox-client-secret"
    refresh_token: str = "sandbox-refresh-token"
    token_lifetime_seconds: int = 1800
    search_lag_seconds: float = 0.2
    unique_task_key: bool = True
    one_stamp: bool = False
    merges_keep_id: bool = False
    unavailable: Mapping[str, int] = field(default_factory=dict)
    portal_id: int = 244_100_321
    time_zone: str = "America/Sao_Paulo"
    currency: str = ""
    burst_limit: int | None = None
    search_limit: int = 5
    export_seconds: float = 0.0
    daily_limit: int | None = None
    enforce_rate_limits: bool = True
    clock: Callable[[], float] = field(default=time.time, compare=False)

    @property
    def burst(self) -> int:
        """Calls in ten seconds: 100, or 190 from the professional tiers on."""
        return self.burst_limit or BURST_BY_TIER[self.tier]

    @property
    def daily(self) -> int:
        """Calls in a day."""
        return self.daily_limit or DAILY_BY_TIER[self.tier]


def portal_options(options: SandboxOptions) -> PortalOptions:
    """`options.vendor` as a value. Raises ConfigError for an option or a tier that there is not."""
    known: dict[str, Any] = dict(options.vendor)
    unknown = sorted(set(known) - set(PortalOptions.__dataclass_fields__))
    if unknown:
        raise ConfigError(
            f"The HubSpot sandbox has no option {unknown[0]!r}.",
            fix=f"Use one of: {', '.join(sorted(PortalOptions.__dataclass_fields__))}.",
        )
    if "scopes" in known:
        known["scopes"] = frozenset(known["scopes"])
    if known.get("tier", "free") not in BURST_BY_TIER:
        raise ConfigError(f"HubSpot has no tier {known['tier']!r}.", fix=f"Use one of: {', '.join(BURST_BY_TIER)}.")
    known.setdefault("daily_limit", options.daily_limit)
    known.setdefault("enforce_rate_limits", options.enforce_rate_limits)
    return PortalOptions(**known)

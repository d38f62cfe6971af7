"""HubSpot's own fields of key accounts, kept in step with the tier where the mapping's [options] mirror_target_account says so.

The target accounts home of Sales Hub works with them ("Target accounts" guide): `hs_is_target_account`, and for the first three
tiers `hs_ideal_customer_profile` with its fixed options tier_1, tier_2, tier_3. They follow the tier and nothing else, so taking
a tier back takes them back too.
"""

from __future__ import annotations

from collections.abc import Mapping

from kamsync.contract import Context
from kamsync.errors import ConfigError
from kamsync.model import CrmMapping, Value

TARGET_ACCOUNT = "hs_is_target_account"
IDEAL_PROFILE = "hs_ideal_customer_profile"
PROFILES = ("tier_1", "tier_2", "tier_3")


def mirrors(mapping: CrmMapping) -> bool:
    """Whether the mapping asks for it. Raises ConfigError where the option is neither true nor false."""
    value = mapping.options.get("mirror_target_account", False)
    if not isinstance(value, bool):
        raise ConfigError(
            "The mapping's [options] mirror_target_account is neither true nor false.", fix="Write mirror_target_account = true."
        )
    return value


def mirrored(context: Context, fields: Mapping[str, Value]) -> dict[str, str]:
    """Further properties of a company whose flags become `fields`: none where the tier stays or nothing is mirrored."""
    if "tier" not in fields or not mirrors(context.mapping):
        return {}
    names = [choice.name for choice in context.tiers]
    tier = fields["tier"]
    rank = names.index(str(tier)) if tier in names else len(PROFILES)
    return {
        TARGET_ACCOUNT: "true" if tier else "false",
        IDEAL_PROFILE: PROFILES[rank] if tier and rank < len(PROFILES) else "",
    }

"""The names that playbooks say beside the facts: what is decided of an account, and what only texts show.

Here and not with the playbooks, because whoever only refuses a name need not load what compiles them.
"""

from __future__ import annotations

from collections.abc import Mapping

from kamsync.model import Kind

# What `when` and the templates see beside the facts, by kind.
DECIDED_NAMES: Mapping[str, Kind] = {
    "tier": "text",
    "tier_rank": "number",
    "previous_tier": "text",
    "entered": "boolean",
    "left": "boolean",
    "score": "number",
    "segment": "text",
    "health": "text",
    "previous_health": "text",
    "override_until": "date",
}
# What only templates see.
TEMPLATE_NAMES = (
    "name",
    "account_id",
    "as_of",
    "since",
    "tier_label",
    "segment_label",
    "health_label",
    "owner_name",
    "assignee_name",
    "program_name",
)

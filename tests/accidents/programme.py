"""The programme of the accident tests: tiers that move when the criterion changes, tasks for the best two, some that close again.

Guards are out of the way; they have tests of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from kamsync.cli.sandboxes import SECRET_SETTINGS

LIMIT = 12  # new tasks an owner and run, where there is a limit: two runs make them all
# Where each key account's plan is kept: nowhere, in a note, in Salesforce's own objects.
Pages = Literal["", "notes", "account plans"]
MAPPING = "config-mapping.toml"  # of one's own, for the account plans
REVENUE, SIZE = "won_amount_12m", "employees"
RANK = "percentile = true"


def programme_text(
    crm: str, settings: Mapping[str, Any], criterion: str, *, limit: int | None = None, scale: str = RANK, pages: Pages = ""
) -> str:
    """A configuration that scores accounts by the fact `criterion` alone; secrets are named by `secret_name`."""
    signing_in = "".join(
        f'{name} = {{ env = "{secret_name(name)}" }}\n' if name in SECRET_SETTINGS else f'{name} = "{value}"\n'
        for name, value in settings.items()
    )
    limited = f"max_new_tasks_per_owner_per_run = {limit}\n" if limit else ""
    kept = "[plans]\nnote = true\n" if pages else ""
    mapping = MAPPING if pages == "account plans" else crm
    tiers = "".join(f'[[tiers]]\nname = "{name}"\nenter = {enter}\n' for name, enter in (("A", 75), ("B", 50), ("C", 25)))
    onboarding = "".join(
        f'[[playbooks.tasks]]\nname = "{name}"\ndue = "{day} business days"\nsubject = {{ en = "{name} {{{{ name }}}}" }}\n'
        for day, name in enumerate(("greet", "map", "plan", "meet"), start=2)
    )
    return f"""
[program]
timezone = "UTC"
fallback_owner = "owner1@kamsync.example"
{limited}
[crm]
kind = "{crm}"
mapping = "{mapping}"
[crm.{crm}]
{signing_in}
[cache]
path = "kamsync.db"
[guard]
max_changed_share = 1.0
max_vanished_share = 1.0
first_run = "go"
{kept}{tiers}
[[criteria]]
name = "rank"
axis = "attractiveness"
goal = "retention"
weight = 1
value = "{criterion}"
scale = {{ {scale} }}
[[playbooks]]
name = "onboarding"
when = "tier_rank <= 2"
every = "entry"
{onboarding}
[[playbooks]]
name = "care"
when = "tier_rank = 1"
every = "month"
when_clear = "close"
[[playbooks.tasks]]
name = "visit"
due = "5 business days"
subject = {{ en = "Visit {{{{ name }}}}" }}
"""


def mapping_with_account_plans(text: str) -> str:
    """Salesforce's shipped mapping, with its Account Plans in use."""
    return text.replace("[plan]\n", "[plan]\naccount_plans = true\n", 1)


def secret_name(setting: str) -> str:
    """The environment variable of a setting that is a secret."""
    return f"KAMSYNC_{setting}".upper()

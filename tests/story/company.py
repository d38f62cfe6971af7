"""The company of the stories: five accounts, two owners, and programmes in which a score is a number that people type.

Everything that decides is visible here, so that the naive model (`tests.story.model`) can decide by itself.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from kamsync.config import Config, load_config
from kamsync.model import Kind
from kamsync.testing.memory import CONNECTOR, FLAG_FIELDS, Behaviour, MemoryCrm, mapping_text, write_entry_point

POTENTIALS = (85, 65, 50, 35, 10)
FIELDS: dict[str, Kind] = {
    "potential": "number",
    "strategic": "boolean",
    "market_size": "number",
    "evidence_date": "date",
    "barred": "boolean",
}
LIMIT = 2  # new tasks for one owner in one run
ADOPT_DAYS = 90
EVIDENCE_DAYS = 60
TOKEN = "a-token-that-opens-the-memory"


@dataclass(frozen=True, slots=True)
class Rules:
    """One programme. `tiers`: (name, enter, leave), best first. `full_score`: the potential that scores 100.

    `unmapped`: flags for which this company has no field. `review`: the months in which scores move tiers; `seats`: places in
    the best tier for strategic accounts with evidence; `places`: how many accounts the best tier takes.
    """

    name: str
    tiers: tuple[tuple[str, int, int], ...] = (("A", 70, 60), ("B", 40, 30))
    full_score: int = 100
    drift: Literal["adopt", "reclaim"] = "adopt"
    existing_tiers: Literal["current", "override"] = "current"
    unmapped: tuple[str, ...] = ()
    review: tuple[int, ...] = ()
    between: Literal["hold", "rises"] = "hold"
    approve: bool = False
    seats: int = 0
    unit: Literal["account", "group"] = "account"
    members: Literal["inherit", "none"] = "inherit"
    min_days: int = 0
    places: int | None = None

    def rank(self, tier: str | None) -> int:
        """0 is the best; past the last is no tier."""
        names = [name for name, _, _ in self.tiers]
        return names.index(tier) if tier in names else len(names)


USUAL = Rules("usual")
OTHER_CRITERIA = Rules("other criteria", full_score=125)
OTHER_TIERS = Rules("other tiers", tiers=(("A", 82, 75), ("B", 45, 33)))
RECLAIMING = Rules("people's tiers are written back", drift="reclaim")
KEEPING = Rules("the tiers that there were are kept", existing_tiers="override")
LEAN = Rules("few fields", unmapped=("score", "segment", "health", "reasons", "evaluated_at", "receipt"))
PROGRAMMES = (USUAL, OTHER_CRITERIA, OTHER_TIERS, RECLAIMING, KEEPING, LEAN)

PLAYBOOKS = """
[[playbooks]]
name = "onboarding"
when = "entered and tier_rank = 1"
every = "entry"
[[playbooks.tasks]]
name = "meet"
subject = "Meet {{ name }}{% if previous_tier %}, so far {{ previous_tier }}{% endif %}"
due = 3
[[playbooks.tasks]]
name = "agree"
subject = "Agree goals with {{ name }}"
due = 10
[[playbooks]]
name = "review"
when = "tier_rank = 1"
every = "quarter"
when_clear = "close"
[[playbooks.tasks]]
name = "prepare"
subject = "Review {{ name }}"
due = 20
[[playbooks]]
name = "care"
when = "tier_rank = 2"
[[playbooks.tasks]]
name = "call"
subject = "Call {{ name }}"
due = 5
"""


def open_org(number: int, behaviour: Behaviour) -> MemoryCrm:
    """The company's org as it is before the program ever ran."""
    crm = CONNECTOR.serve(MemoryCrm(f"story-{number}", fields=FIELDS, behaviour=behaviour, token=TOKEN))
    owners = [crm.add_owner(name, f"{name.lower()}@example.com") for name in ("Ana", "Ben")]
    for position, potential in enumerate(POTENTIALS):
        name = ("Acme", "Beta", "Core", "Dyne", "Echo")[position]
        crm.add_account(name, owner_id=owners[position % 2], potential=potential, currency="EUR")
    return crm


@cache
def config_of(rules: Rules) -> Config:
    """The programme as the program reads it from its file. Its org and its cache are given when a run starts."""
    folder = Path(tempfile.mkdtemp(prefix="kamsync-story-"))
    try:
        lines = mapping_text(FIELDS).splitlines()
        mapped = [line for line in lines if line not in {f'{flag} = "{FLAG_FIELDS[flag]}"' for flag in rules.unmapped}]
        (folder / "memory.toml").write_text("\n".join(mapped), encoding="utf-8")
        (folder / "config.toml").write_text(_text(rules), encoding="utf-8")
        write_entry_point(folder / "site")
        sys.path.append(str(folder / "site"))
        return load_config(folder / "config.toml", environment={"MEMORY_TOKEN": TOKEN})
    finally:
        sys.path.remove(str(folder / "site"))
        shutil.rmtree(folder)


def _text(rules: Rules) -> str:
    tiers = "".join(
        f'[[tiers]]\nname = "{n}"\nenter = {enter}\nleave = {leave}\nmin_days = {rules.min_days}\n'
        + (f"max_accounts = {rules.places}\n" if rules.places is not None and n == rules.tiers[0][0] else "")
        for n, enter, leave in rules.tiers
    )
    # Guards have tests of their own.
    return f"""
[program]
timezone = "UTC"
max_new_tasks_per_owner_per_run = {LIMIT}
adopt_days = {ADOPT_DAYS}
drift = "{rules.drift}"
existing_tiers = "{rules.existing_tiers}"
unit = "{rules.unit}"
members = "{rules.members}"
[review]
months = [{", ".join(map(str, rules.review))}]
between = "{rules.between}"
approve = {str(rules.approve).lower()}
[crm]
kind = "memory"
mapping = "memory.toml"
[crm.memory]
org = "any"
token = {{ env = "MEMORY_TOKEN" }}
[guard]
max_changed_share = 1.0
max_vanished_share = 1.0
first_run = "go"
{tiers}
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 1
value = "potential"
scale = {{ linear = [0, {rules.full_score}] }}
[[rules]]
when = "barred"
exclude = true
{_seats(rules)}{PLAYBOOKS}"""


def _seats(rules: Rules) -> str:
    if not rules.seats:
        return ""
    return f"""
[[seats]]
tier = "{rules.tiers[0][0]}"
count = {rules.seats}
when = "strategic"
rank = "market_size"
evidence = "evidence_date"
valid_days = {EVIDENCE_DAYS}
"""

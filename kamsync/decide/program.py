"""A key-account programme as a frozen value: what the configuration says, checked and complete.

`kamsync.config` builds it from TOML; everything in `decide` reads it. Expressions are kept as text together with the place
where they stand, for messages; `decide.expressions` compiles them. No I/O.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date
from types import MappingProxyType
from typing import Literal

from kamsync.decide.fact import Unit
from kamsync.decide.place import Expression as Expression
from kamsync.decide.place import Place as Place
from kamsync.decide.scales import Scale
from kamsync.flags import FLAGS
from kamsync.model import Kind, Priority, TaskType

Axis = Literal["attractiveness", "strength", "health"]
Goal = Literal["retention", "expansion", "authority", "market"]
NO_TIER = "none"
HEALTH_MIN_COVERAGE = 0.5


@dataclass(frozen=True, slots=True)
class Decay:
    """Scores halve every `half_life_days` from the date that `since` gives."""

    since: Expression
    half_life_days: float


@dataclass(frozen=True, slots=True)
class Criterion:
    """A `value`, scaled to 0…100 and weighed on its axis; `missing`: the score where it is unknown, or `skip`."""

    name: str
    axis: Axis
    goal: Goal
    weight: float
    value: Expression
    scale: Scale
    missing: Literal["zero", "skip"] | float = "zero"
    decay: Decay | None = None
    label: str = ""
    unit: Unit = ""  # of its value; "" where it is the fact's own, or none
    actionable: bool | None = None  # whether somebody can act on it; None: not where it reads tenure and size only
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Tier:
    """`min_days`, `max_accounts`, `top_percent` (0…100, of the active), `max_per_owner`: None or 0 days where not limited."""

    name: str
    enter: float
    leave: float
    label: str = ""
    min_days: int = 0
    max_accounts: int | None = None
    top_percent: float | None = None
    max_per_owner: int | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Rule:
    """Where `when` holds: the least tier, the most, or none at all. `reason` is for people."""

    when: Expression
    floor: str | None = None
    ceiling: str | None = None  # a tier or NO_TIER
    exclude: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """`count` reserved places in `tier`, for accounts for which `when` holds and whose `evidence` (a date) is fresh enough.

    The first by `rank` have them.
    """

    tier: str
    count: int
    when: Expression
    rank: Expression
    evidence: Expression
    valid_days: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TaskTemplate:
    """One task of a playbook. `subject` and `body` by language; `due` as written (`5`, "10 business days", "renewal - 90 days").

    `assignee`: owner | owner.manager | role:<account field> | user:<id or e-mail>; several, the first who can, with commas.
    `after`: the task of the same playbook that must be done first. Made at most `ahead_days` before its planned day and at most
    `late_days` after it; None where that does not matter.
    """

    name: str
    subject: Mapping[str, str]
    body: Mapping[str, str]
    due: str
    assignee: str = "owner"
    priority: Priority = "normal"
    type: TaskType = "todo"
    after: str = ""
    ahead_days: int | None = None
    late_days: int | None = None
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Playbook:
    """`not_with`: playbooks to which it gives way while they fire. `group`: of these one in `quiet_days` for an account.

    `stagger_days`: over how many days the accounts' periods of `every` begin, so that they do not all fall on one day.
    """

    name: str
    when: Expression
    tasks: tuple[TaskTemplate, ...]
    every: str = "once"  # once | entry | month | quarter | year | <N> days | <N> months | value:<fact>
    when_clear: Literal["keep", "close"] = "keep"
    on_owner_change: Literal["keep", "follow"] = "keep"
    not_with: tuple[str, ...] = ()
    group: str = ""
    quiet_days: int = 0
    stagger_days: int = 0
    label: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class GoalTarget:
    """What a goal is measured by: a key figure (a name of decide.kpis.MEASURES) and the least that it should be, in its unit."""

    kpi: str
    target: float
    place: Place = Place()


@dataclass(frozen=True, slots=True)
class Guards:
    """`first_run`: whether the first run on an org waits for a person's `apply`."""

    max_changed_share: float = 0.2
    max_vanished_share: float = 0.1
    api_budget_share: float = 0.5
    first_run: Literal["ask", "go"] = "ask"


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that decides. `tiers` best first. `account_columns`: name → kind of every mapped account field;
    `opportunity_columns`: the names of the opportunities' mapped ones.

    `active`: the eligible accounts of which `top_percent` is a share.

    `review_months`: the months in which scores may change tiers, any where there are none; `review_between`: what happens in
    the others. `approve`: an unattended run leaves moves into and out of the best tier to a person. `unit`: who is decided;
    `members`: what those get whose group is.
    `mapped_flags`: the flags that this CRM has a field for; the others are never written.
    """

    tiers: tuple[Tier, ...]
    criteria: tuple[Criterion, ...]
    rules: tuple[Rule, ...] = ()
    playbooks: tuple[Playbook, ...] = ()
    name: str = "Key accounts"
    timezone: str = "UTC"
    currency: str = ""
    language: str = "en"
    country: str = ""  # ISO code of the holiday calendar for business days, "" none
    eligible: Expression = Expression("true")
    active: Expression = Expression("true")
    contacts: Literal["auto", "always", "never"] = "auto"  # whether people are pulled: where something reads of them
    unknown_currency: Literal["error", "ignore"] = "error"
    renewal_types: tuple[str, ...] = ()
    min_coverage: float = 0.0
    drift: Literal["adopt", "reclaim"] = "adopt"
    adopt_days: int = 90
    existing_tiers: Literal["current", "override"] = "current"
    write_scope: Literal["flagged", "all"] = "flagged"
    score_deadband: float = 5.0
    segment_attractiveness: float = 50.0
    segment_strength: float = 50.0
    segment_labels: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    health_green: float = 70.0
    health_amber: float = 40.0
    health_min_coverage: float = HEALTH_MIN_COVERAGE  # where less of the health weights is known, health is unknown
    fallback_owner: str = ""
    max_new_tasks_per_owner_per_run: int | None = None
    max_due_per_owner_per_day: int | None = None
    plan_note: bool = False  # the account's plan is kept as a note on it
    account_columns: Mapping[str, Kind] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    opportunity_columns: frozenset[str] = frozenset()
    mapped_flags: frozenset[str] = frozenset(name for name, flag in FLAGS.items() if not flag.optional)
    guards: Guards = Guards()
    goals: Mapping[Goal, GoalTarget] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    seats: tuple[Seat, ...] = ()
    review_months: tuple[int, ...] = ()
    review_between: Literal["hold", "rises"] = "hold"
    approve: bool = False
    unit: Literal["account", "group"] = "account"
    members: Literal["inherit", "none"] = "inherit"


@dataclass(frozen=True, slots=True)
class Held:
    """What the CRM shows of an account at the pull: all that its tier may depend on besides its facts.

    `decided_tier` is what this program decided when it last wrote here: NO_TIER for an empty tier field, None where it never
    wrote or the field is not mapped. `is_mapped`: whether a decided tier could be kept at all. `inherited`: the override is
    that of an account which was merged into this one, and still has to be written here.
    """

    tier: str | None = None
    since: date | None = None
    override: str | None = None
    override_until: date | None = None
    decided_tier: str | None = None
    is_mapped: bool = True
    inherited: bool = False

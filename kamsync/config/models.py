"""The shape of the configuration file, as pydantic models: types, defaults, ranges. Meaning across keys is in `building`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0, le=100)]
Name = Annotated[str, Field(min_length=1)]
Label = str | dict[str, str]


def _as_label_table(value: Any) -> Any:
    """A plain text is the English one."""
    return {"en": value} if isinstance(value, str) else value


Texts = Annotated[dict[str, str], BeforeValidator(_as_label_table)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ProgramTable(_Table):
    name: Name = "Key accounts"
    timezone: str = "UTC"
    currency: Annotated[str, Field(pattern=r"^([A-Z]{3})?$")] = ""
    language: Literal["en", "pt_BR", "es"] = "en"
    country: str = ""
    eligible: str = "true"
    criteria: str | None = None
    playbooks: list[str] = []
    unknown_currency: Literal["error", "ignore"] = "error"
    renewal_types: list[str] = []
    min_coverage: Share = 0.0
    drift: Literal["adopt", "reclaim"] = "adopt"
    adopt_days: Annotated[int, Field(ge=0)] = 90
    existing_tiers: Literal["current", "override"] = "current"
    write_scope: Literal["flagged", "all"] = "flagged"
    score_deadband: Points = 5.0
    fallback_owner: str = ""
    max_new_tasks_per_owner_per_run: Annotated[int, Field(ge=0)] | None = None


class CrmTable(BaseModel):
    """`[crm]`: the tables of the connectors are checked against the connector's own settings."""

    model_config = ConfigDict(extra="allow")
    kind: Name
    mapping: str | None = None


class CacheTable(_Table):
    path: Name = "kamsync.db"


class TierTable(_Table):
    name: Name
    label: Label = ""
    enter: Points
    leave: Points | None = None
    min_days: Annotated[int, Field(ge=0)] = 0
    max_accounts: Annotated[int, Field(ge=0)] | None = None
    top_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    max_per_owner: Annotated[int, Field(ge=0)] | None = None


class DecayTable(_Table):
    since: Name
    half_life_days: Annotated[float, Field(gt=0)]


class CriterionTable(_Table):
    name: Name
    label: Label = ""
    axis: Literal["attractiveness", "strength", "health"]
    goal: Literal["retention", "expansion", "authority", "market"]
    weight: Annotated[float, Field(ge=0)]
    value: Name
    scale: dict[str, Any]  # its keys are those of decide.scales
    missing: Literal["zero", "skip"] | Points = "zero"
    decay: DecayTable | None = None
    optional: bool = False


class RuleTable(_Table):
    when: Name
    floor: str | None = None
    ceiling: str | None = None
    exclude: bool = False
    reason: Label = ""


class TaskTable(_Table):
    name: Name
    subject: Texts
    body: Texts = {}
    due: str | int = 0
    assignee: str = "owner"
    priority: Literal["low", "normal", "high"] = "normal"


class PlaybookTable(_Table):
    name: Name
    when: Name
    tasks: list[TaskTable]
    every: str = "once"
    when_clear: Literal["keep", "close"] = "keep"
    label: Texts = {}


class SegmentsTable(_Table):
    attractiveness: Points = 50.0
    strength: Points = 50.0
    labels: dict[Literal["key", "development", "maintenance", "opportunistic"], str] = {}


class HealthTable(_Table):
    green: Points = 70.0
    amber: Points = 40.0


class ScheduleTable(_Table):
    sync: str | None = None
    full_pull: str | None = None


class GuardTable(_Table):
    max_changed_share: Share = 0.2
    max_vanished_share: Share = 0.1
    api_budget_share: Share = 0.5
    first_run: Literal["ask", "go"] = "ask"


class CriteriaFile(_Table):
    """A preset, or the FILE of `simulate`: what decides, without the CRM."""

    tiers: list[TierTable] = []
    criteria: list[CriterionTable] = []
    rules: list[RuleTable] = []
    segments: SegmentsTable | None = None
    health: HealthTable | None = None


class ConfigFile(_Table):
    program: ProgramTable = ProgramTable()
    crm: CrmTable
    cache: CacheTable = CacheTable()
    tiers: list[TierTable] = []
    criteria: list[CriterionTable] = []
    rules: list[RuleTable] = []
    playbooks: list[PlaybookTable] = []
    segments: SegmentsTable = SegmentsTable()
    health: HealthTable = HealthTable()
    schedule: ScheduleTable = ScheduleTable()
    guard: GuardTable = GuardTable()

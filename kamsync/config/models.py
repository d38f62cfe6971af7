"""The shape of the configuration file, as pydantic models: types, defaults, ranges. Meaning across keys is in `assembly`."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from kamsync.decide.program import Axis, Goal
from kamsync.glossary import LanguageName
from kamsync.model import Priority, TaskType

MOST_DAYS = 36_500  # a century: farther away the calendar ends
MOST_DUE_DAYS = 9_999  # as decide.due reads them
MOST_JITTER_SECONDS = 6 * 3600
MOST_MONTHS = 1_200
MOST = 1_000_000_000
MOST_TEXT = 32_000  # as much as a CRM takes in a description
MOST_WEIGHT = 1_000_000
LARGEST_AMOUNT = 1e15  # beyond it differences of money are lost in floating point

Share = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0, le=100)]
Days = Annotated[int, Field(ge=0, le=MOST_DAYS)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Amount = Annotated[float, Field(ge=-LARGEST_AMOUNT, le=LARGEST_AMOUNT)]
Text = Annotated[str, Field(max_length=4_000)]


def _one_line_name(text: str) -> str:
    """A name stands in lists, in pick lists of the CRM and in keys."""
    if not text.strip():
        raise ValueError("must be a text that is not empty")
    if not text.isprintable():
        raise ValueError("must be one line without invisible characters")
    return text


Name = Annotated[str, Field(max_length=255), AfterValidator(_one_line_name)]
Written = Annotated[str, Field(min_length=1, max_length=4_000)]  # an expression: several lines are welcome
Label = Text | dict[str, Text]


def _currency(code: str) -> str:
    if re.fullmatch("([A-Z]{3})?", code):
        return code
    meant = code.strip().upper()
    hint = f"; write {meant!r}" if re.fullmatch("[A-Z]{3}", meant) else ""
    raise ValueError(f"a currency is its ISO code, three capital letters such as 'EUR'{hint}")


Currency = Annotated[str, Field(max_length=255), AfterValidator(_currency)]


def _as_label_table(value: Any) -> Any:
    """A plain text is the English one."""
    return {"en": value} if isinstance(value, str) else value


Texts = Annotated[dict[str, Annotated[str, Field(max_length=MOST_TEXT)]], BeforeValidator(_as_label_table)]


class _Table(BaseModel):
    # Strict: TOML has types, and a number in quotes or a boolean for a number is a mistake to be told, not to be guessed at.
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ProgramTable(_Table):
    """`[program]`: whose programme it is, and how it treats what people and other programmes have done."""

    name: Name = "Key accounts"
    timezone: Text = "UTC"
    currency: Currency = ""
    language: LanguageName = "en"
    country: Text = ""
    eligible: Written = "true"
    active: Written = "true"
    criteria: Text | None = None
    playbooks: list[Text] | Literal["all"] = []
    contacts: Literal["auto", "always", "never"] = "auto"
    unknown_currency: Literal["error", "ignore"] = "error"
    renewal_types: list[Text] = []
    min_coverage: Share = 0.0
    drift: Literal["adopt", "reclaim"] = "adopt"
    adopt_days: Days = 90
    existing_tiers: Literal["current", "override"] = "current"
    write_scope: Literal["flagged", "all"] = "flagged"
    score_deadband: Points = 5.0
    fallback_owner: Text = ""
    unit: Literal["account", "group"] = "account"
    members: Literal["inherit", "none"] = "inherit"
    max_new_tasks_per_owner_per_run: Count | None = None


class CrmTable(BaseModel):
    """`[crm]`: the tables of the connectors are checked against the connector's own settings."""

    model_config = ConfigDict(extra="allow", strict=True)
    kind: Name
    mapping: Name | None = None


class CacheTable(_Table):
    """`[cache]`: the path of the cache, from the configuration's folder."""

    path: Name = "kamsync.db"


class TierTable(_Table):
    """`[[tiers]]`, best first: scores 0…100 at which it is entered and left, and how many accounts it takes."""

    name: Name
    label: Label = ""
    enter: Points
    leave: Points | None = None
    min_days: Days = 0
    max_accounts: Count | None = None
    top_percent: Annotated[float, Field(gt=0, le=100)] | None = None
    max_per_owner: Count | None = None


class DecayTable(_Table):
    """`decay` of a criterion: the date expression that its age counts from, and the days in which it halves."""

    since: Written
    half_life_days: Annotated[float, Field(ge=0.01, le=MOST_DAYS)]


class CriterionTable(_Table):
    """`[[criteria]]`: one expression, scaled to 0…100 and weighed."""

    name: Name
    label: Label = ""
    axis: Axis
    goal: Goal
    weight: Annotated[float, Field(ge=0, le=MOST_WEIGHT)]
    value: Written
    scale: dict[str, Any]  # its keys are those of decide.scales
    missing: Literal["zero", "skip"] | Points = "zero"
    decay: DecayTable | None = None
    unit: Literal["money", "percent", "count", "days", "months", "date"] | None = None
    actionable: bool | None = None
    optional: bool = False


class RuleTable(_Table):
    """`[[rules]]`: a tier that is the least or the most, or no tier at all, where `when` holds."""

    when: Written
    floor: Text | None = None
    ceiling: Text | None = None
    exclude: bool = False
    reason: Label = ""


class SeatTable(_Table):
    """`[[seats]]`: places in a tier that are kept for accounts with fresh evidence."""

    tier: Text
    count: Annotated[int, Field(ge=1, le=MOST)]
    when: Written
    rank: Written = "won_amount_12m"
    evidence: Written
    valid_days: Days
    reason: Label = ""
    optional: bool = False


class ReviewTable(_Table):
    """`[review]`: the months (1…12) in which tiers change, and what may happen between."""

    months: list[Annotated[int, Field(ge=1, le=12)]] = []
    between: Literal["hold", "rises"] = "hold"
    approve: bool = False


class TaskTable(_Table):
    """`[[playbooks.tasks]]`: a task, its texts by language, and when it is due."""

    name: Name
    subject: Texts
    body: Texts = {}
    due: Text | Annotated[int, Field(ge=0, le=MOST_DUE_DAYS)] = 0
    assignee: Text = "owner"
    priority: Priority = "normal"
    type: TaskType = "todo"
    after: Text = ""
    ahead_days: Days | None = None
    late_days: Days | None = None


class PlaybookTable(_Table):
    """`[[playbooks]]`: when it fires, how often, and the tasks that it makes."""

    name: Name
    when: Written
    tasks: list[TaskTable]
    every: Text = "once"
    when_clear: Literal["keep", "close"] = "keep"
    on_owner_change: Literal["keep", "follow"] = "keep"
    not_with: list[Text] = []
    group: Text = ""
    quiet_days: Days = 0
    stagger_days: Days = 0
    label: Texts = {}


class SegmentsTable(_Table):
    """`[segments]`: where the two axes (0…100) are cut, and what the four parts are called."""

    attractiveness: Points = 50.0
    strength: Points = 50.0
    labels: dict[Literal["key", "development", "maintenance", "opportunistic"], Text] = {}


class HealthTable(_Table):
    """`[health]`: scores (0…100) from which the light is green or amber, and the share (0…1) that must be known."""

    green: Points = 70.0
    amber: Points = 40.0
    min_coverage: Share = 0.5


class GoalTable(_Table):
    """A goal of `[goals]`: the key figure that it is measured by, and the least that it should be, in the figure's own unit."""

    kpi: Literal["revenue", "growth", "pipeline", "win_rate", "engagement", "satisfaction", "score"]
    target: Amount


class GoalsTable(_Table):
    """`[goals]`: the goals of the programme that have a target."""

    retention: GoalTable | None = None
    expansion: GoalTable | None = None
    authority: GoalTable | None = None
    market: GoalTable | None = None


class PlansTable(_Table):
    """`[plans]`: how many tasks of an owner may be due on one day, and whether the plan is kept as a note on the account."""

    note: bool = False
    max_due_per_owner_per_day: Annotated[int, Field(ge=1, le=MOST)] | None = None


class ScheduleTable(_Table):
    """`[schedule]`: cron lines in the programme's time zone, and a random delay in seconds."""

    sync: Text | None = None
    full_pull: Text | None = None
    jitter_seconds: Annotated[int, Field(ge=0, le=MOST_JITTER_SECONDS)] = 0


class LogTable(_Table):
    """`[log]`: how log lines look, how much is said, and a file that gets them too."""

    format: Literal["plain", "json"] = "plain"
    level: Literal["info", "debug"] = "info"
    file: Name | None = None


class ServeTable(_Table):
    """`[serve]`: the port on loopback for health and metrics; 0: none."""

    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class NotifyTable(_Table):
    """`[[notify]]`: a channel, and what it hears of."""

    url: dict[str, Text]  # a secret: who knows it can write to the channel
    who: Literal["failures", "program", "owner"] = "failures"
    when: Literal["weekly", "sync"] | None = None
    tags: list[Name] = []
    language: LanguageName | None = None


class HistoryTable(_Table):
    """`[history]`: the months that decisions and runs are kept; all of them where it is not said."""

    months: Annotated[int, Field(ge=1, le=MOST_MONTHS)] | None = None


class GuardTable(_Table):
    """`[guard]`: shares (0…1) above which a run writes nothing, and whether the first one asks."""

    max_changed_share: Share = 0.2
    max_vanished_share: Share = 0.1
    api_budget_share: Share = 0.5
    first_run: Literal["ask", "go"] = "ask"


class CriteriaFile(_Table):
    """A preset, or the FILE of `simulate`: what decides, without the CRM. `[program] unit`, `members` and `active` go before
    its own."""

    unit: Literal["account", "group"] | None = None
    members: Literal["inherit", "none"] | None = None
    active: Written | None = None
    tiers: list[TierTable] = []
    criteria: list[CriterionTable] = []
    rules: list[RuleTable] = []
    seats: list[SeatTable] = []
    review: ReviewTable | None = None
    segments: SegmentsTable | None = None
    health: HealthTable | None = None


class ConfigFile(_Table):
    """config.toml as a whole."""

    inherit: Text | None = None  # of config.inheritance, which has merged that file's keys in
    program: ProgramTable = ProgramTable()
    crm: CrmTable
    cache: CacheTable = CacheTable()
    tiers: list[TierTable] = []
    criteria: list[CriterionTable] = []
    rules: list[RuleTable] = []
    seats: list[SeatTable] = []
    review: ReviewTable | None = None
    playbooks: list[PlaybookTable] = []
    segments: SegmentsTable = SegmentsTable()
    health: HealthTable = HealthTable()
    goals: GoalsTable = GoalsTable()
    plans: PlansTable = PlansTable()
    schedule: ScheduleTable = ScheduleTable()
    guard: GuardTable = GuardTable()
    history: HistoryTable = HistoryTable()
    log: LogTable = LogTable()
    notify: list[NotifyTable] = []
    serve: ServeTable = ServeTable()

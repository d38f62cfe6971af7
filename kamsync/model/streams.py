"""The streams that every part of the program speaks of, the columns of each, and the mapping of them to a CRM's fields.

Frozen values only. A connector turns its vendor's JSON or CSV into these columns; the cache stores them; decisions read
them. Nothing here performs I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import date, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

Kind = Literal["text", "number", "boolean", "date", "instant"]
Value = str | int | float | bool | date | datetime | None
Priority = Literal["low", "normal", "high"]  # of a task
TaskType = Literal["todo", "call", "email", "meeting"]  # the CRM's own kind of task, where it has one


class Stream(StrEnum):
    """What can be pulled. `TASKS` are only the tasks that carry this program's key; `ACTIVITIES` never contain them."""

    OWNERS = "owners"
    RATES = "rates"
    ACCOUNTS = "accounts"
    OPPORTUNITIES = "opportunities"
    LINE_ITEMS = "line_items"
    ACTIVITIES = "activities"
    CONTACTS = "contacts"
    TASKS = "tasks"


@dataclass(frozen=True, slots=True)
class Column:
    """One canonical column of a stream and where the CRM keeps it.

    `field` is the vendor's name (a Salesforce field or parent path, a HubSpot property), empty where the connector
    itself knows how to obtain it (an association, a stage's metadata). `values` translates picklist values. An `is_optional`
    one has no place of its own in any CRM: it is asked for only where a mapping names its field.
    """

    name: str
    kind: Kind = "text"
    field: str = ""
    values: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    is_optional: bool = False


STAKEHOLDER_ROLES = ("sponsor", "decision_maker", "champion")  # what facts ask for; any other role counts by its own name
_NO_ROLE = re.compile(r'[";\\\x00-\x1f]+')


def roles_text(said: Iterable[str], words: Mapping[str, str]) -> str:
    """What the CRM says of a person's roles as the cache keeps it: each once, `;` between them; `words` translates."""
    roles = (words.get(one.strip(), _NO_ROLE.sub(" ", one).strip()) for one in said if one and one.strip())
    return ";".join(sorted({role for role in roles if role}))


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """All that the program knows of a stream: requests, mapping files, doctor, the cache and the contract suite derive from it.

    `columns`: what a connector must be able to fill, in row order. `key`: the columns that name one row. `index`: those of its
    one index; where it holds all that facts read, the table itself is never visited. `table`: the table of a mapping file that
    names its fields, "" where the connector alone knows them. `account`: the column with the id of the account that a row says
    something of, "" where it says it of none. A stream that is not `is_always_pulled` is asked for where something that the
    programme reads is made of it (a source in decide.facts names its stream), and the CRM may refuse it. `months`: how far
    back it is pulled, None: to the beginning.
    """

    columns: tuple[Column, ...]
    key: tuple[str, ...] = ("id",)
    index: tuple[str, ...] = ()
    table: str = ""
    account: str = ""
    is_always_pulled: bool = True
    months: int | None = None

    @property
    def kinds(self) -> dict[str, Kind]:
        """The kind of each column, by name."""
        return {column.name: column.kind for column in self.columns}


# Accounts also carry `flag_*` (FLAGS) and whatever further names the admin maps. In the order in which a run asks for them.
STREAMS: Mapping[Stream, StreamRecord] = MappingProxyType(
    {
        Stream.OWNERS: StreamRecord(
            (Column("id"), Column("name"), Column("email"), Column("is_active", "boolean"), Column("manager_id"))
        ),
        # rate: units of `currency` for one unit of the org's base currency (Salesforce's ConversionRate). valid_from is
        # null for the current rate; dated rates hold from that date until the next one of the same currency.
        Stream.RATES: StreamRecord(
            (Column("currency"), Column("valid_from", "date"), Column("rate", "number")), key=("currency", "valid_from")
        ),
        Stream.ACCOUNTS: StreamRecord(
            (
                Column("id"),
                Column("name"),
                Column("owner_id"),
                Column("parent_id"),
                Column("type"),
                Column("industry"),
                Column("country"),
                Column("employees", "number"),
                Column("annual_revenue", "number"),
                Column("currency"),
                Column("created_date", "date"),
            ),
            table="account",
            account="id",
        ),
        Stream.OPPORTUNITIES: StreamRecord(
            (
                Column("id"),
                Column("account_id"),
                Column("name"),
                Column("amount", "number"),
                Column("currency"),
                Column("close_date", "date"),
                Column("stage"),
                Column("is_closed", "boolean"),
                Column("is_won", "boolean"),
                Column("probability", "number"),  # 0…1
                Column("type"),
                Column("owner_id"),
                Column("created_date", "date"),  # since when the CRM knows of it: what a replayed day may not see before
                Column("contract_start", "date", is_optional=True),
                Column("contract_months", "number", is_optional=True),
                Column("contract_end", "date", is_optional=True),  # its last day
            ),
            index=("account_id",),
            table="opportunity",
            account="account_id",
        ),
        Stream.LINE_ITEMS: StreamRecord(
            (Column("id"), Column("opportunity_id"), Column("product_family")),
            index=("opportunity_id", "product_family"),
            table="line_item",
            is_always_pulled=False,
        ),
        # kind: task | meeting | call | email | note. One row for each (activity, account) pair.
        Stream.ACTIVITIES: StreamRecord(
            (Column("id"), Column("account_id"), Column("kind"), Column("activity_date", "date")),
            key=("id", "account_id"),
            index=("account_id", "activity_date", "kind"),
            account="account_id",
            is_always_pulled=False,
            months=24,  # DECISIONS.md §2: older activities are not pulled
        ),
        # How people are tied to accounts; who they are is never kept. One row for each tie: `contact` is the person's own record
        # (of each account, where a CRM ties one to several), `relation` a further one, `role` a part in an opportunity.
        Stream.CONTACTS: StreamRecord(
            (
                Column("id"),
                Column("account_id"),
                Column("contact_id"),
                Column("tie"),
                Column("roles"),
                Column("is_active", "boolean"),
                Column("left_date", "date"),
                Column("last_activity_date", "date"),
            ),
            key=("id", "account_id"),
            index=("account_id",),
            table="contact",
            account="account_id",
            is_always_pulled=False,
        ),
        Stream.TASKS: StreamRecord(
            (
                Column("id"),
                Column("key"),
                Column("account_id"),
                Column("owner_id"),
                Column("subject"),
                Column("due", "date"),
                Column("is_open", "boolean"),
                Column("is_deleted", "boolean"),
            ),
            account="account_id",
        ),
    }
)


@dataclass(frozen=True, slots=True)
class PlanMapping:
    """Where people keep an account's goals and objectives: text fields of the account, by the names of PLAN_TEXTS, and whether
    the CRM's own plan objects hold them (`account_plans`)."""

    texts: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    account_plans: bool = False


PLAN_TEXTS = ("customer_goals", "our_objectives")


@dataclass(frozen=True, slots=True)
class CrmMapping:
    """A mapping file as a value: canonical names to CRM fields.

    `columns` hold one Column for each mapped name of a stream. `flags` maps the names of flags.FLAGS to CRM fields, `task_key`
    names the key field of tasks, `options` are the connector's own (for example HubSpot `pipelines`), `plan` says where people
    keep the goals of an account.
    """

    crm: str
    columns: Mapping[Stream, tuple[Column, ...]]
    flags: Mapping[str, str]
    task_key: str
    options: Mapping[str, object] = dataclass_field(default_factory=lambda: MappingProxyType({}))
    plan: PlanMapping = PlanMapping()

    def of(self, stream: Stream) -> tuple[Column, ...]:
        """The mapped columns of a stream; none where the mapping says nothing of it."""
        return self.columns.get(stream, ())

    def asked(self, stream: Stream) -> tuple[Column, ...]:
        """The stream's own columns, each with the field that the mapping names; optional ones only where it names one."""
        fields = {column.name: column for column in self.of(stream)}
        wanted = (column for column in STREAMS[stream].columns if column.name in fields or not column.is_optional)
        return tuple(fields.get(column.name, column) for column in wanted)

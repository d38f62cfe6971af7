"""How records become tables: SQL types, keys and indexes of the streams, for whoever fills or reads them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from kamsync.model import Kind, Stream

SCHEMA_VERSION = 7


class Meta(StrEnum):
    """What is remembered of the cache as a whole. `GENERATION` names the state of everything that decisions read."""

    ORG_ID = "org_id"
    ORG_NAME = "org_name"
    BASE_CURRENCY = "base_currency"
    PULLED_AT = "pulled_at"
    FULL_PULLED_AT = "full_pulled_at"
    CRM_URL = "crm_url"
    GENERATION = "generation"
    LAST_EVALUATION = "kept"
    NOTICES_TOLD = "notices_told"  # the configuration's notices as they were last said
    TOLD = "told"  # the trouble that channels were last told of, and when
    OWN_STAMP = "own_stamp"  # no account that only the runs of this cache have written is stamped later
    WRITTEN_ELSEWHERE = "written_elsewhere"  # how many accounts were found that another installation had written
    LOADED_ACCOUNT_FIELDS = "loaded_account_fields"  # the columns that the last pull of accounts brought


SQL_TYPES: Mapping[Kind, str] = {"text": "TEXT", "number": "REAL", "boolean": "INTEGER", "date": "TEXT", "instant": "TEXT"}
PRIMARY_KEYS: Mapping[Stream, tuple[str, ...]] = {
    Stream.ACTIVITIES: ("id", "account_id"),
    Stream.RATES: ("currency", "valid_from"),
}
# One index a stream. Those of line items and activities hold all that the facts read, so that the table itself is not visited.
INDEXES: Mapping[Stream, tuple[str, ...]] = {
    Stream.OPPORTUNITIES: ("account_id",),
    Stream.LINE_ITEMS: ("opportunity_id", "product_family"),
    Stream.ACTIVITIES: ("account_id", "activity_date", "kind"),
}


def index_sql(stream: Stream) -> str:
    """Creates the stream's index where it is missing."""
    columns = ", ".join(f'"{name}"' for name in INDEXES[stream])
    return f'CREATE INDEX IF NOT EXISTS "{stream}_lookup" ON "{stream}" ({columns})'


def primary_key(stream: Stream) -> tuple[str, ...]:
    """The columns that name one row of the stream."""
    return PRIMARY_KEYS.get(stream, ("id",))

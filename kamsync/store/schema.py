"""How the records of streams become tables, and what is remembered of the cache as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from kamsync.model import STREAMS, Kind, Stream


class Meta(StrEnum):
    """What is remembered of the cache as a whole. `GENERATION` names the state of everything that decisions read."""

    ORG_ID = "org_id"
    ORG_NAME = "org_name"
    BASE_CURRENCY = "base_currency"
    PULLED_AT = "pulled_at"
    FULL_PULLED_AT = "full_pulled_at"
    CRM_URL = "crm_url"
    RECORD_URL = "record_url"  # of an account, with RECORD_PLACE where its id stands
    GENERATION = "generation"
    LAST_EVALUATION = "kept"
    NOTICES_TOLD = "notices_told"  # the configuration's notices as they were last said
    TOLD = "told"  # the trouble that channels were last told of, and when
    OWN_STAMP = "own_stamp"  # no account that only the runs of this cache have written is stamped later
    WRITTEN_ELSEWHERE = "written_elsewhere"  # how many accounts were found that another installation had written
    LOADED_ACCOUNT_FIELDS = "loaded_account_fields"  # the columns that the last pull of accounts brought


RECORD_PLACE = "KAMSYNCRECORD"
HAPPENED = ("done", "existed")  # outcomes in the journal after which the CRM holds what was written

SQL_TYPES: Mapping[Kind, str] = {"text": "TEXT", "number": "REAL", "boolean": "INTEGER", "date": "TEXT", "instant": "TEXT"}


def index_sql(stream: Stream) -> str:
    """Creates the stream's index where it is missing. The stream has one."""
    columns = ", ".join(f'"{name}"' for name in STREAMS[stream].index)
    return f'CREATE INDEX IF NOT EXISTS "{stream}_lookup" ON "{stream}" ({columns})'

"""How many calls writes take when nothing goes wrong, by the batches of accounts.py and tasks.py."""

from __future__ import annotations

from math import ceil

from kamsync.contract import Writes
from kamsync_salesforce.api.writes import RECORDS_PER_CALL
from kamsync_salesforce.push.accounts import BULK_ABOVE_RECORDS, RECORDS_PER_JOB

IDS_PER_READ = 2_000  # REST API, "sObject Collections → Get Records": by POST
KEYS_PER_LOOKUP = 150  # of some 80 characters each in one query
NOTES_PER_CALL = 12  # each with the link to its account; its text is read by a call of its own before it is written over
CALLS_PER_JOB = 8  # create, upload, close, about four polls, failures
CHOICES = 1  # a look at the pick lists before any tier is written
LEASE = 2  # taken and given back


def calls_for(writes: Writes) -> int:
    """API calls of the last look and of the writes."""
    if writes.updates > BULK_ABOVE_RECORDS:
        updates = CALLS_PER_JOB * ceil(writes.updates / RECORDS_PER_JOB)
    else:
        updates = ceil(writes.updates / RECORDS_PER_CALL)
    created = writes.creates + writes.attaches
    touched = writes.closes + writes.deletes + writes.reassigns
    return (
        (LEASE if writes != Writes() else 0)
        + (CHOICES if writes.updates else 0)
        + ceil(writes.accounts / IDS_PER_READ)
        + updates
        + ceil(created / KEYS_PER_LOOKUP)
        + ceil(created / RECORDS_PER_CALL)
        + ceil(touched / KEYS_PER_LOOKUP)
        + (1 + ceil(writes.closes / RECORDS_PER_CALL) if writes.closes else 0)
        + ceil(writes.reassigns / RECORDS_PER_CALL)
        + 2 * ceil(writes.deletes / RECORDS_PER_CALL)
        + (2 * ceil(writes.notes / KEYS_PER_LOOKUP) + writes.notes + ceil(writes.notes / NOTES_PER_CALL) if writes.notes else 0)
    )

"""How many calls writes take when nothing goes wrong, by the batches of accounts.py and tasks.py."""

from __future__ import annotations

from math import ceil

from kamsync.contract import Writes
from kamsync_hubspot.api.reads import BATCH

LOOKS = 2  # at the definitions of companies and of tasks
ARCHIVE = 1  # a page of archived tasks, before any is made
CALLS_PER_CREATE = 3  # which keys exist, the upsert, the association

NOTE_LOOKS = 1  # which notes are on the companies
CALLS_PER_NOTE = 4  # what they say, the write, what is pinned, the pin


def calls_for(writes: Writes) -> int:
    """API calls of the last look and of the writes, on a portal whose task keys are unique."""
    created = writes.creates + writes.attaches
    return (
        (LOOKS if writes.updates or created else 0)
        + ceil(writes.accounts / BATCH)
        + ceil(writes.updates / BATCH)
        + (ARCHIVE + CALLS_PER_CREATE * ceil(created / BATCH) if created else 0)
        + 2 * ceil((writes.closes + writes.deletes + writes.reassigns) / BATCH)
        + ceil(writes.closes / BATCH)
        + ceil(writes.reassigns / BATCH)
        + 2 * ceil(writes.deletes / BATCH)
        + (NOTE_LOOKS + CALLS_PER_NOTE * ceil(writes.notes / BATCH) if writes.notes else 0)
    )

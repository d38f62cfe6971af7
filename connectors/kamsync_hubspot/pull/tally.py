"""Does what search shows add up? Records that were there at the mark, and what became of those that are not shown now.

Archived ones are listed. Merged ones vanish unarchived, and are known where the survivor names them. What search does not show
yet, though it is there, is asked for by id. A difference that nothing of this explains is a reason to read the whole again: it
would otherwise stay until the next full pull.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.reads import Archived, read_batch
from kamsync_hubspot.pull.cursor import OVERLAP, Watch
from kamsync_hubspot.translate import Record, parse_moment


@dataclass(frozen=True, slots=True)
class Reckoning:
    """`late`: records that are there, though search does not show them yet; `vanished`: ids neither there nor archived."""

    late: int
    vanished: tuple[str, ...]
    is_explained: bool


def reckon(
    client: Client,
    object_type: str,
    watch: Watch,
    living: int,
    archived: Archived,
    *,
    since: datetime,
    merged: int = 0,
    counts: Callable[[Record], bool] = lambda record: True,
    properties: tuple[str, ...] = (),
) -> Reckoning:
    """`since`: when the last pull read; `merged`: ids that survivors name; `counts`: whether a record is one of those counted."""
    unexplained = watch.lost(living) - merged - sum(counts(one) and _went_since(one, since) for one in archived.records)
    if unexplained <= 0:
        return Reckoning(0, (), is_explained=True)
    hidden = watch.hidden()
    there = {str(one["id"]) for one in read_batch(client, object_type, hidden, properties) if counts(one)} & set(hidden)
    listed = {str(one["id"]) for one in archived.records if counts(one)}
    vanished = tuple(one for one in hidden if one not in there and one not in listed)
    unexplained -= len(there) + len(vanished)
    if unexplained > 0:
        client.log("difference_unexplained", object=object_type, records=unexplained)
    return Reckoning(len(there), vanished, is_explained=unexplained <= 0)


def _went_since(record: Record, moment: datetime) -> bool:
    """A little before that moment too: the index may have shown it still."""
    archived_at = parse_moment(str(record.get("archivedAt") or ""))
    return archived_at is None or archived_at >= moment - OVERLAP

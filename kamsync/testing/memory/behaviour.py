"""In what real CRMs differ, as far as the core can notice it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Behaviour:
    """`merge_makes_new_id`: both accounts of a merge live on under a third id, instead of the winner's.

    `related_are_deleted`: opportunities and tasks go with their account, instead of staying without one.
    `attaches_tasks_later`: a task is made first and hung on its account by a second call, which may fail alone.
    `batch_size`: records a call. `keeps_leases`: there is a place that says which run writes.
    """

    merge_makes_new_id: bool = False
    related_are_deleted: bool = True
    attaches_tasks_later: bool = False
    batch_size: int = 200
    keeps_leases: bool = True


SALESFORCE_LIKE = Behaviour()
HUBSPOT_LIKE = Behaviour(
    merge_makes_new_id=True, related_are_deleted=False, attaches_tasks_later=True, batch_size=100, keeps_leases=False
)

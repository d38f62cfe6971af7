"""Another installation that writes to the same org is noticed afterwards, by the stamps that it leaves on accounts.

Every update carries the moment of its decision (`evaluated_at`). An account that is stamped later than anything that the runs of
this cache have written was written by somebody else's: by a second machine, or by this one before its cache was put back from a
backup. Where the CRM keeps no lease (run.lease) that is all that there is; what happened is told and counted, once each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from kamsync.decide.plan import Plan, UpdateAccount
from kamsync.store.accounts import latest_stamp, stamped_after
from kamsync.store.database import Cache
from kamsync.store.schema import Meta


def note_own_stamp(cache: Cache, plan: Plan) -> None:
    """Before the first write: from now on stamps up to the plan's own may be ours."""
    for moment in _stamps(plan):
        own = moment.astimezone(UTC).strftime(
            "%Y-%m-%dT%H:%M:%SZ"
        )  # as the store keeps instants, so that texts compare as moments
        if own > (cache.meta(Meta.OWN_STAMP) or ""):
            cache.set_meta(Meta.OWN_STAMP, own)


def _stamps(plan: Plan) -> Iterator[datetime]:
    """The latest moment of the plan, if it has one."""
    fields = (change.fields.get("evaluated_at") for change in plan.changes if isinstance(change, UpdateAccount))
    moments = [field.after for field in fields if field is not None and isinstance(field.after, datetime)]
    yield from [max(moments)] if moments else []


def find_written_elsewhere(cache: Cache) -> tuple[str, ...]:
    """A problem to report where accounts were written by another installation since this one's last look; else nothing.

    Call it once for a run, after its pull: what was found is counted, and not told again.
    """
    latest, own = latest_stamp(cache), cache.meta(Meta.OWN_STAMP)
    if latest is None or latest <= (own or ""):
        return ()
    found = 0 if own is None else stamped_after(cache, own)  # a new cache knows nothing of its own yet
    with cache.transaction():
        cache.set_meta(Meta.OWN_STAMP, latest)
        if found:
            cache.set_meta(Meta.WRITTEN_ELSEWHERE, str(found + written_elsewhere(cache)))
    return (_said(found, latest),) if found else ()


def written_elsewhere(cache: Cache) -> int:
    """How often this cache's runs have found an account that another installation had written."""
    return int(cache.meta(Meta.WRITTEN_ELSEWHERE) or 0)


def _said(found: int, latest: str) -> str:
    accounts = "1 account was" if found == 1 else f"{found:,} accounts were"
    return (
        f"{accounts} written by another kamsync than the one of this cache, last at {latest}. Two that differ write against each"
        " other every night: keep one (docs/running.md, Two machines)."
    )

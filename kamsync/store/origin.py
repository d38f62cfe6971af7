"""Where the cache's records are from: which org, as it was last read, and when."""

from __future__ import annotations

from datetime import datetime

from kamsync.model.exchange import Identity
from kamsync.store.database import Cache
from kamsync.store.schema import Meta


def note_pull(cache: Cache, identity: Identity, record_url: str, now: datetime, *, whole: bool) -> None:
    """Notes a pull that has come to its end; call it inside a transaction.

    `record_url`: the address of an account, with RECORD_PLACE where its id stands. `whole`: every stream was read from its
    beginning.
    """
    if cache.meta(Meta.BASE_CURRENCY) != identity.base_currency:
        cache.outdate()  # amounts are converted by way of it
    moment = now.isoformat(timespec="seconds")
    cache.set_meta(Meta.ORG_ID, identity.org_id)
    cache.set_meta(Meta.ORG_NAME, identity.org_name)
    cache.set_meta(Meta.BASE_CURRENCY, identity.base_currency)
    cache.set_meta(Meta.PULLED_AT, moment)
    cache.set_meta(Meta.CRM_URL, identity.url)
    cache.set_meta(Meta.RECORD_URL, record_url)
    if whole:
        cache.set_meta(Meta.FULL_PULLED_AT, moment)

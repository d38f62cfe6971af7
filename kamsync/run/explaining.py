"""Decisions over the cache as it is, for commands that only read it."""

from __future__ import annotations

from datetime import UTC, date, datetime

from kamsync.config import Config
from kamsync.decide.receipts import Receipt
from kamsync.run.moments import today
from kamsync.store.database import Cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.last_evaluation import keep_if_free, kept_receipt


def receipt_of(cache: Cache, config: Config, account_id: str, as_of: date | None) -> Receipt:
    """One account's receipt: from what the last evaluation left, where it still holds; otherwise everyone is decided again."""
    compiled = config.compiled
    day = as_of or today(config, datetime.now(UTC))
    receipt = kept_receipt(cache, compiled, day, account_id)
    if receipt is None:
        with Evaluation(cache.path, compiled, day) as evaluation:
            receipt = evaluation.receipt(account_id)
            if as_of is None:
                keep_if_free(cache, evaluation, compiled, day)
    return receipt

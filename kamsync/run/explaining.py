"""Why one account has its tier: from what the last evaluation left in the cache where that still holds, else by deciding anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kamsync.config.inputs import Inputs
from kamsync.decide.program import Program
from kamsync.decide.receipts import Receipt
from kamsync.run.known import remember
from kamsync.run.moments import day_of
from kamsync.store.accounts import find_account
from kamsync.store.database import Cache, open_cache
from kamsync.store.history import Remembered, history_of
from kamsync.store.known_program import KnownProgram, load_known
from kamsync.store.last_evaluation import keep_if_free, kept_receipt

if TYPE_CHECKING:
    from kamsync.config import Config


@dataclass(frozen=True, slots=True)
class Explanation:
    """A receipt, and the programme that it was made under with its `hash`. `before`: the account's decisions, newest first."""

    name: str
    receipt: Receipt
    program: Program
    hash: str
    before: Sequence[Remembered]


def recall(config: Path, inputs: Inputs | None, account: str, as_of: date | None) -> Explanation | None:
    """The explanation without loading the configuration; None where anything of it may have changed since it was last loaded.

    `inputs`: of that configuration, as they are now. Raises ConfigError for an account that the cache lacks, and CacheUnusable.
    """
    if inputs is None or not inputs.has_cache:
        return None
    with open_cache(inputs.cache_path) as cache:
        known = load_known(cache, config.resolve(), inputs.digest)
        if known is None:
            return None
        account_id, name = find_account(cache, account)
        receipt = kept_receipt(cache, known, _day(known.program, as_of), account_id)
        return None if receipt is None else _explanation(cache, known, receipt, name, as_of)


def explain_anew(cache: Cache, config: Config, inputs: Inputs | None, account: str, as_of: date | None) -> Explanation:
    """The explanation under a loaded configuration, which `recall` then knows. Raises ConfigError for an unknown account.

    `inputs`: as they were before it was loaded; where they have changed meanwhile, nothing is kept.
    """
    account_id, name = find_account(cache, account)
    known = remember(cache, config, inputs)
    receipt = _receipt_of(cache, config, known, account_id, as_of)
    return _explanation(cache, known, receipt, name, as_of)


def _receipt_of(cache: Cache, config: Config, known: KnownProgram, account_id: str, as_of: date | None) -> Receipt:
    day = _day(known.program, as_of)
    receipt = kept_receipt(cache, known, day, account_id)
    if receipt is None:
        from kamsync.store.evaluate import Evaluation  # it reads expressions, whose library takes long to load

        with Evaluation(cache.path, config.compiled, day) as evaluation:
            receipt = evaluation.receipt(account_id)
            if as_of is None:
                keep_if_free(cache, evaluation, config.compiled, day)
    return receipt


def _explanation(cache: Cache, known: KnownProgram, receipt: Receipt, name: str, as_of: date | None) -> Explanation:
    entries = history_of(cache, receipt.decision.account_id)
    before = [entry for entry in entries if as_of is None or entry.as_of <= as_of.isoformat()]
    return Explanation(name, receipt, known.program, known.hash, before)


def _day(program: Program, as_of: date | None) -> date:
    return as_of or day_of(program, datetime.now(UTC))

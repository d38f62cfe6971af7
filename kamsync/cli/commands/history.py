"""`kamsync history [ACCOUNT]`: one account's way, or the portfolio's moves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.printable import one_line
from kamsync.report.receipt_json import tier_to_json
from kamsync.store.accounts import find_account
from kamsync.store.history import Remembered, count_history, flaps, history_of, recent_moves

FLAPS_SHOWN = 10


def history(
    account: Annotated[str | None, typer.Argument(help="An account's id or name; without it, the portfolio.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """Show the decisions that changed: of one account, or who entered and left and who flapped. Reads the cache only."""
    with open_session(config).cache(must_exist=True) as cache:
        wanted = None if account is None else find_account(cache, account)[0]
        entries = recent_moves(cache, limit) if wanted is None else history_of(cache, wanted, limit)
        older = count_history(cache, wanted) - len(entries)
        flapping = flaps(cache) if account is None else []
    if json:
        show_json([_as_json(entry) for entry in entries])
        return
    for entry in entries:
        score = "—" if entry.score is None else f"{entry.score:.2f}"
        code = entry.code.replace("_", " ")
        show(one_line(f"{entry.as_of}  {entry.previous_tier} → {entry.tier}  score {score}  {code}  {entry.name}"))
    if not entries:
        show("No decision has changed yet.")
    if older > 0:
        show(f"… and {older:,} older ones (--limit shows more).")
    for account_id, name, changes in flapping[:FLAPS_SHOWN]:
        show(f"{one_line(name)} ({account_id}) changed tier {changes} times.")
    if len(flapping) > FLAPS_SHOWN:
        show(f"… and {len(flapping) - FLAPS_SHOWN:,} more that changed tier more than once.")


def _as_json(entry: Remembered) -> dict[str, Any]:
    return {
        "account_id": entry.account_id,
        "name": entry.name,
        "as_of": entry.as_of,
        "run_id": entry.run_id,
        "tier": tier_to_json(entry.tier),
        "previous_tier": tier_to_json(entry.previous_tier),
        "code": entry.code,
        "score": entry.score,
        "segment": entry.segment,
        "health": entry.health,
        "criteria_hash": entry.criteria_hash,
    }

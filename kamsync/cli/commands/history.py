"""`kamsync history [ACCOUNT]`: one account's way, or the portfolio's moves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.printable import one_line
from kamsync.store.accounts import find_account
from kamsync.store.history import Remembered, flaps, history_of, recent_moves


def history(
    account: Annotated[str | None, typer.Argument(help="An account's id or name; without it, the portfolio.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 50,
    json: JsonOption = False,
) -> None:
    """Show the decisions that changed: of one account, or who entered and left and who flapped. Reads the cache only."""
    with open_session(config).cache(must_exist=True) as cache:
        entries = recent_moves(cache, limit) if account is None else history_of(cache, find_account(cache, account)[0], limit)
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
    for account_id, name, changes in flapping[:10]:
        show(f"{one_line(name)} ({account_id}) changed tier {changes} times.")


def _as_json(entry: Remembered) -> dict[str, Any]:
    return {
        "account_id": entry.account_id,
        "name": entry.name,
        "as_of": entry.as_of,
        "run_id": entry.run_id,
        "tier": entry.tier,
        "previous_tier": entry.previous_tier,
        "code": entry.code,
        "score": entry.score,
        "segment": entry.segment,
        "health": entry.health,
        "criteria_hash": entry.criteria_hash,
    }

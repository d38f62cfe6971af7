"""`kamsync history [ACCOUNT]`: one account's way, or the portfolio's moves."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from kamsync.cli.console import show, show_json
from kamsync.cli.known import known_cache
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.decide.fact_words import say_value
from kamsync.decide.facts import unit_of
from kamsync.decide.reader import Reader, reader_of
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.report.receipt_json import tier_to_json
from kamsync.report.trend import trend_lines, trends
from kamsync.run.moments import day_of
from kamsync.store.accounts import find_account
from kamsync.store.history import Remembered, flaps
from kamsync.store.kpis import KpiChange, trend_of
from kamsync.store.told_history import count_told, told_history_of, told_moves

FLAPS_SHOWN = 10


def history(
    account: Annotated[str | None, typer.Argument(help="An account's id or name; without it, the portfolio.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    limit: Annotated[int, typer.Option(help="Entries to show.", min=1)] = 50,
    figures: Annotated[bool, typer.Option("--figures", help="Of one account every change of its key figures instead.")] = False,
    json: JsonOption = False,
) -> None:
    """Show who entered and left, or what changed of one account. Also what an undo wrote back, and who flapped.
    Reads the cache only.

    Of one account also how its key figures moved in the last 90 days.
    """
    with known_cache(config) as (cache, known):
        wanted = None if account is None else find_account(cache, account)[0]
        entries = told_moves(cache, limit) if wanted is None else told_history_of(cache, wanted, limit)
        older = count_told(cache, wanted) - len(entries)
        flapping = flaps(cache) if account is None else []
        kept = trend_of(cache, wanted) if wanted is not None else []
    if figures:
        if wanted is None:
            raise ConfigError("--figures wants an account.", fix="Name one: `kamsync history ACCOUNT --figures`.")
        _show_figures(kept, reader_of(known.program), as_json=json)
        return
    if json:
        show_json([_as_json(entry) for entry in entries])
        return
    for entry in entries:
        score = "—" if entry.score is None else f"{entry.score:.2f}"
        code = entry.code.replace("_", " ")
        show(one_line(f"{entry.as_of}  {entry.previous_tier} → {entry.tier}  score {score}  {code}  {entry.name}"))
    if not entries:
        show("No decision has changed yet.")
    now = day_of(known.program, datetime.now(UTC))
    for line in trend_lines(trends(kept, now), reader_of(known.program)):
        show(f"  {line}")
    if older > 0:
        show(f"… and {older:,} older ones (--limit shows more).")
    for account_id, name, changes in flapping[:FLAPS_SHOWN]:
        show(f"{one_line(name)} ({account_id}) changed tier {changes} times.")
    if len(flapping) > FLAPS_SHOWN:
        show(f"… and {len(flapping) - FLAPS_SHOWN:,} more that changed tier more than once.")


def _show_figures(changes: Sequence[KpiChange], reader: Reader, *, as_json: bool) -> None:
    if as_json:
        show_json([{"day": one.day.isoformat(), "figure": one.kpi.name, "value": one.value} for one in changes])
        return
    for one in changes:
        said = say_value(one.value, unit_of(one.kpi.source), reader)
        show(f"{one.day.isoformat()}  {one.kpi.name.replace('_', ' '):<13}{said}")
    if not changes:
        show("No figure is known yet: `kamsync sync` and `kamsync plan` note them.")


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

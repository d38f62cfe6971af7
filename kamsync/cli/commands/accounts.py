"""`kamsync accounts`: the portfolio as the cache knows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AllOption, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.decide.decision import Decision
from kamsync.decide.program import NO_TIER
from kamsync.decide.tiers import tier_order
from kamsync.printable import one_line
from kamsync.store.evaluate import Evaluation


def accounts(
    config: ConfigOption = DEFAULT_CONFIG,
    tier: Annotated[str | None, typer.Option(help="Only this tier; none for the others.")] = None,
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option(help="Lines to show.", min=1)] = 50,
    show_all: AllOption = False,
    json: JsonOption = False,
) -> None:
    """List the accounts with tier, score, segment and health, best first. Reads the cache only."""
    session = open_session(config)
    with session.evaluated(parse_day(as_of)) as evaluation:
        order = tier_order(session.config.program)
        found = [d for d in evaluation.decisions() if tier is None or d.tier.casefold() == tier.casefold()]
        found.sort(key=lambda d: (order[d.tier], -(d.score or 0.0), d.account_id))
        if json:
            show_json([account_json(evaluation, decision) for decision in found])
            return
        shown = found if show_all else [d for d in found if d.tier != NO_TIER or tier is not None][:limit]
        out.print(_table(evaluation, shown))
    if len(found) > len(shown):
        show(f"{len(found) - len(shown):,} more accounts (--all shows them).")


def account_json(evaluation: Evaluation, decision: Decision) -> dict[str, Any]:
    """One object of `accounts --json`."""
    return {
        "id": decision.account_id,
        "name": evaluation.names()[decision.account_id],
        "tier": decision.tier,
        "score": decision.score,
        "attractiveness": decision.attractiveness,
        "strength": decision.strength,
        "segment": decision.segment,
        "health": decision.health,
        "since": decision.since and decision.since.isoformat(),
        "override": decision.override,
        "eligible": decision.eligible,
        "facts": dict(evaluation.facts(decision.account_id)),
    }


def first_account(config: Path) -> str:
    """The id of the best account, for the demo."""
    with open_session(config).evaluated() as evaluation:
        scored = [d for d in evaluation.decisions() if d.score is not None]
        return max(scored, key=lambda d: (d.score or 0.0, d.account_id)).account_id if scored else ""


def _table(evaluation: Evaluation, decisions: list[Decision]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Tier", "Score", "Segment", "Health", "Since", "Account", "Settled by"):
        table.add_column(name, justify="right" if name == "Score" else "left", overflow="ellipsis", no_wrap=True)
    for d in decisions:
        score = "—" if d.score is None else f"{d.score:.2f}"
        since = d.since.isoformat() if d.since else "—"
        table.add_row(
            one_line(d.tier),
            score,
            d.segment or "—",
            d.health or "—",
            since,
            one_line(evaluation.names()[d.account_id]),
            d.code.replace("_", " "),
        )
    return table

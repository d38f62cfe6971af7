"""`kamsync explain ACCOUNT`: why this tier; what would change it."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.config.inputs import Inputs, inputs_of
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.receipts import Receipt, what_moved
from kamsync.printable import one_line
from kamsync.report.receipt_json import receipt_to_json
from kamsync.report.receipt_text import contribution_rows, margin_below, nearest_way_up, settled_by, show_value
from kamsync.run.explaining import Explanation, explain_anew, recall
from kamsync.store.history import Remembered


def explain(
    account: Annotated[str, typer.Argument(help="The account's id, or its name or a part of it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Show why an account has its tier, and what would change it. Also what changed since the last decision."""
    day = parse_day(as_of)
    inputs = inputs_of(config)
    found = recall(config, inputs, account, day) or _anew(config, inputs, account, day)
    if json:
        show_json(_as_json(found))
    else:
        _show(found.receipt, found.name, found.program, found.before[0] if found.before else None)


def _anew(config: Path, inputs: Inputs | None, account: str, day: date | None) -> Explanation:
    from kamsync.cli.session import open_session  # it loads whatever reads a configuration, and is seldom needed

    session = open_session(config)
    with session.cache(must_exist=True) as cache:
        return explain_anew(cache, session.config, inputs, account, day)


def _as_json(found: Explanation) -> dict[str, Any]:
    document = receipt_to_json(found.receipt, found.program, name=found.name, criteria_hash=found.hash)
    if found.before:
        before = found.before[0]
        moved = what_moved(found.receipt.contributions, before.contributions)
        document["changed_since"] = {
            "as_of": before.as_of,
            "criteria": [{"criterion": m.criterion, "points": m.points, "before": m.before, "now": m.now} for m in moved],
        }
    return document


def _show(receipt: Receipt, name: str, program: Program, before: Remembered | None) -> None:
    decision = receipt.decision
    tier = next((t for t in program.tiers if t.name == decision.tier), None)
    named = (
        "no tier" if decision.tier == NO_TIER else f"tier {decision.tier}" + (f" ({tier.label})" if tier and tier.label else "")
    )
    since = f" since {decision.since.isoformat()}" if decision.since else ""
    show(f"{one_line(name)} ({decision.account_id}): {named}{since}")
    show(f"Settled by {decision.code.replace('_', ' ')}: {one_line(settled_by(decision, tier.enter if tier else None))}")
    if decision.score is not None:
        table = Table(box=None, header_style="dim", pad_edge=False)
        for column in ("Criterion", "What is known", "0…100", "Weight", "Points", ""):
            left, wraps = column in ("Criterion", "What is known", ""), column == "What is known"
            table.add_column(column, justify="left" if left else "right", no_wrap=not wraps)
        for row in contribution_rows(receipt, program):
            table.add_row(*row)
        table.add_row("Score", "", "", "", f"{decision.score:.2f}", "", style="bold")
        out.print(table)
        axes = f"Attractiveness {_points(decision.attractiveness)}, strength {_points(decision.strength)}"
        show(f"{axes}: {decision.segment or 'no'} segment. Health {decision.health or 'unknown'}.")
        show(f"Known: {decision.coverage:.0%} of the weights.")
    for way in (margin_below(decision, tier), nearest_way_up(decision, receipt.contributions)):
        if way:
            show(one_line(way))
    for note in decision.notes:
        show(f"! {one_line(note)}")
    if before is not None:
        for moved in what_moved(receipt.contributions, before.contributions)[:5]:
            values = f"{show_value(moved.now)}, was {show_value(moved.before)} on {before.as_of}"
            show(f"  {moved.points:+.2f} {one_line(moved.label)}: {values}")


def _points(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.2f}"

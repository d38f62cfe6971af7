"""`kamsync explain ACCOUNT`: why this tier; what would change it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.receipts import Receipt, what_moved
from kamsync.printable import one_line
from kamsync.report.receipt_json import receipt_to_json
from kamsync.report.receipt_text import contribution_rows, nearest_way_up, settled_by, show_value
from kamsync.run.explaining import receipt_of
from kamsync.store.accounts import find_account
from kamsync.store.history import Remembered, history_of


def explain(
    account: Annotated[str, typer.Argument(help="The account's id, or its name or a part of it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Show why an account has its tier, what changed since the last decision, and what the next tier would take."""
    session = open_session(config)
    with session.cache(must_exist=True) as cache:
        account_id, name = find_account(cache, account)
        before = history_of(cache, account_id, limit=1)
        receipt = receipt_of(cache, session.config, account_id, parse_day(as_of))
    program = session.config.program
    if json:
        document = receipt_to_json(receipt, program, name=name, criteria_hash=session.config.compiled.hash)
        if before:
            moved = what_moved(receipt.contributions, before[0].contributions)
            document["changed_since"] = {
                "as_of": before[0].as_of,
                "criteria": [{"criterion": m.criterion, "points": m.points, "before": m.before, "now": m.now} for m in moved],
            }
        show_json(document)
        return
    _show(receipt, name, program, before[0] if before else None)


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
        for column in ("Criterion", "Value", "0…100", "Weight", "Points", ""):
            table.add_column(column, justify="left" if column in ("Criterion", "") else "right", no_wrap=True)
        for row in contribution_rows(receipt.contributions):
            table.add_row(*row)
        table.add_row("Score", "", "", "", f"{decision.score:.2f}", "", style="bold")
        out.print(table)
        axes = f"Attractiveness {_points(decision.attractiveness)}, strength {_points(decision.strength)}"
        show(f"{axes}: {decision.segment or 'no'} segment. Health {decision.health or 'unknown'}.")
        show(f"Known: {decision.coverage:.0%} of the weights.")
    way = nearest_way_up(decision, receipt.contributions)
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

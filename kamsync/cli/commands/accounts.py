"""`kamsync accounts`: the portfolio as the cache knows it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AllOption, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.config.answers import check_choice
from kamsync.decide.assignees import Owner
from kamsync.decide.decision import Decision
from kamsync.decide.program import NO_TIER
from kamsync.decide.tiers import tier_order
from kamsync.flags import LIGHTS, SEGMENTS
from kamsync.printable import one_line
from kamsync.report.portfolio import COLUMNS, AccountRow, Filters, sort_rows
from kamsync.report.receipt_json import tier_to_json
from kamsync.store.accounts import owners
from kamsync.store.evaluate import Evaluation


def accounts(
    config: ConfigOption = DEFAULT_CONFIG,
    tier: Annotated[str | None, typer.Option(help="Only this tier; none for the others.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only accounts of this owner: id, e-mail, or a part of the name.")] = None,
    segment: Annotated[str | None, typer.Option(help="Only this segment: key, development, maintenance, opportunistic.")] = None,
    health: Annotated[str | None, typer.Option(help="Only this health: green, amber, red, none.")] = None,
    sort: Annotated[
        str, typer.Option(help=f"Columns to sort by, separated by commas; - turns one round. {', '.join(COLUMNS)}.")
    ] = "tier",
    as_of: AsOfOption = None,
    limit: Annotated[int, typer.Option(help="Lines to show.", min=1)] = 50,
    show_all: AllOption = False,
    json: JsonOption = False,
) -> None:
    """List the accounts, best first: tier, score, segment, health. Reads the cache only."""
    session = open_session(config)
    order = tier_order(session.config.program)
    columns = [_column(name) for name in sort.split(",")]
    with session.cache(must_exist=True) as cache:
        people = {one.id: one for one in owners(cache)}
    filters = Filters(
        tier and check_choice(tier, tuple(order), "tier of this programme"),
        None if owner is None else _owner_ids(owner, people.values()),
        segment and check_choice(segment, (*SEGMENTS, "none"), "segment"),
        health and check_choice(health, (*LIGHTS, "none"), "health"),
    )
    with session.evaluated(parse_day(as_of)) as evaluation:
        names, owned = evaluation.names(), evaluation.owners()
        rows = (
            AccountRow(d, names[d.account_id], owned[d.account_id], _owner_name(people, owned[d.account_id]), order[d.tier])
            for d in evaluation.decisions()
        )
        found = sort_rows(filter(filters.take, rows), columns)
        if json:
            show_json([account_json(evaluation, row.decision) for row in found])
            return
    # Without a filter the list is the key accounts': the others are the whole CRM.
    shown = found if show_all or filters != Filters() else [row for row in found if row.decision.tier != NO_TIER]
    shown = shown if show_all else shown[:limit]
    out.print(_table(shown, out.width))
    if len(found) > len(shown):
        show(f"{len(found) - len(shown):,} more accounts (--all shows them).")
    if shown:
        show(f"Why one of them is there: kamsync explain {shown[0].decision.account_id}")


def _column(text: str) -> str:
    name = text.strip()
    return ("-" if name.startswith("-") else "") + check_choice(name.removeprefix("-"), tuple(COLUMNS), "column to sort by")


def _owner_ids(wanted: str, people: Iterable[Owner]) -> frozenset[str]:
    """Everybody whom the text names; ConfigError with the nearest name where it names nobody."""
    text = wanted.strip().casefold()
    known = list(people)
    exact = {one.id for one in known if text in (one.id.casefold(), one.email.casefold(), one.name.casefold())}
    found = exact or {one.id for one in known if text and text in one.name.casefold()}
    if not found:
        check_choice(wanted, tuple(sorted({one.name for one in known if one.name})), "owner")
    return frozenset(found)


def _owner_name(people: Mapping[str, Owner], owner_id: str) -> str:
    return (people[owner_id].name or owner_id) if owner_id in people else owner_id


def account_json(evaluation: Evaluation, decision: Decision) -> dict[str, Any]:
    """One object of `accounts --json`."""
    return {
        "id": decision.account_id,
        "name": evaluation.names()[decision.account_id],
        "tier": tier_to_json(decision.tier),
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


def _table(rows: Sequence[AccountRow], width: int) -> Table:
    """As many columns as the screen has room for; who it is and which tier stand on any."""
    shown = [name for name, (from_width, _) in _COLUMNS.items() if width >= from_width]
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in shown:
        justify: Literal["left", "right"] = "right" if name == "Score" else "left"
        table.add_column(name, justify=justify, overflow="ellipsis", no_wrap=True, min_width=len(name))
    for row in rows:
        table.add_row(*(_COLUMNS[name][1](row) for name in shown))
    return table


# From which width of the screen on each column is shown, and what stands in it.
_COLUMNS: Mapping[str, tuple[int, Callable[[AccountRow], str]]] = {
    "Tier": (0, lambda row: row.decision.tier),
    "Score": (0, lambda row: "—" if row.decision.score is None else f"{row.decision.score:.2f}"),
    "Segment": (80, lambda row: row.decision.segment or "—"),
    "Health": (70, lambda row: row.decision.health or "—"),
    "Since": (110, lambda row: row.decision.since.isoformat() if row.decision.since else "—"),
    "Account": (0, lambda row: one_line(row.name)),
    "Owner": (60, lambda row: one_line(row.owner)),
    "Settled by": (100, lambda row: row.decision.code.replace("_", " ")),
}

"""`kamsync simulate`: the cached accounts under other criteria: who enters, who leaves, what it costs in tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from kamsync.cli.console import out, say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AllOption, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.config import load_criteria
from kamsync.decide.plan import CreateTask
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reasons import because
from kamsync.decide.receipts import Receipt
from kamsync.decide.simulate import Comparison, Move, compare
from kamsync.decide.tiers import tier_order
from kamsync.printable import one_line
from kamsync.report.receipt_json import tier_to_json
from kamsync.run.moments import new_run_id, today
from kamsync.run.planning import When, make_plan
from kamsync.store.accounts import owners
from kamsync.store.evaluate import Evaluation


def simulate(
    criteria: Annotated[str, typer.Option("--criteria", help="A criteria file or a preset's name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    against: Annotated[str, typer.Option(help="What to compare with: current, or another criteria file or preset.")] = "current",
    show_all: AllOption = False,
    limit: Annotated[int, typer.Option(help="Lines of each list to show.", min=1)] = 15,
    json: JsonOption = False,
) -> None:
    """Decide the cached accounts under other criteria and compare. Reads the cache only; writes nothing anywhere."""
    session = open_session(config)
    now = datetime.now(UTC)
    day = parse_day(as_of) or today(session.config, now)
    wanted = load_criteria(criteria, session.config)
    base = session.config.compiled if against == "current" else load_criteria(against, session.config)
    path = session.config.cache_path
    with session.cache(must_exist=True) as cache:
        planned = make_plan(cache, wanted, session.config.connector.kind, When(day, now, new_run_id(now)))
        people = {owner.id: owner.name or owner.id for owner in owners(cache)}
    with Evaluation(path, base, day) as before, Evaluation(path, wanted, day) as after:
        found = compare(before.decisions(), {d.account_id: d for d in after.decisions()}, before.owners())
        names = after.names()
        for problem in after.problems:
            say(f"! {problem}")
        tasks = Counter(c.owner_id for c in planned.plan.changes if isinstance(c, CreateTask))
        if json:
            show_json(_as_json(found, names, tasks, after, wanted.program))
            return
        _show_matrix(found, base.program, wanted.program)
        shown = None if show_all else limit
        weight = _weighing(tier_order(base.program), tier_order(wanted.program))
        for title, moves in (("Enter", found.entering), ("Leave", found.leaving), ("Move", found.moving)):
            show(f"{title}: {len(moves):,}")
            for move in sorted(moves, key=weight)[:shown]:
                show(one_line(f"  {_line(move, names, after.receipt(move.after.account_id), wanted.program)}"))
            _show_left_out(len(moves), shown, "accounts")
    show("Owners, by the greatest load (key accounts before → after, new tasks):")
    for owner, (was, now_count) in sorted(found.load.items(), key=lambda item: (-item[1][1], item[0]))[:shown]:
        show(f"  {one_line(people.get(owner, owner) or 'no owner'):<22}{was:>5} → {now_count:<5} {tasks.get(owner, 0)} tasks")
    _show_left_out(len(found.load), shown, "owners")


def _show_left_out(count: int, limit: int | None, what: str) -> None:
    if limit is not None and count > limit:
        left = count - limit
        show(f"  … and {left:,} more {what if left > 1 else what.removesuffix('s')} (--all shows them)")


def _weighing(before: Mapping[str, int], after: Mapping[str, int]) -> Callable[[Move], tuple[int, float, str]]:
    """The best tier that is won or lost first, then the highest score."""
    return lambda move: (
        min(before[move.before.tier], after[move.after.tier]),
        -(move.after.score or 0.0),
        move.after.account_id,
    )


def _show_matrix(found: Comparison, base: Program, wanted: Program) -> None:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("from \\ to")
    rows, columns = list(tier_order(base)), list(tier_order(wanted))
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(row, *(f"{found.matrix.get((row, column), 0):,}" for column in columns))
    out.print(table)


def _line(move: Move, names: Any, receipt: Receipt, program: Program) -> str:
    why = because(receipt.decision, receipt.contributions, program)
    return f"{names[move.after.account_id]}: {move.before.tier} → {move.after.tier}   {why}"


def _as_json(found: Comparison, names: Any, tasks: Counter[str], after: Evaluation, program: Program) -> dict[str, Any]:
    def listed(moves: tuple[Move, ...]) -> list[dict[str, Any]]:
        return [
            {
                "account_id": m.after.account_id,
                "name": names[m.after.account_id],
                "from": tier_to_json(m.before.tier),
                "to": tier_to_json(m.after.tier),
                "code": m.after.code,
                "score": m.after.score,
                "because": because(m.after, after.receipt(m.after.account_id).contributions, program),
            }
            for m in moves
        ]

    return {
        "matrix": [
            {"from": tier_to_json(old), "to": tier_to_json(new), "count": count}
            for (old, new), count in sorted(found.matrix.items())
        ],
        "entering": listed(found.entering),
        "leaving": listed(found.leaving),
        "moving": listed(found.moving),
        "load": [{"owner_id": o, "before": was, "after": now, "tasks": tasks.get(o, 0)} for o, (was, now) in found.load.items()],
        "tasks": sum(tasks.values()),
        "key_accounts": sum(count for (_, new), count in found.matrix.items() if new != NO_TIER),
    }

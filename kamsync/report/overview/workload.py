"""Who does the work: owners' load, tasks due, overdue and done. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from kamsync.report.overview.sources import PlanTask, Sources
from kamsync.report.overview.tables import Cell, Column, Note, Table, make_table

SOON_DAYS = 30
STATES = ("overdue", "soon", "later", "done")


def load(sources: Sources) -> Table:
    """Key accounts of each owner by tier, with their open tasks; the greatest load first."""
    counts: Counter[tuple[str, str]] = Counter()
    totals: Counter[str] = Counter()
    names: dict[str, str] = {}
    for account in sources.key_accounts:
        counts[account.owner_id, account.decision.tier] += 1
        totals[account.owner_id] += 1
        names[account.owner_id] = account.owner
    open_tasks = Counter(task.owner_id for task in sources.tasks if task.is_open)
    columns = (Column("owner"), Column("tier", "tier"), Column("accounts", "count"), Column("open_tasks", "count"))
    rows = [
        (names[owner], tier, counts[owner, tier], open_tasks[owner])
        for owner in sorted(totals, key=lambda owner: (-totals[owner], names[owner], owner))
        for tier in sources.tiers
        if counts[owner, tier]
    ]
    alone = sum(not account.owner_id for account in sources.key_accounts)
    notes = [Note("without_owner", (alone,))] if alone else []
    return make_table("load", columns, rows, notes)


def state_of(task: PlanTask, as_of: date) -> str:
    """One of STATES; "gone" for a task that is neither open nor done."""
    if task.is_done:
        return "done"
    if not task.is_open:
        return "gone"
    if task.due is None or task.due > as_of + timedelta(days=SOON_DAYS):
        return "later"
    return "overdue" if task.due < as_of else "soon"


def tasks(sources: Sources) -> Table:
    """Tasks of the account plans by owner and state; those with most overdue first."""
    counts: Counter[tuple[str, str]] = Counter((task.owner_id, state_of(task, sources.as_of)) for task in sources.tasks)
    owners = sorted(
        {owner for owner, state in counts if state != "gone"},
        key=lambda owner: (-counts[owner, "overdue"], -counts[owner, "soon"], _name(owner, sources.owners), owner),
    )
    columns = (Column("owner"), *(Column(state, "count") for state in STATES))
    rows = (_row(_name(owner, sources.owners), [counts[owner, state] for state in STATES]) for owner in owners)
    return make_table("tasks", columns, rows, () if owners else (Note("no_tasks"),))


def _row(name: str, counts: Sequence[int]) -> tuple[Cell, ...]:
    return (name, *counts)


def _name(owner: str, names: Mapping[str, str]) -> str:
    return names.get(owner, owner)


def playbooks(sources: Sources) -> Table:
    """Tasks by playbook and state: which plans are carried out and which lie."""
    counts: Counter[tuple[str, str]] = Counter((task.playbook, state_of(task, sources.as_of)) for task in sources.tasks)
    names = sorted({playbook for playbook, state in counts if state != "gone"})
    columns = (Column("playbook"), *(Column(state, "count") for state in STATES))
    rows = (_row(name, [counts[name, state] for state in STATES]) for name in names)
    return make_table("playbooks", columns, rows, () if names else (Note("no_tasks"),))

"""Tasks of the account plan: which to create, and which wait (DECISIONS.md §8).

`plan_tasks` compares what the firing playbooks want with the tasks that exist. A key that exists anywhere, in the CRM or in the
ledger, is never made again. Rendering comes last and only for tasks that will be made. Pure.

"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date

from kamsync.decide.assignees import Assignees, Owner
from kamsync.decide.entries import entries_made, keys_by_account
from kamsync.decide.new_tasks import Known, Unassigned, Wanted, hold, wanted_tasks
from kamsync.decide.plan import CreateTask, HeldBack
from kamsync.decide.playbooks import Playbooks
from kamsync.decide.task_text import create
from kamsync.decide.task_values import Firing, TaskPlan
from kamsync.decide.templates import NotRendered
from kamsync.decide.turns import QuietDays, SeenTask, Workload, done_keys, gives_way, with_open_tasks
from kamsync.numerals import counted


def plan_tasks(
    playbooks: Playbooks,
    firings: Iterable[Firing],
    existing: Collection[str],
    owners: Iterable[Owner],
    as_of: date,
    seen: Sequence[SeenTask] = (),
    inherited: Collection[str] = frozenset(),
) -> TaskPlan:
    """The tasks that the firing playbooks still lack, at most `max_new_tasks_per_owner_per_run` for one person.

    `existing` are all keys ever created: those in the CRM, deleted and archived ones included, and those in the ledger. It
    answers `in` quickly (a set). `seen` are the tasks of which more is known than the key. `inherited` are those of the keys
    that were made for an account which was merged into the one that they name. Where the limit cuts, best tier, then nearest due
    date, then playbook and step come first.
    """
    assignees = Assignees(owners, playbooks.program.fallback_owner)
    firings = tuple(firings)
    at_work = {(firing.playbook, firing.account_id) for firing in firings} | with_open_tasks(seen)
    known = knowing(playbooks, existing, inherited, seen, assignees, as_of)
    of = {name: prepared.playbook for name, prepared in playbooks.by_name.items()}
    asked = [firing for firing in firings if not gives_way(of[firing.playbook], firing.account_id, at_work)]
    wanted, held = _wanted(playbooks, asked, known)
    made = _within_limits(playbooks, wanted, assignees, as_of, seen)
    return TaskPlan(made.changes, (*held, *made.held_back))


def _wanted(playbooks: Playbooks, firings: Iterable[Firing], known: Known) -> tuple[list[Wanted], list[HeldBack]]:
    """The tasks that lack, each key once, in the order in which they go before others; and what nobody could be given."""
    ranks = {tier.name: rank for rank, tier in enumerate(playbooks.program.tiers)}
    wanted: dict[str, Wanted] = {}
    held: list[HeldBack] = []
    unassigned: list[Unassigned] = []
    for firing in firings:
        for one in wanted_tasks(playbooks, firing, known):
            if isinstance(one, HeldBack):
                held.append(one)
            elif isinstance(one, Unassigned):
                unassigned.append(one)
            else:
                wanted.setdefault(one.key, one)
    ordered = sorted(
        wanted.values(), key=lambda w: (ranks.get(w.firing.decision.tier, len(ranks)), w.due, w.firing.playbook, w.step, w.key)
    )
    return ordered, [*held, *_told_once(unassigned)]


def _within_limits(
    playbooks: Playbooks, wanted: Iterable[Wanted], assignees: Assignees, as_of: date, seen: Sequence[SeenTask]
) -> TaskPlan:
    """The first of them that a person's limits leave room for, each on a day that has room; the rest waits."""
    program = playbooks.program
    workload, reached = Workload(program.max_due_per_owner_per_day, seen), dict[tuple[str, str], date]()
    creates: list[CreateTask] = []
    held: list[HeldBack] = []
    made: Counter[str] = Counter()
    limit = program.max_new_tasks_per_owner_per_run
    for one in wanted:
        if limit is not None and made[one.assignee.id] >= limit:
            held.append(hold(one.firing, one.task, one.key, _over_limit(one.assignee, limit), waits=True))
            continue
        try:
            stands = one.firing.playbook, one.firing.account_id
            due = workload.first_free_day(one.assignee.id, max(one.due, reached.get(stands, one.due)), one.calendar)
            creates.append(create(playbooks, one._replace(due=due), assignees, as_of))
        except NotRendered as error:
            held.append(hold(one.firing, one.task, one.key, str(error)))
            continue
        made[one.assignee.id] += 1
        workload.add(one.assignee.id, due)
        reached[stands] = due
    return TaskPlan(tuple(creates), tuple(held))


def knowing(
    playbooks: Playbooks,
    existing: Collection[str],
    inherited: Collection[str],
    seen: Sequence[SeenTask],
    assignees: Assignees,
    as_of: date,
) -> Known:
    """What a run knows of tasks and people; the arguments are those of `plan_tasks`."""
    entries = entries_made(playbooks, existing, inherited)
    return Known(existing, entries, done_keys(seen, keys_by_account), QuietDays(playbooks, seen, as_of), assignees, as_of)


def _told_once(unassigned: Iterable[Unassigned]) -> Iterator[HeldBack]:
    """What nobody can be given, once for each reason and not for each task."""
    by_reason: dict[str, list[Unassigned]] = defaultdict(list)
    for one in unassigned:
        by_reason[one.why].append(one)
    for why, them in by_reason.items():
        first, accounts = them[0], {one.firing.account_id for one in them}
        held = hold(first.firing, first.task, first.key, why, waits=True)
        if len(them) == 1:
            yield held
            continue
        name = f"{held.name} and {len(accounts) - 1} more" if len(accounts) > 1 else held.name
        yield replace(held, name=name, what=f"{len(them)} tasks")


def _over_limit(assignee: Owner, limit: int) -> str:
    return f"{assignee.name or assignee.id} gets {counted(limit, 'new task')} in this run already; it waits for the next run"

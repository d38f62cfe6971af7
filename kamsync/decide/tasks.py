"""Tasks of the account plan: which to create, which to close, and which wait (DECISIONS.md §8).

`plan_tasks` and `plan_closes` compare what the firing playbooks want with the tasks that exist. A key that exists anywhere, in
the CRM or in the ledger, is never made again. Rendering comes last and only for tasks that will be made. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from datetime import date
from typing import NamedTuple

from kamsync.decide.assignees import Assignees, NoAssignee, Owner
from kamsync.decide.calendar import BusinessCalendar, account_calendar
from kamsync.decide.decision import Decision, FactValue
from kamsync.decide.due import NoDate
from kamsync.decide.moves import UNFINISHED_ENTRY
from kamsync.decide.occurrences import (
    NoOccurrence,
    NotYet,
    counted_word,
    entry_of,
    entry_word,
    is_counted,
    occurrence_word,
    parse_key,
    staggered,
    task_key,
)
from kamsync.decide.plan import AttachTask, CloseTask, CreateTask, HeldBack
from kamsync.decide.playbooks import Playbooks, PreparedPlaybook, PreparedTask, names_read
from kamsync.decide.program import NO_TIER, Playbook, Program
from kamsync.decide.templates import NotRendered
from kamsync.decide.texts import language
from kamsync.decide.turns import QuietDays, SeenTask, Workload, done_keys, gives_way, with_open_tasks


@dataclass(frozen=True, slots=True)
class Firing:
    """A playbook that fires for an account, with what its tasks need to know.

    `facts` are the facts and DECIDED_NAMES. `stay_began` is the first day whose tasks can be of the present stay in the tier,
    None where the CRM shows no date (decide.moves). `merged_on`: the day on which it was seen that another was merged into the
    account. `moved_on`: this run does not see the move that the playbook asks for, it was decided on that earlier day. Tasks that
    were made for it exist; those that no run came to are wanted again.
    """

    playbook: str
    account_id: str
    name: str
    decision: Decision
    facts: Mapping[str, FactValue]
    stay_began: date | None = None
    merged_on: date | None = None
    moved_on: date | None = None


@dataclass(frozen=True, slots=True)
class ExistingTask:
    """A task with this program's key, as the CRM shows it."""

    key: str
    task_id: str
    account_id: str
    owner_id: str
    subject: str
    due: date | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class CreatedTask:
    """A task as this program created it, from the ledger."""

    owner_id: str
    subject: str
    due: date


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What becomes of tasks: changes, and what was held back."""

    changes: tuple[CreateTask | AttachTask | CloseTask, ...] = ()
    held_back: tuple[HeldBack, ...] = ()

    @property
    def creates(self) -> tuple[CreateTask, ...]:
        """The tasks to make."""
        return tuple(change for change in self.changes if isinstance(change, CreateTask))

    @property
    def closes(self) -> tuple[CloseTask, ...]:
        """The tasks to close."""
        return tuple(change for change in self.changes if isinstance(change, CloseTask))


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
    program = playbooks.program
    assignees = Assignees(owners, program.fallback_owner)
    entries = _entries_made(playbooks, existing, inherited)
    ranks = {tier.name: rank for rank, tier in enumerate(program.tiers)}
    wanted: dict[str, _Wanted] = {}
    held: list[HeldBack] = []
    unassigned: list[_Unassigned] = []
    firings = tuple(firings)
    at_work = {(firing.playbook, firing.account_id) for firing in firings} | with_open_tasks(seen)
    known = _Known(existing, entries, done_keys(seen, keys_by_account), QuietDays(playbooks, seen, as_of), assignees, as_of)
    for firing in firings:
        if gives_way(playbooks.by_name[firing.playbook].playbook, firing.account_id, at_work):
            continue
        for one in _wanted_tasks(playbooks, firing, known):
            if isinstance(one, HeldBack):
                held.append(one)
            elif isinstance(one, _Unassigned):
                unassigned.append(one)
            else:
                wanted.setdefault(one.key, one)
    held += _told_once(unassigned)
    ordered = sorted(
        wanted.values(), key=lambda w: (ranks.get(w.firing.decision.tier, len(ranks)), w.due, w.firing.playbook, w.step, w.key)
    )
    workload, reached = Workload(program.max_due_per_owner_per_day, seen), dict[tuple[str, str], date]()
    creates: list[CreateTask] = []
    made: Counter[str] = Counter()
    limit = program.max_new_tasks_per_owner_per_run
    for one in ordered:
        if limit is not None and made[one.assignee.id] >= limit:
            held.append(_hold(one.firing, one.task, one.key, _over_limit(one.assignee, limit), waits=True))
            continue
        try:
            stands = one.firing.playbook, one.firing.account_id
            due = workload.first_free_day(one.assignee.id, max(one.due, reached.get(stands, one.due)), one.calendar)
            creates.append(_create(playbooks, one._replace(due=due), assignees, as_of))
        except NotRendered as error:
            held.append(_hold(one.firing, one.task, one.key, str(error)))
            continue
        made[one.assignee.id] += 1
        workload.add(one.assignee.id, due)
        reached[stands] = due
    return TaskPlan(tuple(creates), tuple(held))


def plan_closes(
    playbooks: Playbooks,
    tasks: Iterable[ExistingTask],
    firing: Collection[tuple[str, str]],
    ledger: Mapping[str, CreatedTask],
    account_names: Mapping[str, str],
) -> TaskPlan:
    """Open tasks of `when_clear = "close"` playbooks that fire no longer, where nobody touched them.

    `firing` holds (playbook, account id) of all that fire now. Without the ledger's entry (a rebuilt cache) nobody can tell
    whether a person edited the task, so it stays and is reported.
    """
    closes: list[CloseTask] = []
    held: list[HeldBack] = []
    for task in tasks:
        key = parse_key(task.key)
        prepared = playbooks.by_name.get(key.playbook) if key else None
        if not task.is_open or prepared is None or prepared.playbook.when_clear != "close":
            continue
        if (prepared.playbook.name, task.account_id) in firing:
            continue
        name = account_names.get(task.account_id, task.account_id)
        created = ledger.get(task.key)
        if created is None:
            why = "this cache did not create it, so an edit by a person cannot be ruled out"
            held.append(HeldBack(task.account_id, name, f'closing the task "{task.subject}"', why, task.key))
        elif (created.owner_id, created.subject, created.due) == (task.owner_id, task.subject, task.due):
            why = f"playbook {prepared.label} no longer fires, and nobody touched the task"
            closes.append(CloseTask(task.key, task.task_id, task.account_id, name, task.subject, (why,), task.owner_id, task.due))
    return TaskPlan(tuple(closes), tuple(held))


def plan_attachments(
    tasks: Iterable[ExistingTask], account_of: Callable[[str], str], account_names: Mapping[str, str], today: date
) -> TaskPlan:
    """Tasks of this program that hang on no account, though their keys name one: the association was lost.

    `tasks` are those of which nobody knows that they were attached. `account_of`: the account that an id lives on as.
    """
    attached = []
    for task in tasks:
        key = parse_key(task.key)
        account_id = account_of(key.account_id) if key else ""
        if account_id in account_names:
            why = "the CRM lost the task's account when it was made"
            name, due = account_names[account_id], task.due or today
            attached.append(AttachTask(task.key, task.task_id, account_id, name, task.subject, task.owner_id, due, (why,)))
    return TaskPlan(tuple(attached))


def keys_by_account(keys: Iterable[tuple[str, str]]) -> set[str]:
    """Every key, and each also as the key of the account that its task belongs to now (`inherited_keys`)."""
    some = list(keys)
    return {text for text, _ in some} | inherited_keys(some)


def inherited_keys(keys: Iterable[tuple[str, str]]) -> set[str]:
    """After a merge the keys of the lost account count as the survivor's own: those, but for what the survivor has itself.

    `keys` are (key, account id or "").
    """
    own, found = set(), set()
    for text, account_id in keys:
        own.add(text)
        head, _, named = text.rpartition(":")
        if account_id and named != account_id:
            found.add(f"{head}:{account_id}")
    return found - own


class _Wanted(NamedTuple):
    firing: Firing
    task: PreparedTask
    key: str
    due: date
    assignee: Owner
    stands_in: str  # why it is not the one whom the playbook names first
    calendar: BusinessCalendar
    step: int


class _Unassigned(NamedTuple):
    """A task that nobody can be given; the text says why."""

    firing: Firing
    task: PreparedTask
    key: str
    why: str


class _Known(NamedTuple):
    """What a run knows of the tasks and people that are there."""

    existing: Collection[str]
    entries: _Entries
    done: Collection[str]
    quiet: QuietDays
    assignees: Assignees
    as_of: date


def _why_empty(wanted: _Wanted) -> str:
    """A subject is left out like any sentence whose value nobody knows."""
    if "previous_tier" in wanted.task.compiled.names and wanted.firing.facts.get("previous_tier") is None:
        return "its subject names the tier before, which nobody knows since the cache was rebuilt"
    return "its subject is empty"


@dataclass(slots=True)
class _Made:
    """Days on which an account was given one task of an entry: by itself, or as one that was merged into it."""

    own: list[date] = dataclass_field(default_factory=list)
    inherited: list[date] = dataclass_field(default_factory=list)


_Entries = Mapping[tuple[str, str, str, str], _Made]  # by (playbook, task, account id, tier)


def _wanted_tasks(playbooks: Playbooks, firing: Firing, known: _Known) -> Iterator[_Wanted | _Unassigned | HeldBack]:
    """The tasks of a playbook that are not there and whose time has come, each due no earlier than the one before it."""
    prepared = playbooks.by_name[firing.playbook]
    earliest = known.as_of
    for step, task in enumerate(prepared.tasks):
        key = ""
        try:
            occurrence = _occurrence(prepared.playbook, task, firing, known.entries, known.as_of)
            key = task_key(prepared.playbook.name, task.template.name, occurrence, firing.account_id)
            if key in known.existing or not known.quiet.are_over(prepared.playbook, occurrence, firing.account_id):
                continue
            # Not before: calendars take long to load, and on most nights every task is there.
            calendar = account_calendar(_text(firing.facts.get("country")), playbooks.program.country)
            if not _is_time(task, firing, calendar, known.as_of) or not _is_before_done(prepared, task, firing, known):
                continue
            due = max(task.due.on(known.as_of, firing.facts, calendar), earliest)
            assignee, stands_in = known.assignees.assign_saying_why(task.template.assignee, firing.facts)
        except NotYet:
            continue
        except NoAssignee as error:
            yield _Unassigned(firing, task, key, str(error))
            continue
        except (NoOccurrence, NoDate) as error:
            yield _hold(firing, task, key, str(error))
            continue
        earliest = due
        known.quiet.note(prepared.playbook.name, occurrence, firing.account_id, due)
        yield _Wanted(firing, task, key, due, assignee, stands_in, calendar, step)


def _text(value: FactValue) -> str:
    return value if isinstance(value, str) else ""


def _is_time(task: PreparedTask, firing: Firing, calendar: BusinessCalendar, as_of: date) -> bool:
    """Whether the planned day is neither too far ahead nor too long past."""
    ahead, late = task.template.ahead_days, task.template.late_days
    if ahead is None and late is None:
        return True
    days = (task.due.planned(as_of, firing.facts, calendar) - as_of).days
    return (ahead is None or days <= ahead) and (late is None or -days <= late)


def _is_before_done(prepared: PreparedPlaybook, task: PreparedTask, firing: Firing, known: _Known) -> bool:
    """Whether somebody has done the task that this one waits for."""
    if not task.template.after:
        return True
    before = next(one for one in prepared.tasks if one.template.name == task.template.after)
    occurrence = _occurrence(prepared.playbook, before, firing, known.entries, known.as_of)
    return task_key(prepared.playbook.name, before.template.name, occurrence, firing.account_id) in known.done


def _told_once(unassigned: Iterable[_Unassigned]) -> Iterator[HeldBack]:
    """What nobody can be given, once for each reason and not for each task."""
    by_reason: dict[str, list[_Unassigned]] = defaultdict(list)
    for one in unassigned:
        by_reason[one.why].append(one)
    for why, them in by_reason.items():
        first, accounts = them[0], {one.firing.account_id for one in them}
        held = _hold(first.firing, first.task, first.key, why, waits=True)
        if len(them) == 1:
            yield held
            continue
        name = f"{held.name} and {len(accounts) - 1} more" if len(accounts) > 1 else held.name
        yield replace(held, name=name, what=f"{len(them)} tasks")


def _occurrence(playbook: Playbook, task: PreparedTask, firing: Firing, entries: _Entries, as_of: date) -> str:
    """The word of this occurrence; for an entry, the word of the tasks that an earlier run already made for the same entry."""
    decision = firing.decision
    if playbook.every == "entry":
        made = entries.get((playbook.name, task.template.name, firing.account_id, decision.tier))
        day = _day_of_same_entry(firing, made) if made is not None else None
        if day is not None:
            return entry_word(decision.tier, day)
    day = firing.moved_on or as_of
    if is_counted(playbook.every):
        since = staggered(decision.since or day, firing.account_id, playbook.stagger_days)
        return counted_word(playbook.every, day, since)
    return occurrence_word(playbook.every, day, decision.tier, decision.since or day, firing.facts)


def _day_of_same_entry(firing: Firing, made: _Made) -> date | None:
    """The day under which tasks of this very entry exist, which need not be the decision's `since`.

    Its own tasks are those since `stay_began`; those of an account that was merged into it also where it was merged during this
    stay, or before it began. Where the CRM shows no date at all, a tier just entered has the tasks of the last weeks, and a tier
    that was there already has the last ones there are.
    """
    decision, began = firing.decision, firing.stay_began
    if began is None:
        entering = decision.previous_tier != decision.tier
        began = (decision.since or date.max) - UNFINISHED_ENTRY if entering else date.min
    merged_since = firing.merged_on is not None and began <= firing.merged_on
    days = [day for day in made.own if day >= began] + [day for day in made.inherited if merged_since or day >= began]
    return max(days, default=None)


def _entries_made(playbooks: Playbooks, existing: Iterable[str], inherited: Collection[str]) -> _Entries:
    by_entry = {name for name, prepared in playbooks.by_name.items() if prepared.playbook.every == "entry"}
    made: dict[tuple[str, str, str, str], _Made] = defaultdict(_Made)
    if not by_entry:
        return made
    for text in existing:
        key = parse_key(text)
        entry = entry_of(key.occurrence) if key is not None and key.playbook in by_entry else None
        if key is not None and entry is not None:
            of_account = made[(key.playbook, key.task, key.account_id, entry[0])]
            (of_account.inherited if text in inherited else of_account.own).append(entry[1])
    return made


def _create(playbooks: Playbooks, wanted: _Wanted, assignees: Assignees, as_of: date) -> CreateTask:
    firing, task = wanted.firing, wanted.task
    prepared = playbooks.by_name[firing.playbook]
    values = _template_values(playbooks.program, wanted, assignees, as_of)
    subject, body = task.compiled.render(values)
    if not subject:
        raise NotRendered(_why_empty(wanted))
    return CreateTask(
        key=wanted.key,
        account_id=firing.account_id,
        account_name=firing.name,
        owner_id=wanted.assignee.id,
        subject=subject,
        body=body,
        due=wanted.due,
        playbook=prepared.playbook.name,
        priority=task.template.priority,
        reasons=(_because(prepared, firing.facts), *([_instead(wanted)] if wanted.stands_in else [])),
        type=task.template.type,
    )


def _template_values(program: Program, wanted: _Wanted, assignees: Assignees, as_of: date) -> dict[str, object]:
    firing, decision, words = wanted.firing, wanted.firing.decision, language(program.language)
    tier = next((tier for tier in program.tiers if tier.name == decision.tier), None)
    segment, health = decision.segment or "", decision.health or ""
    return {
        **firing.facts,
        "name": firing.name,
        "account_id": firing.account_id,
        "as_of": as_of.isoformat(),
        "since": decision.since.isoformat() if decision.since else None,
        "tier_label": (tier.label or tier.name) if tier else NO_TIER,
        "segment_label": program.segment_labels.get(segment) or words.segments.get(segment) or None,
        "health_label": words.health.get(health) or None,
        "owner_name": assignees.name_of(firing.facts.get("owner_id")) or None,
        "assignee_name": wanted.assignee.name,
        "program_name": program.name,
    }


def _because(prepared: PreparedPlaybook, facts: Mapping[str, FactValue]) -> str:
    """The playbook and the values that its condition read: "Renewal: tier A, days to renewal 78"; a tier's rank by its name."""
    names = [name for name in names_read(prepared.playbook.when.text) if name in facts]
    read = dict.fromkeys("tier" if name == "tier_rank" and "tier" in facts else name for name in names)
    seen = ", ".join(f"{name.replace('_', ' ')} {_value(facts[name])}" for name in read)
    return f"{prepared.label}: {seen}" if seen else prepared.label


def _instead(wanted: _Wanted) -> str:
    return f"{wanted.assignee.name or wanted.assignee.id} stands in: {wanted.stands_in}"


def _value(value: FactValue) -> str:
    if value is None:
        return "unknown"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def _hold(firing: Firing, task: PreparedTask, key: str, reason: str, *, waits: bool = False) -> HeldBack:
    what = f"task {firing.playbook}/{task.template.name}"
    return HeldBack(firing.account_id, firing.name, what, reason, key, waits)


def _over_limit(assignee: Owner, limit: int) -> str:
    return f"{assignee.name or assignee.id} gets {limit} new tasks in this run already; it waits for the next run"

"""A plan as people read it before they say yes: grouped by what happens to an account, the weightiest first.

Who enters, rises, falls and leaves the key accounts comes first, each said in a word; then other updates, tasks by their owner,
what is closed, and what was held back, where identical lines are one with a count. A group is cut at a limit and says how many
it left out; a change without its reason is never shown. Pure: colour and columns are `plan_layout`'s and the command line's.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from types import MappingProxyType
from typing import Literal

from kamsync.decide.plan import (
    AttachTask,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    FieldChange,
    HeldBack,
    Plan,
    ReassignTask,
    UpdateAccount,
    WriteNote,
)
from kamsync.decide.program import NO_TIER
from kamsync.model import Value
from kamsync.numerals import counted
from kamsync.printable import one_blank

Role = Literal[
    "enters", "rises", "falls", "leaves", "kept", "updates", "creates", "attaches", "reassigns", "closes", "deletes",
    "notes", "held",
]  # fmt: skip
NAMED_TOGETHER = 3  # accounts that a held-back line for several names
_BOOKKEEPING = frozenset({"evaluated_at", "reasons", "receipt", "decided_tier"})
_MARKS: Mapping[Role, str] = {
    "enters": "↑",
    "rises": "↑",
    "falls": "↓",
    "leaves": "↓",
    "kept": "~",
    "updates": "~",
}
_TITLES: Mapping[Role, str] = {
    "enters": "Enter the key accounts",
    "rises": "Rise",
    "falls": "Fall",
    "leaves": "Leave the key accounts",
    "kept": "Changed by hand, kept as an override",
    "updates": "Other updates",
    "creates": "New tasks",
    "attaches": "Tasks put back on their account",
    "reassigns": "Tasks that follow the owner",
    "closes": "Closed tasks",
    "deletes": "Removed tasks",
    "notes": "Notes with account plans",
    "held": "Held back",
}
_SAID: Mapping[Role, str] = {
    "enters": "enter",
    "rises": "rise",
    "falls": "fall",
    "leaves": "leave",
    "kept": "kept as people set them",
    "updates": "other updates",
    "creates": "new tasks",
    "attaches": "tasks put back on accounts",
    "reassigns": "tasks handed over",
    "closes": "tasks closed",
    "deletes": "tasks removed",
    "notes": "notes",
    "held": "held back",
}


@dataclass(frozen=True, slots=True)
class PlanReader:
    """What the text needs besides the plan: tier names, best first, and owners' names by id."""

    tiers: tuple[str, ...] = ()
    owners: Mapping[str, str] = dataclass_field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class PlanLine:
    """One change, or several held-back ones that say the same: *mark, account, what, because*."""

    mark: str
    account: str
    what: str
    because: str


@dataclass(frozen=True, slots=True)
class PlanBlock:
    """Lines under one heading; `heading` is "" for all groups but the tasks of one owner. `left_out` lines were cut."""

    heading: str
    lines: tuple[PlanLine, ...]
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class PlanGroup:
    """What happens to some accounts. `count` is of changes (or held-back ones), the cut ones included."""

    role: Role
    title: str
    count: int
    blocks: tuple[PlanBlock, ...]
    left_out: int = 0  # whole blocks


def describe_plan(plan: Plan, reader: PlanReader, *, limit: int | None) -> tuple[PlanGroup, ...]:
    """The groups of `plan` that hold something, at most `limit` lines of each (None: all)."""
    updates: dict[Role, list[UpdateAccount]] = defaultdict(list)
    for change in plan.changes:
        if isinstance(change, UpdateAccount):
            updates[_role_of(change, reader)].append(change)
    groups = [
        *(_updates(role, updates[role], reader, limit) for role in ("enters", "rises", "falls", "leaves", "kept", "updates")),
        _creates([change for change in plan.changes if isinstance(change, CreateTask)], reader, limit),
        _on_tasks("attaches", [c for c in plan.changes if isinstance(c, AttachTask)], "put back on its account", limit),
        _hand_overs([c for c in plan.changes if isinstance(c, ReassignTask)], reader, limit),
        _on_tasks("closes", [c for c in plan.changes if isinstance(c, CloseTask)], "closed", limit),
        _on_tasks("deletes", [c for c in plan.changes if isinstance(c, DeleteTask)], "removed", limit),
        _notes([c for c in plan.changes if isinstance(c, WriteNote | DeleteNote)], limit),
        _held_back(plan.held_back, limit),
    ]
    return tuple(group for group in groups if group.count)


def headline(plan: Plan, reader: PlanReader) -> str:
    """How many changes of which kind, in one sentence: "34 changes: 3 enter, 2 rise, 40 new tasks; 2 held back"."""
    counts = {group.role: group.count for group in describe_plan(plan, reader, limit=0)}
    held = counts.pop("held", 0)
    inside = ", ".join(f"{count:,} {_said(role, count)}" for role, count in counts.items())
    changes = counted(len(plan.changes), "change")
    return changes + (f": {inside}" if inside else "") + (f"; {held:,} held back" if held else "")


def _said(role: Role, count: int) -> str:
    if count == 1 and role in ("enters", "rises", "falls", "leaves"):
        return role
    said = _SAID[role]
    return said if count > 1 else said.replace("updates", "update").replace("tasks", "task").replace("notes", "note")


def _role_of(change: UpdateAccount, reader: PlanReader) -> Role:
    if "tier" not in change.fields:
        return "kept" if "override" in change.fields else "updates"
    before, after = _tiers(change.fields["tier"])
    if before == NO_TIER:
        return "enters"
    if after == NO_TIER:
        return "leaves"
    return "rises" if _rank(after, reader) < _rank(before, reader) else "falls"


def _updates(role: Role, updates: Sequence[UpdateAccount], reader: PlanReader, limit: int | None) -> PlanGroup:
    ordered = sorted(updates, key=lambda change: _weight(change, role, reader))
    return _group(role, [_update(change, role) for change in ordered], limit)


def _weight(change: UpdateAccount, role: Role, reader: PlanReader) -> tuple[float, float, str]:
    """The better tier that is won or lost first, then the higher score; other updates by how far the score moved."""
    before, after = _scores(change)
    if role in ("kept", "updates"):
        return 0.0, -abs(after - before), change.name
    lost, won = _tiers(change.fields["tier"])
    return _rank(won if role in ("enters", "rises") else lost, reader), -after, change.name


def _update(change: UpdateAccount, role: Role) -> PlanLine:
    if "tier" in change.fields:
        before, after = _tiers(change.fields["tier"])
        what = {"enters": f"enters {after}", "leaves": f"leaves {before}"}.get(role, f"{role} {before} → {after}")
    else:
        shown = [name for name in change.fields if name not in _BOOKKEEPING]
        what = ", ".join(_moved(name, change.fields[name]) for name in shown) or "reasons told anew"
    return PlanLine(_MARKS[role], one_blank(change.name), what, _because(change.reasons))


def _moved(name: str, change: FieldChange) -> str:
    return f"{name.replace('_', ' ')} {_plain(change.before)} → {_plain(change.after)}"


def _creates(tasks: Sequence[CreateTask], reader: PlanReader, limit: int | None) -> PlanGroup:
    """One block an owner, who has most to do first; every owner that is shown has at least one line."""
    by_owner: dict[str, list[CreateTask]] = defaultdict(list)
    for task in tasks:
        by_owner[task.owner_id].append(task)
    owners = sorted(by_owner.items(), key=lambda item: (-len(item[1]), reader.owners.get(item[0], item[0])))
    shown = owners if limit is None else owners[:limit]
    each = None if limit is None else max(1, limit // len(shown)) if shown else limit
    blocks = tuple(_of_owner(reader.owners.get(owner, owner), held, each) for owner, held in shown)
    title = f"{_TITLES['creates']} ({len(tasks):,} for {counted(len(owners), 'owner')})"
    return PlanGroup("creates", title, len(tasks), blocks, len(owners) - len(shown))


def _of_owner(name: str, tasks: Sequence[CreateTask], limit: int | None) -> PlanBlock:
    days = Counter(task.due for task in tasks)
    day, most = min(days.items(), key=lambda item: (-item[1], item[0]))
    heaviest = f", most on {day.isoformat()}: {most:,}" if len(tasks) > 1 else ""
    heading = f"{one_blank(name) or 'no owner'}: {counted(len(tasks), 'task')}{heaviest}"
    ordered = sorted(tasks, key=lambda task: (task.due, task.account_name, task.key))
    kept = ordered if limit is None else ordered[:limit]
    return PlanBlock(heading, tuple(_create(task) for task in kept), len(ordered) - len(kept))


def _create(task: CreateTask) -> PlanLine:
    because = _because(task.reasons) or f"playbook {task.playbook}"
    return PlanLine("+", one_blank(task.account_name), f'task "{one_blank(task.subject)}" due {task.due.isoformat()}', because)


def _on_tasks(role: Role, tasks: Sequence[AttachTask | CloseTask | DeleteTask], what: str, limit: int | None) -> PlanGroup:
    mark = "~" if role == "attaches" else "-"
    lines = [
        PlanLine(mark, one_blank(task.account_name), f'task "{one_blank(task.subject)}" {what}', _because(task.reasons))
        for task in tasks
    ]
    return _group(role, sorted(lines, key=lambda line: (line.account, line.what)), limit)


def _hand_overs(tasks: Sequence[ReassignTask], reader: PlanReader, limit: int | None) -> PlanGroup:
    def person(owner_id: str) -> str:
        return one_blank(reader.owners.get(owner_id, owner_id))

    lines = [
        PlanLine(
            "→",
            one_blank(task.account_name),
            f'task "{one_blank(task.subject)}" {person(task.owner_id)} → {person(task.new_owner_id)}',
            _because(task.reasons),
        )
        for task in tasks
    ]
    return _group("reassigns", sorted(lines, key=lambda line: (line.account, line.what)), limit)


def _notes(notes: Sequence[WriteNote | DeleteNote], limit: int | None) -> PlanGroup:
    lines = []
    for note in notes:
        is_new = isinstance(note, WriteNote) and not note.note_id
        mark, what = ("+", "a new note") if is_new else ("~", "its note, written anew")
        if isinstance(note, DeleteNote):
            mark, what = "-", "its note, removed"
        lines.append(PlanLine(mark, one_blank(note.account_name), what, _because(note.reasons)))
    return _group("notes", sorted(lines, key=lambda line: (line.account, line.what)), limit)


def _held_back(held: Sequence[HeldBack], limit: int | None) -> PlanGroup:
    """Accounts that are held back in the same words share a line."""
    alike: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in held:
        alike[(one_blank(one.what), one_blank(one.reason))].append(one_blank(one.name) or one.account_id)
    ordered = sorted(alike.items(), key=lambda item: (-len(item[1]), item[0]))
    lines = [PlanLine("!", _together(names), what, f"held back: {reason}") for (what, reason), names in ordered]
    kept = lines if limit is None else lines[:limit]
    left = sum(len(names) for _, names in ordered[len(kept) :])
    return PlanGroup("held", f"{_TITLES['held']} ({len(held):,})", len(held), (PlanBlock("", tuple(kept), left),))


def _together(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    different = sorted(set(names))
    listed = ", ".join(different[:NAMED_TOGETHER]) + (" …" if len(different) > NAMED_TOGETHER else "")
    return f"{len(names):,} × {listed}"


def _group(role: Role, lines: Sequence[PlanLine], limit: int | None) -> PlanGroup:
    kept = tuple(lines if limit is None else lines[:limit])
    return PlanGroup(role, f"{_TITLES[role]} ({len(lines):,})", len(lines), (PlanBlock("", kept, len(lines) - len(kept)),))


def _because(reasons: Iterable[str]) -> str:
    return "; ".join(one_blank(reason) for reason in reasons)


def _rank(tier: str, reader: PlanReader) -> int:
    """0 is the best; a tier that is none of the programme's comes after all of them."""
    return reader.tiers.index(tier) if tier in reader.tiers else len(reader.tiers)


def _tiers(change: FieldChange) -> tuple[str, str]:
    return _tier(change.before), _tier(change.after)


def _tier(value: Value) -> str:
    return NO_TIER if value in (None, "") else str(value)


def _scores(change: UpdateAccount) -> tuple[float, float]:
    score = change.fields.get("score", FieldChange(None, None))
    return _number(score.before), _number(score.after)


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _plain(value: Value) -> str:
    if value is None or value == "":
        return "—"
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)

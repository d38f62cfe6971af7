"""From decisions to the writes that make the CRM say them: only the differences, field by field (DECISIONS.md §9).

Level-triggered: `plan_account` compares what is wanted with what the CRM shows and remembers nothing, so planning again after
its result was written gives nothing. Ordering is part of the plan: see `assemble_plan`. Pure; `now` is an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType

from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.plan import Change, CloseTask, CreateTask, FieldChange, HeldBack, Plan, UpdateAccount
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reasons import because, reasons_text, says_the_same_cause
from kamsync.model import Value

SMALLEST_SCORE_STEP = 0.01  # scores have two decimals; less is the CRM's rounding, not a move
_SETTLING = ("tier", "segment", "health")


@dataclass(frozen=True, slots=True)
class Writing:
    """What holds for every account of one run: the clock's reading and the room in the CRM's reasons field."""

    now: datetime
    reasons_length: int = 255


def plan_account(
    decision: Decision,
    name: str,
    observed: Mapping[str, Value],
    contributions: Callable[[], Sequence[Contribution]],
    program: Program,
    writing: Writing,
) -> UpdateAccount | None:
    """The update of one account, None where the CRM already says what was decided.

    `observed` holds what the CRM shows, by the names of model.FLAGS; a flag that is missing there is not mapped and never
    written. `contributions` is called only where a text has to be made, because receipts cost more than decisions.
    """
    if program.write_scope != "all" and _never_concerned(decision, observed):
        return None
    shown = {flag: _shown(flag, value) for flag, value in observed.items()}
    fields = _differences(decision, shown, program)
    retell = "reasons" in shown and _needs_new_reasons(decision, shown, fields, program)
    told = contributions() if fields or retell else ()
    if retell:
        text = reasons_text(decision, told, program, writing.reasons_length)
        if text != shown["reasons"]:
            fields["reasons"] = FieldChange(shown["reasons"], text)
    if not fields:
        return None
    why = _why(decision, fields, told, program)
    if "evaluated_at" in shown:
        moment = writing.now.astimezone(UTC).replace(microsecond=0)
        fields["evaluated_at"] = FieldChange(shown["evaluated_at"], moment)
    return UpdateAccount(decision.account_id, name, MappingProxyType(fields), why)


def assemble_plan(
    *,
    run_id: str,
    as_of: date,
    crm: str,
    criteria_hash: str,
    base: str,
    updates: Iterable[UpdateAccount],
    creates: Iterable[CreateTask] = (),
    closes: Iterable[CloseTask] = (),
    held_back: Iterable[HeldBack] = (),
    problems: Iterable[str] = (),
) -> Plan:
    """One plan, in the order in which it must be applied: new tasks, closed tasks, then the flags.

    Tasks go before flags because a playbook may fire on `entered`: a run that is killed between the two finds the account
    still in its old tier, decides the same move again, and recognises the tasks by their keys. The other way round the tier
    would already be written, nothing would have been entered any more, and the task would be lost.
    """
    changes: tuple[Change, ...] = (
        *sorted(creates, key=lambda task: (task.account_id, task.key)),
        *sorted(closes, key=lambda task: (task.account_id, task.key)),
        *sorted(updates, key=lambda update: update.account_id),
    )
    kept = tuple(held_back)
    return Plan(run_id, as_of, crm, criteria_hash, base, changes, kept, tuple(problems), summarise(changes, kept))


def summarise(changes: Iterable[Change], held_back: Sequence[HeldBack] = ()) -> Mapping[str, int]:
    """Counts by operation, then by tier move ("B → A"), best known first for people and stable for machines."""
    ops: Counter[str] = Counter({"update_account": 0, "create_task": 0, "close_task": 0})
    moves: Counter[str] = Counter()
    for change in changes:
        match change:
            case UpdateAccount():
                ops["update_account"] += 1
                if "tier" in change.fields:
                    move = change.fields["tier"]
                    moves[f"{move.before or NO_TIER} → {move.after or NO_TIER}"] += 1
            case CreateTask():
                ops["create_task"] += 1
            case CloseTask():
                ops["close_task"] += 1
    return MappingProxyType({**ops, "held_back": len(held_back), **dict(sorted(moves.items()))})


def _differences(decision: Decision, shown: Mapping[str, Value], program: Program) -> dict[str, FieldChange]:
    wanted: dict[str, Value] = {
        "tier": None if decision.tier == NO_TIER else decision.tier,
        "segment": decision.segment,
        "health": decision.health,
        "since": decision.since,
    }
    fields = {flag: FieldChange(shown[flag], value) for flag, value in wanted.items() if flag in shown and shown[flag] != value}
    settled_anew = any(flag in fields for flag in _SETTLING)
    if "score" in shown and _score_differs(shown["score"], decision.score, program, settled_anew):
        fields["score"] = FieldChange(shown["score"], decision.score)
    return fields


def _score_differs(shown: Value, wanted: float | None, program: Program, settled_anew: bool) -> bool:
    if not isinstance(shown, int | float) or wanted is None:
        return shown != wanted
    # Rounded, so that 75.1 − 70.1 is a move of 5 and not of 4.999….
    moved = round(abs(shown - wanted), 2)
    least = SMALLEST_SCORE_STEP if settled_anew else max(program.score_deadband, SMALLEST_SCORE_STEP)
    return moved >= least


def _needs_new_reasons(
    decision: Decision, shown: Mapping[str, Value], fields: Mapping[str, FieldChange], program: Program
) -> bool:
    """A contribution that moved by itself is no news; a move of score, tier, segment or health is, and so is a new cause."""
    if any(flag in fields for flag in (*_SETTLING, "score")):
        return True
    return not says_the_same_cause(str(shown.get("reasons") or ""), decision, program)


def _never_concerned(decision: Decision, observed: Mapping[str, Value]) -> bool:
    return decision.tier == NO_TIER and all(observed.get(flag) in (None, "") for flag in ("tier", "since", "score"))


def _why(
    decision: Decision, fields: Mapping[str, FieldChange], told: Sequence[Contribution], program: Program
) -> tuple[str, ...]:
    sentences = [because(decision, told, program)]
    if "tier" not in fields:
        for flag in ("score", "segment", "health", "since"):
            if flag in fields:
                sentences.append(f"{flag} {_plain(fields[flag].before)} → {_plain(fields[flag].after)}")
        if set(fields) == {"reasons"}:
            sentences.append("what settles the tier is new")
    return (*sentences, *decision.notes)


def _plain(value: Value) -> str:
    if value is None:
        return "none"
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _shown(flag: str, value: Value) -> Value:
    """A flag's value as the decision would say it: empty text is null, stored text of dates, instants and numbers is parsed.

    Text that is none (the flag is mapped to a free text field, and somebody wrote there) is a difference like any other.
    """
    if value is None or value == "":
        return None
    parse = _PARSED.get(flag)
    if parse is None or not isinstance(value, str):
        return value.date() if flag == "since" and isinstance(value, datetime) else value
    try:
        return parse(value)
    except ValueError:
        return value


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


_PARSED: Mapping[str, Callable[[str], Value]] = MappingProxyType(
    {"since": lambda text: date.fromisoformat(text[:10]), "evaluated_at": _instant, "score": float}
)

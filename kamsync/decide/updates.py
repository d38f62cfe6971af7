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
from kamsync.decide.plan import Change, DeleteNote, FieldChange, HeldBack, Op, Plan, UpdateAccount, WriteNote, op_of
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reasons import because, reasons_text, says_the_same_cause
from kamsync.flags import FLAGS
from kamsync.model import Kind, Value

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
    receipt: Callable[[], str] = lambda: "",
) -> UpdateAccount | None:
    """The update of one account, None where the CRM already says what was decided.

    `observed` holds what the CRM shows, by the names of flags.FLAGS; a flag that is missing there is not mapped and never
    written. `contributions` and `receipt` (the decision as JSON) are called only where a text has to be made, because receipts
    cost more than decisions.
    """
    if decision.code == "group" and program.members == "none":
        return None
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
    if "receipt" in shown:
        fields["receipt"] = FieldChange(shown["receipt"], receipt())
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
    changes: Iterable[Change] = (),
    held_back: Iterable[HeldBack] = (),
    problems: Iterable[str] = (),
    org_id: str = "",
    rehearsal: bool = False,
) -> Plan:
    """One plan, in the order in which it must be applied: the flags, then what follows from them.

    A task is made only once its account's flags are written: one whose update is held back or refused gets none. What a killed
    run left undone is wanted again by the next one, because the CRM shows the tier, since when, and which keys exist.
    """
    ordered = tuple(sorted(changes, key=lambda change: (_ORDER[op_of(change)], change.account_id, _key_of(change))))
    kept = tuple(held_back)
    return Plan(
        run_id,
        as_of,
        crm,
        criteria_hash,
        base,
        ordered,
        kept,
        tuple(problems),
        summarise(ordered, kept),
        org_id=org_id,
        rehearsal=rehearsal,
    )


_ORDER: Mapping[Op, int] = {
    "update_account": 0, "create_task": 1, "attach_task": 2, "reassign_task": 3, "close_task": 4, "delete_task": 5,
    "write_note": 6, "delete_note": 7,
}  # fmt: skip


def _key_of(change: Change) -> str:
    return "" if isinstance(change, UpdateAccount | WriteNote | DeleteNote) else change.key


def summarise(changes: Iterable[Change], held_back: Sequence[HeldBack] = ()) -> Mapping[str, int]:
    """Counts by operation, the three of every plan first; then what was held back."""
    ops: Counter[str] = Counter({"update_account": 0, "create_task": 0, "close_task": 0})
    for change in changes:
        ops[op_of(change)] += 1
    return MappingProxyType({**ops, "held_back": len(held_back)})


def _differences(decision: Decision, shown: Mapping[str, Value], program: Program) -> dict[str, FieldChange]:
    wanted: dict[str, Value] = {
        "tier": None if decision.tier == NO_TIER else decision.tier,
        "segment": decision.segment,
        "health": decision.health,
        "since": decision.since,
    }
    wanted |= _by_hand(decision)
    fields = {flag: FieldChange(shown[flag], value) for flag, value in wanted.items() if flag in shown and shown[flag] != value}
    if "decided_tier" in shown and shown["decided_tier"] != decision.tier:
        fields["decided_tier"] = FieldChange(shown["decided_tier"], decision.tier)
    settled_anew = any(flag in fields for flag in _SETTLING)
    if "score" in shown and _score_differs(shown["score"], decision.score, program, settled_anew):
        fields["score"] = FieldChange(shown["score"], decision.score)
    return fields


def _by_hand(decision: Decision) -> dict[str, Value]:
    """A tier that a person changed, or an override of a merged account, becomes the override that people see and can change."""
    if not decision.writes_override:
        return {}
    return {"override": decision.override, "override_until": decision.until}


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
    has_trace = any(observed.get(flag) not in (None, "") for flag in ("tier", "since", "score", "decided_tier"))
    return decision.tier == NO_TIER and not has_trace and not decision.writes_override


def _why(
    decision: Decision, fields: Mapping[str, FieldChange], told: Sequence[Contribution], program: Program
) -> tuple[str, ...]:
    sentences = [because(decision, told, program)]
    if "tier" not in fields:
        for flag in ("score", "segment", "health", "since"):
            if flag in fields:
                sentences.append(f"{flag} {_plain(fields[flag].before)} → {_plain(fields[flag].after)}")
        if decision.writes_override and not decision.drifted and "override" in fields:
            sentences.append("the override is kept where people see it")
        if set(fields) == {"decided_tier"}:
            sentences.append("what was decided is noted beside the tier")
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
        return value.date() if parse is _day and isinstance(value, datetime) else value
    try:
        return parse(value)
    except ValueError:
        return value


def _day(text: str) -> date:
    return date.fromisoformat(text[:10])


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


_PARSED_KINDS: Mapping[Kind, Callable[[str], Value]] = MappingProxyType({"date": _day, "instant": _instant, "number": float})
_PARSED = MappingProxyType({flag.name: _PARSED_KINDS[flag.kind] for flag in FLAGS.values() if flag.kind in _PARSED_KINDS})

"""What of a programme can be replayed on past days: the rest is left out, and said, because it would tell the future. Pure.

Opportunities know since when the CRM has them and when they closed; an account field that is a date is known from that date on.
Every other account field is kept in one state only, today's: who is satisfied today, or large, may be so because of what came
after. An admin can name those that were the same on the days in question.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from kamsync.decide.criteria import expressions_of
from kamsync.decide.expressions import names_in
from kamsync.decide.facts import FACTS, streams_of, with_what_they_need
from kamsync.decide.months import days_before
from kamsync.decide.place import Expression
from kamsync.decide.program import Program, Seat
from kamsync.errors import ConfigError
from kamsync.model import Stream

NEVER_CHANGE = frozenset({"id", "name", "currency", "created_date"})
AS_TODAY = frozenset({"owner_id", "parent_id"})  # they place nobody by themselves; said, not left out
OTHER_RANK = "won_amount_12m"  # of seats, where their own rank is not known of the past
ACTIVITY_DAYS = 90  # an activity counts for so long
_FACTS = {fact.name: fact for fact in FACTS}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """One criterion or rule, and what it reads that cannot be replayed. `why`: in words, after "because"."""

    what: str
    reads: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Replayable:
    """`notes` are sentences on what is replayed otherwise than it was."""

    program: Program
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def replayable(program: Program, first: date, activities_from: date | None, fixed: Collection[str] = ()) -> Replayable:
    """The programme as it can be decided on days from `first` on.

    `activities_from`: the first day of which activities are known, None where none are. `fixed`: account fields that are taken
    to have been the same then. Raises ConfigError where who takes part, or the whole score, hangs on what cannot be replayed.
    """
    _check_fixed(program, fixed)
    has_activities = activities_from is not None and activities_from <= days_before(first, ACTIVITY_DAYS)

    def unknown(names: Iterable[str]) -> tuple[str, ...]:
        return tuple(sorted({name for name in names if not _is_known(program, name, fixed, has_activities)}))

    hidden = unknown((*names_in(program.eligible.text), *names_in(program.active.text)))
    if hidden:
        raise ConfigError(
            f"Who takes part is decided by {', '.join(hidden)}, of which only today's state is known.",
            fix=f"If that was the same on the past days, say so: --fixed {hidden[0]}.",
        )
    criteria = {c.name: unknown(n for e in expressions_of(c) for n in names_in(e.text)) for c in program.criteria}
    rules = [unknown(names_in(rule.when.text)) for rule in program.rules]
    seats = [unknown(n for e in (seat.when, seat.evidence) for n in names_in(e.text)) for seat in program.seats]
    kept = tuple(c for c in program.criteria if not criteria[c.name])
    if not any(c.axis != "health" for c in kept):
        raise ConfigError(
            "Nothing of this score can be replayed: every criterion reads what is known of today only.",
            fix="Name the account fields that were the same on the past days: --fixed FIELD.",
        )
    hidden_of = [(f"criterion {c.name}", criteria[c.name]) for c in program.criteria]
    hidden_of += [(f"rule {rule.when.text}", hidden) for rule, hidden in zip(program.rules, rules, strict=True)]
    hidden_of += [(f"seat in {seat.tier}", hidden) for seat, hidden in zip(program.seats, seats, strict=True)]
    left_out = [LeftOut(what, hidden, _why(hidden, activities_from)) for what, hidden in hidden_of if hidden]
    kept_seats = tuple(seat for seat, hidden in zip(program.seats, seats, strict=True) if not hidden)
    unranked = tuple(seat for seat in kept_seats if unknown(names_in(seat.rank.text)))
    kept_seats = tuple(replace(seat, rank=Expression(OTHER_RANK)) if seat in unranked else seat for seat in kept_seats)
    kept_rules = tuple(rule for rule, hidden in zip(program.rules, rules, strict=True) if not hidden)
    reduced = replace(program, criteria=kept, rules=kept_rules, seats=kept_seats, playbooks=())
    return Replayable(reduced, tuple(left_out), (*_notes(reduced, fixed), *_of_places(reduced, unranked)))


def _why(hidden: Sequence[str], activities_from: date | None) -> str:
    if not all(_of_activities(name) for name in hidden):
        return f"only today's {', '.join(hidden)} is known"
    return f"activities are known from {activities_from} on" if activities_from else "no activities are known"


def _of_activities(name: str) -> bool:
    return name in _FACTS and _FACTS[name].replayable and Stream.ACTIVITIES in streams_of(with_what_they_need((name,)))


def _is_known(program: Program, name: str, fixed: Collection[str], has_activities: bool) -> bool:
    if name in _FACTS:
        return _FACTS[name].replayable and (has_activities or not _of_activities(name))
    return name in NEVER_CHANGE or name in AS_TODAY or name in fixed or program.account_columns.get(name) == "date"


def _check_fixed(program: Program, fixed: Collection[str]) -> None:
    for name in fixed:
        if name not in program.account_columns:
            raise ConfigError(
                f"--fixed {name}: no account field of that name is mapped.",
                fix=f"Mapped fields: {', '.join(sorted(program.account_columns))}.",
            )


def _of_places(program: Program, unranked: Collection[Seat]) -> Iterable[str]:
    """What becomes of seats, reviews and approval."""
    for seat in unranked:
        yield f"Seats in {seat.tier} are ranked by {OTHER_RANK}: of {seat.rank.text} only today's state is known."
    if program.review_months:
        months = ", ".join(map(str, program.review_months))
        yield f"Tiers move in months {months} only, and on the first day as an org's first decision."
    if program.approve:
        yield "What a person has to approve is taken to be approved on the same day."
    yield "Overrides and tiers that people edited are not replayed."


def _notes(program: Program, fixed: Collection[str]) -> Iterable[str]:
    names = {n for c in program.criteria for e in expressions_of(c) for n in names_in(e.text)}
    if "weighted_pipeline" in names:
        yield "Open opportunities weigh as many as were won of all closed in the 24 months before: no stage of the past is kept."
    dates = sorted(n for n in names if program.account_columns.get(n) == "date" and n not in NEVER_CHANGE)
    if dates:
        yield f"{', '.join(dates)}: only the last date is kept, so an earlier one is missing on earlier days."
    if fixed:
        yield f"Taken to have been the same: {', '.join(sorted(fixed))}."
    if any(tier.max_per_owner is not None for tier in program.tiers):
        yield "Owners are today's."
    yield "Amounts are today's; accounts that were deleted or merged since are missing."

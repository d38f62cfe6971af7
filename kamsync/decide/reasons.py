"""Say in one line why an account has its tier: for the CRM's reasons field and for the plan.

The CRM's text is `<what settled it> (<score, its tier's threshold, the distance to the next>): <the three criteria that weigh
most, with what they saw>` in the programme's language, at most as long as the field, and never cut inside a word (DECISIONS.md
§7). Its head holds no number that moves by itself, so
`says_the_same_cause` can tell from the text in the CRM whether the cause changed. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.fact_words import say_contribution
from kamsync.decide.program import NO_TIER, Program, Tier
from kamsync.decide.reader import Reader, reader_for, reader_of

LARGEST = 3
ELLIPSIS = "…"
_CAUSES_BY_RULE = frozenset({"floor", "ceiling", "excluded"})


def reasons_text(decision: Decision, contributions: Sequence[Contribution], program: Program, length: int) -> str:
    """The text of the CRM's reasons field, at most `length` characters."""
    reader = reader_of(program)
    details = (*_detail(decision, reader), *_distance(decision, program, reader))
    head = _head(decision, reader) + (f" ({reader.words.list_separator.join(details)})" if details else "")
    shown = _seen(contributions, reader)
    while shown:
        text = f"{head}: {reader.words.list_separator.join(shown)}"
        if _size(text) <= length:
            return text
        shown.pop()
    return cut_at_word(head, length)


def _seen(contributions: Sequence[Contribution], reader: Reader) -> list[str]:
    """What the criteria that brought most saw of the account: three things, none of them twice, nothing that is unknown."""
    told: list[str] = []
    read: set[tuple[frozenset[str], FactValue]] = set()
    for one in _by_points(contributions):
        source, said = (frozenset(one.facts), one.value), say_contribution(one, reader)
        if said and said not in told and not (one.facts and source in read):
            told.append(said)
        read.add(source)
    return told[:LARGEST]


def says_the_same_cause(text: str, decision: Decision, program: Program) -> bool:
    """True where `text`, found in the CRM, already names what settles this decision (in the same language)."""
    head = _head(decision, reader_of(program))
    return text == head or text.startswith((head + ":", head + " ("))


def largest(contributions: Sequence[Contribution]) -> list[Contribution]:
    """The three criteria that brought most points, largest first; ties by name. Health never makes the score."""
    return _by_points(contributions)[:LARGEST]


def _by_points(contributions: Sequence[Contribution]) -> list[Contribution]:
    counted = [c for c in contributions if c.axis != "health" and c.points > 0]
    return sorted(counted, key=lambda c: (-c.points, c.criterion))


def because(decision: Decision, contributions: Sequence[Contribution], program: Program) -> str:
    """The cause for the plan's reader, with the numbers: "score 86 ≥ 80: revenue 40, growth 31, support 15"."""
    english = reader_for("en", program.country)
    shown = ", ".join(f"{_one_line(c.label or c.criterion)} {_short(c.points)}" for c in largest(contributions))
    cause = _cause(decision, program, english)
    if decision.drifted and decision.writes_override:
        cause = f"changed by hand, so kept as an override until {english.day(decision.until)}" if decision.until else cause
    return f"{cause}: {shown}" if shown else cause


def cut_at_word(text: str, length: int) -> str:
    """`text` in at most `length` characters, whole words only, an ellipsis where something is left out."""
    if _size(text) <= length:
        return text
    kept = ""
    for word in text.split():
        longer = f"{kept} {word}" if kept else word
        if _size(longer) + 1 > length:
            break
        kept = longer
    return kept.rstrip(" ,;:(") + ELLIPSIS if length > 0 else ""


def _size(text: str) -> int:
    """Characters as CRMs count them: UTF-16 units, so that a text with an emoji fits too."""
    return len(text.encode("utf-16-le")) // 2


def _head(decision: Decision, reader: Reader) -> str:
    head = reader.words.heads[decision.code]
    fired = [_one_line(reason) for reason in decision.fired if reason.strip()]
    if decision.code in _CAUSES_BY_RULE and fired:
        return f"{head} ({reader.words.list_separator.join(fired)})"
    if decision.code == "seat" and decision.seat.strip():
        return f"{head} ({_one_line(decision.seat)})"
    if decision.code == "override" and decision.until is not None:
        return f"{head} {reader.words.until.format(day=reader.day(decision.until))}"
    return head


def _detail(decision: Decision, reader: Reader) -> tuple[str, ...]:
    if decision.code == "capacity" and decision.capacity is not None:
        full = decision.capacity
        pattern = reader.words.capacity_of_one if full.limit == 1 else reader.words.capacity
        return (pattern.format(tier=full.tier, rank=full.rank, limit=full.limit),)
    if decision.code == "low_coverage":
        return (reader.words.coverage.format(share=reader.number(100 * decision.coverage)),)
    return ()


def _distance(decision: Decision, program: Program, reader: Reader) -> tuple[str, ...]:
    """The score, from where on its tier is reached, and what is missing for the next one; nothing where nothing is scored."""
    if decision.score is None:
        return ()
    words, tier = reader.words, _tier(decision.tier, program)
    said = [words.scored.format(score=reader.number(decision.score))]
    if tier is not None:
        said.append(words.enters.format(tier=tier.name, enter=reader.short_number(tier.enter)))
    missing = decision.points_missing
    if decision.next_tier is not None and missing is not None and missing > 0:
        said.append(words.short.format(missing=reader.number(missing, 1), tier=decision.next_tier))
    return tuple(said)


def _cause(decision: Decision, program: Program, reader: Reader) -> str:
    score = "no score" if decision.score is None else f"score {_short(decision.score)}"
    if decision.code == "score":
        return f"{score} {_against(decision, program)}".rstrip()
    if decision.code == "hysteresis":
        tier = _tier(decision.tier, program)
        leave = "" if tier is None else f", {tier.name} is left below {_short(tier.leave)}"
        return f"kept: {score}{leave}"
    detail = "".join(f" ({one})" for one in _detail(decision, reader))
    head = _head(decision, reader) + detail
    return f"{head}, {score}" if decision.score is not None else head


def _against(decision: Decision, program: Program) -> str:
    if decision.score is None:
        return ""
    tier = _tier(decision.tier, program)
    if decision.tier == NO_TIER:
        lowest = program.tiers[-1] if program.tiers else None
        return "" if lowest is None else f"< {_short(lowest.enter)} ({lowest.name})"
    return "" if tier is None else f"≥ {_short(tier.enter)}"


def _tier(name: str, program: Program) -> Tier | None:
    return next((tier for tier in program.tiers if tier.name == name), None)


def _short(value: float) -> str:
    """At most one decimal, and none where it is zero."""
    return f"{value:.1f}".removesuffix(".0")


def _one_line(text: str) -> str:
    return " ".join(text.split())

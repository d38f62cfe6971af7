"""A decision's receipt as lines that people read: the points that make the score, what settled the tier, the nearest way up.

Pure text. The machine's form is `receipt_json`; both come from the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from kamsync.decide.decision import Contribution, Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.fact_words import say_fact, say_value
from kamsync.decide.program import Program, Tier
from kamsync.decide.reader import Reader, reader_of
from kamsync.decide.receipts import Receipt
from kamsync.decide.scales import Percentile, Scale, Share
from kamsync.decide.texts import LANGUAGES
from kamsync.printable import one_line

BAR_WIDTH = 20
# Tenure and size: nobody can act on them.
NOBODY_CHANGES = frozenset(
    {"customer_months", "first_won_date", "created_date", "employees", "annual_revenue", "country", "industry", "children_count"}
)
LIMIT_NAMES = {"max_accounts": "", "top_percent": " (a share of all)", "max_per_owner": " of one owner"}


def contribution_rows(receipt: Receipt, program: Program) -> list[tuple[str, str, str, str, str, str]]:
    """Criterion, what it read in the reader's units, scaled score, weight, points and a bar; the greatest contribution first.

    Health criteria come last: they never make the score.
    """
    ordered = sorted(receipt.contributions, key=lambda c: (c.axis == "health", -c.points, c.criterion))
    most = max((c.points for c in ordered), default=0.0)
    reader = replace(reader_of(program), words=LANGUAGES["en"])  # its numbers, in the language of the command line
    scales = {c.name: c.scale for c in program.criteria if c.decay is None}
    return [
        (
            one_line(c.label or c.criterion),
            _read(c, scales.get(c.criterion), program, reader),
            "—" if c.scaled is None else f"{c.scaled:.1f}",
            f"{c.weight:g}",
            "health" if c.axis == "health" else f"{c.points:.2f}",
            "" if c.axis == "health" else "█" * round(BAR_WIDTH * c.points / most if most else 0),
        )
        for c in ordered
    ]


def _read(contribution: Contribution, scale: Scale | None, program: Program, reader: Reader) -> str:
    """The facts that a criterion read, or what it made of several; and how that compares with the other accounts."""
    known = {name: value for name, value in contribution.facts.items() if value is not None}
    if not contribution.known or not known:
        return "unknown"
    is_made = contribution.unit and len(known) > 1 and contribution.value not in known.values()
    facts = ", ".join(
        f"{name.replace('_', ' ')}: {'yes' if value else 'no'}"
        if program.account_columns.get(name) == "boolean"
        else say_fact(name, value, reader)
        for name, value in known.items()
    )
    said = say_value(contribution.value, contribution.unit, reader) if is_made else facts
    compared = "" if scale is None or contribution.scaled is None else _compared(scale, contribution.scaled)
    return f"{said}, {compared}" if compared else said


def _compared(scale: Scale, scaled: float) -> str:
    """What a rank or a share tells of the others: "better than 96 % of accounts", "1.3 % of all accounts together"."""
    match scale:
        case Percentile(within=None):
            return f"better than {scaled:.0f} % of accounts"
        case Share(low, high):
            share = low + (high - low) * scaled / 100
            bound = "" if 0 < scaled < 100 or share == 0 else " or more" if share == max(low, high) else " or less"
            return f"{share:.2g} %{bound} of all accounts together"
        case _:
            return ""


def margin_below(decision: Decision, tier: Tier | None) -> str:
    """What would lose the tier; "" where the score does not hold it."""
    if tier is None or decision.score is None or decision.code not in ("score", "hysteresis"):
        return ""
    room = decision.score - tier.leave
    return f"It keeps {tier.name} down to a score of {tier.leave:g}: {room:.2f} points of room." if room >= 0 else ""


def settled_by(decision: Decision, enter: float | None) -> str:
    """The one sentence on what settled the tier. `enter` is the entry threshold of the tier, where there is one."""
    score = "no score" if decision.score is None else f"score {decision.score:.2f}"
    match decision.code:
        case "score":
            return f"{score} ≥ {enter:g}" if enter is not None and decision.score is not None else f"{score}, below every tier"
        case "hysteresis":
            return f"{score}: below the entry threshold, above the one for leaving, so it stays"
        case "low_coverage":
            return f"only {decision.coverage:.0%} of the weights are known: too little to move it"
        case "min_days":
            return "it has not been in its tier for the minimum number of days"
        case "floor" | "ceiling" | "excluded":
            return f"a rule: {'; '.join(decision.fired) or decision.code}"
        case "not_eligible":
            return "it is not eligible for the programme"
        case "capacity":
            return _capacity(decision)
        case "seat":
            return f"a reserved place: {decision.seat}"
        case "review":
            return f"tiers wait for the next review, which would make it {decision.would_be}"
        case "group":
            return "its group is decided as one, by the account at its head"
        case "override":
            until = f", until {decision.until.isoformat()}" if decision.until else ""
            if decision.drifted and decision.writes_override:
                return f"a person changed the tier in the CRM, which becomes an override{until}"
            return f"a person's override in the CRM{until}"


def _capacity(decision: Decision) -> str:
    place = decision.capacity
    if place is None:
        return "its tier is full"
    accounts = "account" if place.limit == 1 else "accounts"
    return f"rank {place.rank} for tier {place.tier}, which takes {place.limit} {accounts}{LIMIT_NAMES[place.kind]}"


def nearest_way_up(decision: Decision, contributions: Sequence[Contribution]) -> str:
    """What is missing for the next tier and where it is nearest to be had; "" where there is no better tier."""
    if decision.next_tier is None or decision.points_missing is None:
        return ""
    if decision.points_missing <= 0:
        return f"The score reaches tier {decision.next_tier}; {decision.code.replace('_', ' ')} keeps it out."
    room = ways_up(contributions)
    sentence = f"{decision.points_missing:.2f} points short of {decision.next_tier}"
    if not room:
        return sentence + "."
    points, label = room[0]
    return f"{sentence}: the nearest way that somebody can act on is {label}, which could bring up to {points:.2f} more."


def ways_up(contributions: Sequence[Contribution]) -> list[tuple[float, str]]:
    """Points that each criterion could still bring, were it at 100, most first; not those over what nobody can change."""
    weights = sum(c.weight for c in contributions if c.axis != "health" and c.scaled is not None)
    if not weights:
        return []
    found = [
        (round(c.weight * (100 - c.scaled) / weights, 2), c.label or c.criterion)
        for c in contributions
        if c.axis != "health" and c.scaled is not None and c.scaled < 100 and _is_actionable(c)
    ]
    return sorted(found, reverse=True)


def _is_actionable(contribution: Contribution) -> bool:
    """As the criterion says; where it says nothing, not where it reads tenure and size only."""
    if contribution.actionable is not None:
        return contribution.actionable
    return not NOBODY_CHANGES.issuperset(contribution.facts)


def show_value(value: FactValue) -> str:
    """A fact's value for people: thousands separated, no endless decimals."""
    if value is None:
        return "—"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return one_line(value)

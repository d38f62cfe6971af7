"""The page of an account as the body of a note in the CRM: paragraphs and lists only, every text escaped. Pure.

CRMs keep little markup (paragraphs, lists, bold), so a table's row becomes an item of a list. People stand in it by role only:
what this program writes it also keeps in its journal, and no name is kept there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import escape

from kamsync.decide.goals import GoalStanding
from kamsync.decide.program import Program
from kamsync.decide.reader import reader_of
from kamsync.note_text import OWN_PART, NoteGoal, goals_html
from kamsync.printable import one_line
from kamsync.report.account_plan.page import Section, sections
from kamsync.report.account_plan.plan import NO_GOALS, AccountPlan
from kamsync.report.account_plan.words import text

MOST_ITEMS = 30  # of one section
TEXT_LENGTH = 300  # of one cell
_OWN_PART = re.compile(r"\s+".join(OWN_PART.split()), re.IGNORECASE)


def note_title(plan: AccountPlan, program: Program) -> str:
    """One line, in the programme's language."""
    return one_line(f"{text('title', program.language)}: {plan.name}")[:255]


def note_html(plan: AccountPlan, program: Program, *, length: int, keeps_goals: bool) -> str:
    """Without its mark. Sections that no longer fit into `length` are left out from the end. `keeps_goals`: the goals that have a
    target are named in a line that the CRM's connector reads too."""
    named = replace(plan, persons=None, unnamed="", own=NO_GOALS)
    day = text("as_of", program.language).format(reader_of(program).day(plan.as_of))
    body = f"<p><b>{_safe(note_title(plan, program))}</b></p><p>{_safe(text('note_rule', program.language))} {_safe(day)}</p>"
    goals = goals_html([_goal(own, program) for own, _ in plan.targets]) if keeps_goals else ""
    for section in sections(named, program):
        part = "".join(_section(section))
        if len(body) + len(part) + len(goals) > length:
            break
        body += part
    return body + goals


def _goal(own: GoalStanding, program: Program) -> NoteGoal:
    """Per cent as Salesforce writes them: 10 for a tenth."""
    name = f"{text(own.goal, program.language)}: {text(own.kpi, program.language)}"
    unit = {"money": "currency", "percent": "percent"}.get(own.unit, "number")
    factor = 100 if unit == "percent" else 1
    target, current = ("" if one is None else f"{one * factor:.2f}".rstrip("0").rstrip(".") for one in (own.target, own.now))
    return NoteGoal(own.goal, name, unit, target, current)


def own_part_html(program: Program) -> str:
    """The line below which people write what stays, and room for it."""
    return f"<p><b>{_safe(text('own_part', program.language), is_data=False)}</b></p><p>&nbsp;</p>"


def state_values(plan: AccountPlan, score: float | None, language: str) -> Iterator[object]:
    """What a note is written anew for, and nothing that moves by itself from day to day. `score`: as the CRM shows it."""
    decision = plan.receipt.decision
    yield (language, plan.name, decision.tier, decision.code, decision.since, decision.segment, decision.health, decision.until)
    yield plan.owner
    yield None if score is None else round(score, 1)
    yield [(one.name, one.amount, one.currency, one.close_date, one.stage) for one in plan.opportunities]
    yield [sorted(plan.families.items()), sorted(plan.roles.items()), plan.renewal]
    yield [(one.subject, one.due, one.owner) for one in plan.open_steps]
    yield [(one.subject, one.due) for one in plan.done_steps]
    yield [(own.goal, own.kpi, own.target, own.is_met, _tenths(own)) for own, _ in plan.targets]


def _tenths(own: GoalStanding) -> int | None:
    """How much of the target is reached, as coarsely as a note is written anew for it."""
    return None if own.now is None or own.target == 0 else min(max(int(10 * own.now / own.target), 0), 10)


def _section(section: Section) -> Iterator[str]:
    yield f"<p><b>{_safe(section.title)}</b></p><ul>"
    for sentence in section.sentences[:MOST_ITEMS]:
        yield f"<li>{_safe(sentence)}</li>"
    for row in section.rows[:MOST_ITEMS]:
        first, *others = row
        named = zip(section.head[1:], others, strict=True) if section.head else (("", cell) for cell in others)
        cells = ", ".join(_safe(f"{name}: {cell}" if name else cell) for name, cell in named if cell)
        yield f"<li>{_safe(first)}{': ' if cells else ''}{cells}</li>"
    left = max(len(section.rows) - MOST_ITEMS, 0)
    yield f"<li>… +{left}</li></ul>" if left else "</ul>"


def _safe(said: str, *, is_data: bool = True) -> str:
    """`is_data`: the line below which people write is known by its words, so nothing from the CRM may say them."""
    line = one_line(said)
    line = _OWN_PART.sub("-".join(OWN_PART.split()), line) if is_data else line
    return escape(line if len(line) <= TEXT_LENGTH else line[: TEXT_LENGTH - 1] + "…", quote=False)

"""An account's page as Markdown, as one HTML file and as JSON. Whatever a CRM's text holds, it stays text in each. Pure."""

from __future__ import annotations

import re
from typing import Any

from kamsync.decide.program import Program
from kamsync.decide.reader import reader_of
from kamsync.look import style_sheet
from kamsync.model.exchange import Objective
from kamsync.printable import one_line
from kamsync.report.account_plan.page import Section, sections
from kamsync.report.account_plan.plan import AccountPlan
from kamsync.report.account_plan.words import text
from kamsync.report.page import environment
from kamsync.report.receipt_json import receipt_to_json

# CommonMark, "Backslash escapes", and GitHub's tables, autolinks, mentions and formulas: what begins something in a text, what
# does so at the beginning of one, and what makes a link or a picture of a word. The rest stays as people write it.
_MARKUP = re.compile(r"[\\`*_\[\]<>&~|$@]|^[#+=-]|:(?=//|[\w+-]+:)|(?<=www)\.|(?<=\w)\.(?=[^\W\d_]{2})", re.IGNORECASE)
_NUMBERED = re.compile(r"^(\d+)([.)])")


def as_markdown(plan: AccountPlan, program: Program) -> str:
    """The page as CommonMark with tables."""
    day = reader_of(program).day(plan.as_of)
    lines = [f"# {text('title', program.language)}: {escaped(plan.name)}", "", text("as_of", program.language).format(day), ""]
    if plan.url:
        lines += [f"<{plan.url}>", ""]
    for section in sections(plan, program):
        lines += [f"## {section.title}", "", *_body(section)]
    return "\n".join(lines).rstrip() + "\n"


def _body(section: Section) -> list[str]:
    lines = [f"- {escaped(sentence)}" for sentence in section.sentences]
    lines += [""] if lines else []
    if section.rows:
        head = section.head or ("",) * len(section.rows[0])
        lines += [_row(head), _row(("---",) * len(head), is_rule=True), *(_row(row) for row in section.rows), ""]
    return lines


def _row(cells: tuple[str, ...], *, is_rule: bool = False) -> str:
    return f"| {' | '.join(cell if is_rule else escaped(cell) for cell in cells)} |"


def escaped(said: str) -> str:
    """Text that no Markdown reader takes for anything else."""
    return _NUMBERED.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", one_line(said).strip()))


def as_html(plan: AccountPlan, program: Program) -> str:
    """The page as one file: no script, no network, the matrix as a picture with its words."""
    template = environment().get_template("account_plan.html")
    language = program.language.replace("_", "-")
    return template.render(program=program, language=language, style=style_sheet(), **page_values(plan, program))


def page_values(plan: AccountPlan, program: Program) -> dict[str, Any]:
    """What the templates of the page need of the account, in the programme's language."""
    decision, language = plan.receipt.decision, program.language
    reader = reader_of(program)
    place, alt = None, ""
    if decision.attractiveness is not None and decision.strength is not None:
        place = (round(decision.strength, 2), round(100 - decision.attractiveness, 2))
        numbers = (reader.number(decision.attractiveness), reader.number(decision.strength))
        alt = text("matrix_alt", language).format(plan.name, *numbers)
    return {
        "plan": plan,
        "sections": sections(plan, program),
        "words_of_page": lambda key: text(key, language),
        "as_of": text("as_of", language).format(reader.day(plan.as_of)),
        "place": place,
        "alt": alt,
        "lines": (program.segment_strength, 100 - program.segment_attractiveness),
        "quarters": _quarters(program),
    }


def _quarters(program: Program) -> list[tuple[float, float, str]]:
    """Where in the picture the name of each segment stands: in the middle of its quarter, at its far edge."""
    words = reader_of(program).words.segments
    right, left = (100 + program.segment_strength) / 2, program.segment_strength / 2
    places = {"key": (right, 6), "development": (left, 6), "maintenance": (right, 97), "opportunistic": (left, 97)}
    return [(x, y, program.segment_labels.get(name) or words[name]) for name, (x, y) in places.items()]


def as_json(plan: AccountPlan, program: Program, criteria_hash: str) -> dict[str, Any]:
    """For machines: the decision of DECISIONS.md §7 with what stands beside it on the page."""
    return {
        "version": 1,
        "as_of": plan.as_of.isoformat(),
        "decision": receipt_to_json(plan.receipt, program, name=plan.name, criteria_hash=criteria_hash),
        "owner": plan.owner,
        "url": plan.url,
        "goals": [
            {"goal": one.goal, "account": _rounded(one.account), "portfolio": _rounded(one.portfolio)} for one in plan.goals
        ],
        "targets": _targets(plan),
        "figures": [
            {"figure": one.kpi.name, "since": one.since.isoformat(), "before": one.before, "now": one.now} for one in plan.trends
        ],
        "white_space": dict(plan.families),
        "usual": {
            family: {"buyers": one.buyers, "peers": one.peers, "typical": round(one.typical, 2)}
            for family, one in plan.usual.items()
        },
        "opportunities": [
            {"name": one.name, "amount": one.amount, "currency": one.currency, "stage": one.stage}
            | {"close_date": one.close_date and one.close_date.isoformat()}
            for one in plan.opportunities
        ],
        "people": _people(plan),
        "customer_goals": [{"heading": heading, "text": line} for heading, line in plan.own.customer],
        "objectives": {
            "text": list(plan.own.ours),
            "records": [_objective(one) for one in plan.own.objectives],
            "trouble": plan.own.trouble,
        },
        "tasks": [
            {"subject": one.subject, "due": one.due and one.due.isoformat(), "owner": one.owner, "is_open": one.is_open}
            for one in plan.steps
        ],
        "next_renewal_date": plan.renewal and plan.renewal.isoformat(),
        "problems": list(plan.problems),
    }


def _targets(plan: AccountPlan) -> list[dict[str, Any]]:
    return [
        {
            "goal": own.goal,
            "kpi": own.kpi,
            "target": own.target,
            "now": own.now,
            "before": own.before,
            "met": own.is_met,
            "key_accounts": {"median": every.now, "before": every.before, "reached": every.reached, "known": every.accounts},
        }
        for own, every in plan.targets
    ]


def _people(plan: AccountPlan) -> dict[str, Any]:
    """`persons` is null where nobody asked the CRM who they are."""
    named = plan.persons
    persons = None if named is None else [{"name": one.name, "title": one.title, "roles": list(one.roles)} for one in named]
    known = plan.people if named is None else len(named)
    return {"known": known, "roles": dict(plan.roles), "persons": persons, "trouble": plan.unnamed}


def _objective(one: Objective) -> dict[str, Any]:
    return {
        "name": one.name,
        "status": one.status,
        "start": one.start and one.start.isoformat(),
        "end": one.end and one.end.isoformat(),
        "about": one.about,
        "measures": [
            {"name": measure.name, "unit": measure.unit, "target": measure.target, "current": measure.current}
            for measure in one.measures
        ],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)

"""An account's page as sections of sentences and tables: one form, from which Markdown and HTML are written. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from kamsync.decide.fact_words import say_value
from kamsync.decide.facts import unit_of
from kamsync.decide.goals import GoalStanding
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reader import Reader, reader_for, reader_of
from kamsync.decide.reasons import reasons_text
from kamsync.decide.white_space import Usual
from kamsync.glossary import HEALTH
from kamsync.model import STAKEHOLDER_ROLES
from kamsync.model.exchange import Measure
from kamsync.printable import one_line
from kamsync.report.account_plan.plan import AccountPlan
from kamsync.report.account_plan.words import text
from kamsync.report.receipt_text import ways_up
from kamsync.report.trend import TREND_DAYS

RENEWAL_DAYS = 120  # as early as the shipped timeline of a renewal begins
DONE_SHOWN = 10
OWN_LINES = 40  # of what people keep as text
OBJECTIVE_STATES = ("new", "in_progress", "closed")
WAYS_SHOWN = 3
REASONS_LENGTH = 1_000  # the page has room for all of it
_MET = {True: "target_met", False: "target_missed", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Section:
    """`head` and `rows` are a table, empty where there is none; every text is one line, not yet escaped."""

    key: str
    title: str
    sentences: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


def sections(plan: AccountPlan, program: Program) -> tuple[Section, ...]:
    """The page, top to bottom, in the programme's language."""
    made = _Page(plan, program)
    every = (
        made.standing(), made.why(), made.customer_goals(), made.objectives(), made.goals(), made.targets(), made.figures(),
        made.white_space(), made.opportunities(), made.people(), made.steps(), made.done(), made.risks(),
    )  # fmt: skip
    return tuple(section for section in every if section.sentences or section.rows)


def next_review(months: Sequence[int], as_of: date) -> date | None:
    """The first day of this or the next month in which tiers may change by score; None where that is on any day."""
    ahead = (date(as_of.year + (as_of.month + step - 1) // 12, (as_of.month + step - 1) % 12 + 1, 1) for step in range(12))
    return next((first for first in ahead if first.month in months), None)


def _of(some: int, every: int, reader: Reader) -> str:
    return f"{reader.number(some)}/{reader.number(every)}"


class _Page:
    def __init__(self, plan: AccountPlan, program: Program) -> None:
        self._plan, self._program = plan, program
        self._reader: Reader = reader_of(program)
        self._language = program.language

    def _say(self, key: str, *values: object) -> str:
        return text(key, self._language).format(*values)

    def _section(self, key: str, *sentences: str, head: tuple[str, ...] = (), rows: Iterable[tuple[str, ...]] = ()) -> Section:
        return Section(key, self._say(key), tuple(one_line(one) for one in sentences if one), head, tuple(rows))

    def _day(self, day: date | None) -> str:
        return self._say("unknown") if day is None else self._reader.day(day)

    def _number(self, value: float | None) -> str:
        return self._say("unknown") if value is None else self._reader.number(value, 1)

    def standing(self) -> Section:
        decision, words = self._plan.receipt.decision, self._reader.words
        tier = next((one for one in self._program.tiers if one.name == decision.tier), None)
        named = self._say("no_tier") if decision.tier == NO_TIER else (tier.label or tier.name) if tier else decision.tier
        since = f" {self._say('since', self._day(decision.since))}" if decision.since and decision.tier != NO_TIER else ""
        segment = self._program.segment_labels.get(decision.segment or "") or words.segments.get(decision.segment or "")
        health = HEALTH.get(self._language, HEALTH["en"]).get(decision.health or "")
        rows = (
            (self._say("tier"), f"{named}{since}"),
            (self._say("score"), self._number(decision.score)),
            (self._say("attractiveness"), self._number(decision.attractiveness)),
            (self._say("strength"), self._number(decision.strength)),
            (self._say("segment"), segment or self._say("unknown")),
            (self._say("health"), health or self._say("unknown")),
            (self._say("owner"), self._plan.owner or self._say("unknown")),
            *((self._say("next_review"), one) for one in self._next_review()),
            *((self._say("next_step"), f"{step.subject}, {self._day(step.due)}") for step in self._plan.open_steps[:1]),
        )
        return self._section("standing", rows=((name, one_line(value)) for name, value in rows))

    def _next_review(self) -> Iterator[str]:
        """When the tier may change by score the next time, where the programme has months for that."""
        day = next_review(self._program.review_months, self._plan.as_of)
        if day is not None:
            yield self._say("this_month") if day <= self._plan.as_of else self._reader.day(day)

    def why(self) -> Section:
        receipt, decision = self._plan.receipt, self._plan.receipt.decision
        reasons = reasons_text(decision, receipt.contributions, self._program, REASONS_LENGTH)
        missing = ""
        if decision.next_tier is not None and decision.points_missing is not None and decision.points_missing > 0:
            missing = self._say("next_tier", self._number(decision.points_missing), decision.next_tier)
        ways = [self._say("way_up", one_line(label), self._number(points)) for points, label in ways_up(receipt.contributions)]
        tier = next((one for one in self._program.tiers if one.name == decision.tier), None)
        kept = ""
        if tier is not None and decision.score is not None and decision.code in ("score", "hysteresis"):
            kept = self._say("keeps", tier.name, self._number(tier.leave))
        held = self._say("override", self._day(decision.until)) if decision.code == "override" and decision.until else ""
        return self._section("why", reasons, missing, *(ways[:WAYS_SHOWN] if missing else ()), kept, held)

    def customer_goals(self) -> Section:
        own = self._plan.own
        said = (f"{heading}: {line}" if heading else line for heading, line in own.customer[:OWN_LINES])
        return self._section("customer_goals", *said, self._say("untold", own.trouble) if own.trouble else "")

    def objectives(self) -> Section:
        own = self._plan.own
        keys = ("objective", "status", "until", "measure", "target", "now")
        rows = (
            (
                one_line(one.name) if at == 0 else "",
                self._status(one.status) if at == 0 else "",
                (self._day(one.end) if one.end else "") if at == 0 else "",
                one_line(measure.name),
                *(self._progress(value, measure.unit) for value in (measure.target, measure.current)),
            )
            for one in own.objectives
            for at, measure in enumerate(one.measures or (Measure(""),))
        )
        head = tuple(map(self._say, keys)) if own.objectives else ()
        return self._section("objectives", *own.ours[:OWN_LINES], head=head, rows=rows)

    def _status(self, status: str) -> str:
        return self._say(f"objective_{status}") if status in OBJECTIVE_STATES else one_line(status)

    def _progress(self, value: str, unit: str) -> str:
        """Numbers come as text, which need not be one."""
        try:
            number = float(value)
        except ValueError:
            return one_line(value)
        if unit == "currency":
            return self._reader.money(number)
        return f"{self._reader.short_number(number)}{' %' if unit == 'percent' else ''}"

    def goals(self) -> Section:
        rows = ((self._say(one.goal), self._number(one.account), self._number(one.portfolio)) for one in self._plan.goals)
        return self._section("goals", head=(self._say("goal"), self._say("this_account"), self._say("portfolio")), rows=rows)

    def targets(self) -> Section:
        head = tuple(
            self._say(key, *values)
            for key, values in (
                ("goal", ()), ("figure", ()), ("target", ()), ("before", (TREND_DAYS,)), ("now", ()), ("met", ()),
                ("key_accounts", ()),
            )
        )  # fmt: skip
        rows = (
            (
                self._say(own.goal),
                self._say(own.kpi),
                *(self._measure(value, own) for value in (own.target, own.before, own.now)),
                self._say(_MET[own.is_met]),
                self._say("median_of", self._measure(every.now, every), _of(every.reached, every.accounts, self._reader)),
            )
            for own, every in self._plan.targets
        )
        return self._section("targets", head=head, rows=rows)

    def _measure(self, value: float | None, goal: GoalStanding) -> str:
        return self._say("unknown") if value is None else say_value(value, goal.unit, self._reader)

    def figures(self) -> Section:
        head = (self._say("figure"), self._say("before", TREND_DAYS), self._say("now"))
        start = date.fromordinal(self._plan.as_of.toordinal() - TREND_DAYS)
        rows = (
            (
                self._say(one.kpi.name),
                self._figure(one.before, one.kpi.source) if one.since == start else self._say("unknown"),
                self._figure(one.now, one.kpi.source),
            )
            for one in self._plan.trends
        )
        return self._section("figures", head=head, rows=rows)

    def _figure(self, value: object, source: str) -> str:
        if value is None:
            return self._say("unknown")
        if source == "health":
            return HEALTH.get(self._language, HEALTH["en"]).get(str(value), str(value))
        return say_value(value if isinstance(value, str | int | float) else str(value), unit_of(source), self._reader)

    def white_space(self) -> Section:
        head = (self._say("family"), self._say("state"), self._say("similar"), self._say("typical"))
        rows = (
            (one_line(family), self._say(state), *self._usual(self._plan.usual.get(family)))
            for family, state in self._plan.families.items()
        )
        return self._section("white_space", head=head, rows=rows)

    def _usual(self, usual: Usual | None) -> tuple[str, str]:
        if usual is None:
            return "", ""
        return _of(usual.buyers, usual.peers, self._reader), self._reader.compact_money(usual.typical)

    def opportunities(self) -> Section:
        head = (self._say("opportunity"), self._say("amount"), self._say("close_date"), self._say("stage"))
        rows = (
            (one_line(one.name), self._money(one.amount, one.currency), self._day(one.close_date), one_line(one.stage))
            for one in self._plan.opportunities
        )
        return self._section("opportunities", *(() if self._plan.opportunities else (self._say("none"),)), head=head, rows=rows)

    def _money(self, amount: float | None, currency: str) -> str:
        if amount is None:
            return self._say("unknown")
        return reader_for(self._language, self._program.country, currency).money(amount)

    def people(self) -> Section:
        plan = self._plan
        count = len(plan.persons) if plan.persons is not None else plan.people
        known = "" if count is None else self._say("people_known", self._reader.number(count))
        said = (
            self._say("filled" if filled else "gap", self._say(role)) for role, filled in plan.roles.items() if filled is not None
        )
        unnamed = self._say("unnamed", plan.unnamed) if plan.unnamed else ""
        head = (self._say("name"), self._say("title_of"), self._say("roles"))
        rows = (
            (one_line(one.name) or self._say("unknown"), one_line(one.title), ", ".join(map(self._role, one.roles)))
            for one in plan.persons or ()
        )
        return self._section("people", known, *said, unnamed, head=head if plan.persons else (), rows=rows)

    def _role(self, role: str) -> str:
        return one_line(self._say(role) if role in STAKEHOLDER_ROLES else role.replace("_", " "))

    def steps(self) -> Section:
        head = (self._say("task"), self._say("due"), self._say("owner"))
        rows = ((one_line(one.subject), self._day(one.due), one_line(one.owner)) for one in self._plan.open_steps)
        return self._section("steps", *(() if self._plan.open_steps else (self._say("none"),)), head=head, rows=rows)

    def done(self) -> Section:
        head = (self._say("task"), self._say("due"))
        rows = ((one_line(one.subject), self._day(one.due)) for one in self._plan.done_steps[:DONE_SHOWN])
        return self._section("done", head=head, rows=rows)

    def risks(self) -> Section:
        plan, found = self._plan, []
        if plan.receipt.decision.health in ("red", "amber"):
            found.append(self._say(f"risk_{plan.receipt.decision.health}"))
        if plan.renewal is not None and 0 <= (plan.renewal - plan.as_of).days <= RENEWAL_DAYS:
            found.append(self._say("risk_renewal", self._day(plan.renewal)))
        stale = sum(one.close_date is not None and one.close_date < plan.as_of for one in plan.opportunities)
        found += [self._say("risk_stale", self._reader.number(stale))] if stale else []
        late = sum(step.due is not None and step.due < plan.as_of for step in plan.open_steps)
        found += [self._say("risk_late", late)] if late else []
        found += [self._say("gap", self._say(role)) for role in plan.gaps]
        return self._section("risks", *(found or [self._say("no_risk")]))

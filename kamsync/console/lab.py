"""The criteria lab: what stands in its form → a programme, its criteria file and what that differs in. Pure; nothing is written.

The form becomes the text of a criteria file, which the configuration's own loader reads: what can be tried is what can be saved,
and every mistake is told in the loader's words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff

from kamsync.config import Config, criteria_from_text
from kamsync.console.view import View
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.decision import Decision
from kamsync.decide.place import Expression
from kamsync.decide.program import NO_TIER, Criterion, Program, Rule, Tier
from kamsync.errors import ConfigError
from kamsync.report.criteria_toml import criteria_toml
from kamsync.report.overview.overview import Overview
from kamsync.report.overview.position import matrix, matrix_cells
from kamsync.report.overview.sources import Account
from kamsync.store.laboratory import Trial

LIMITS = ("max_accounts", "max_per_owner", "top_percent")
MOST_RULES = 40
MOST_LISTED = 60
FILE_NAME = "criteria.toml"
Form = Mapping[str, str]


def form_of(program: Program) -> dict[str, str]:
    """What the form shows of a programme."""
    form = {f"weight:{c.name}": _text(c.weight) for c in program.criteria}
    for tier in program.tiers:
        form |= {f"{name}:{tier.name}": _text(getattr(tier, name)) for name in ("enter", "leave", "min_days", *LIMITS)}
    form |= {"segment:attractiveness": _text(program.segment_attractiveness), "segment:strength": _text(program.segment_strength)}
    for number, rule in enumerate(program.rules):
        form |= {
            f"rule:{number}:when": rule.when.text,
            f"rule:{number}:floor": rule.floor or "",
            f"rule:{number}:ceiling": rule.ceiling or "",
            f"rule:{number}:exclude": "yes" if rule.exclude else "",
            f"rule:{number}:reason": rule.reason,
        }
    return form


def draft(program: Program, form: Form) -> Program:
    """The programme with what the form says. Raises ConfigError for what is no number; all else the loader checks."""
    return replace(
        program,
        criteria=tuple(_weighted(criterion, form) for criterion in program.criteria),
        tiers=tuple(_tier(tier, form) for tier in program.tiers),
        rules=tuple(_rules(form)) if any(name.startswith("rule:") for name in form) else program.rules,
        segment_attractiveness=_number(form, "segment:attractiveness", program.segment_attractiveness),
        segment_strength=_number(form, "segment:strength", program.segment_strength),
    )


def text_of(config: Config, form: Form) -> str:
    """The criteria file that the form says."""
    return criteria_toml(draft(config.program, form))


def compiled_from(config: Config, form: Form) -> CompiledProgram:
    """The programme that the form says, checked as the file would be. Raises ConfigError."""
    return criteria_from_text(text_of(config, form), FILE_NAME, config)


def diff_of(config: Config, form: Form) -> str:
    """What the form changes, as a unified diff of criteria files; "" where nothing."""
    before, after = (text.splitlines(keepends=True) for text in (criteria_toml(config.program), text_of(config, form)))
    return "".join(unified_diff(before, after, "criteria.toml (now)", "criteria.toml (lab)"))


@dataclass(frozen=True, slots=True)
class Moved:
    """An account that would be in another tier."""

    account: Account
    before: Decision
    after: Decision | None  # None: no tier

    @property
    def tier(self) -> str:
        """The tier that it would be in."""
        return NO_TIER if self.after is None else self.after.tier


@dataclass(frozen=True, slots=True)
class Answer:
    """What a trial differs in. `counts` and `load`: key accounts by tier and by owner's name, before and after."""

    entering: tuple[Moved, ...]
    leaving: tuple[Moved, ...]
    moving: tuple[Moved, ...]
    counts: Mapping[str, tuple[int, int]]
    load: tuple[tuple[str, int, int], ...]
    trial: Trial

    @property
    def changes_nothing(self) -> bool:
        """Whether nobody would be in another tier."""
        return not (self.entering or self.leaving or self.moving)


def answer(view: View, compiled: CompiledProgram) -> Answer:
    """The trial beside what is decided now. Raises ConfigError where the lab cannot try it."""
    trial = view.laboratory.try_out(compiled)
    after = trial.decisions
    concerned = {*after, *(one.id for one in view.sources.key_accounts)}
    moved = [
        Moved(account, account.decision, after.get(account_id))
        for account_id in concerned
        if (account := view.by_id[account_id]).decision.tier != (after[account_id].tier if account_id in after else NO_TIER)
    ]
    moved.sort(key=lambda one: (-(one.before.score or 0.0), one.account.id))
    return Answer(
        tuple(one for one in moved if one.before.tier == NO_TIER),
        tuple(one for one in moved if one.tier == NO_TIER),
        tuple(one for one in moved if NO_TIER not in (one.before.tier, one.tier)),
        _counts(view, after.values()),
        _load(view, after.values()),
        trial,
    )


def pictured(view: View, program: Program, trial: Trial) -> Overview:
    """The trial's portfolio as an overview of its matrix alone: those with a tier, the largest of the others, the ground."""
    decided = [view.by_id[account_id]._replace(decision=decision) for account_id, decision in trial.decisions.items()]
    sources = replace(view.sources, program=program, accounts=tuple(decided))
    ground = Counter(trial.cells)
    for x, y, count in matrix_cells(sources).rows:
        ground[int(str(x)), int(str(y))] += int(str(count))
    cells = replace(view.overview.cells, rows=tuple((x, y, count) for (x, y), count in sorted(ground.items())))
    return Overview(sources, (), (), {"matrix": matrix(sources)}, cells)


def _counts(view: View, after: Iterable[Decision]) -> Mapping[str, tuple[int, int]]:
    then = Counter(one.decision.tier for one in view.sources.key_accounts)
    now = Counter(one.tier for one in after)
    return {tier: (then[tier], now[tier]) for tier in view.sources.tiers}


def _load(view: View, after: Iterable[Decision]) -> tuple[tuple[str, int, int], ...]:
    then = Counter(one.owner for one in view.sources.key_accounts)
    now = Counter(view.by_id[one.account_id].owner for one in after if one.tier != NO_TIER)
    owners = sorted({*then, *now}, key=lambda owner: (-abs(now[owner] - then[owner]), -now[owner], owner))
    return tuple((owner, then[owner], now[owner]) for owner in owners)


def _weighted(criterion: Criterion, form: Form) -> Criterion:
    return replace(criterion, weight=_number(form, f"weight:{criterion.name}", criterion.weight))


def _tier(tier: Tier, form: Form) -> Tier:
    limits = {name: _limit(form, f"{name}:{tier.name}") for name in LIMITS if f"{name}:{tier.name}" in form}
    return replace(
        tier,
        enter=_number(form, f"enter:{tier.name}", tier.enter),
        leave=_number(form, f"leave:{tier.name}", tier.leave),
        min_days=int(_number(form, f"min_days:{tier.name}", tier.min_days)),
        max_accounts=_whole(limits.get("max_accounts", tier.max_accounts)),
        max_per_owner=_whole(limits.get("max_per_owner", tier.max_per_owner)),
        top_percent=limits.get("top_percent", tier.top_percent),
    )


def _rules(form: Form) -> Iterable[Rule]:
    """Rules with a condition; an empty one is taken out."""
    for number in range(MOST_RULES):
        when = form.get(f"rule:{number}:when", "").strip()
        if when:
            floor, ceiling, reason = (form.get(f"rule:{number}:{name}", "").strip() for name in ("floor", "ceiling", "reason"))
            exclude = bool(form.get(f"rule:{number}:exclude"))
            yield Rule(Expression(when), floor or None, ceiling or None, exclude, reason)


def _number(form: Form, name: str, otherwise: float) -> float:
    text = form.get(name, "").strip()
    if not text:
        return otherwise
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise ConfigError(f"{name.replace(':', ' of ')}: {text!r} is no number.", fix="Write it like 12.5.") from None
    if number != number or number in (float("inf"), float("-inf")):
        raise ConfigError(f"{name.replace(':', ' of ')}: {text!r} is no number.", fix="Write it like 12.5.")
    return number


def _limit(form: Form, name: str) -> float | None:
    return _number(form, name, 0.0) if form[name].strip() else None


def _whole(limit: float | None) -> int | None:
    return None if limit is None else int(limit)


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.12g}"

"""A wanted task as it is made: its texts rendered with what is known of the account, and why it is made (DECISIONS.md §8)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from kamsync.decide.assignees import Assignees
from kamsync.decide.fact import FactValue
from kamsync.decide.new_tasks import Wanted
from kamsync.decide.plan import CreateTask
from kamsync.decide.playbooks import Playbooks, PreparedPlaybook, names_read
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.templates import NotRendered
from kamsync.decide.texts import language


def create(playbooks: Playbooks, wanted: Wanted, assignees: Assignees, as_of: date) -> CreateTask:
    """The task as it is made. Raises NotRendered where its texts come to nothing or too much."""
    firing, task = wanted.firing, wanted.task
    prepared = playbooks.by_name[firing.playbook]
    values = _template_values(playbooks.program, wanted, assignees, as_of)
    subject, body = task.compiled.render(values)
    if not subject:
        raise NotRendered(why_empty(wanted))
    return CreateTask(
        key=wanted.key,
        account_id=firing.account_id,
        account_name=firing.name,
        owner_id=wanted.assignee.id,
        subject=subject,
        body=body,
        due=wanted.due,
        playbook=prepared.playbook.name,
        priority=task.template.priority,
        reasons=(_because(prepared, firing.facts), *([_instead(wanted)] if wanted.stands_in else [])),
        type=task.template.type,
    )


def _template_values(program: Program, wanted: Wanted, assignees: Assignees, as_of: date) -> dict[str, object]:
    firing, decision, words = wanted.firing, wanted.firing.decision, language(program.language)
    tier = next((tier for tier in program.tiers if tier.name == decision.tier), None)
    segment, health = decision.segment or "", decision.health or ""
    return {
        **firing.facts,
        "name": firing.name,
        "account_id": firing.account_id,
        "as_of": as_of.isoformat(),
        "since": decision.since.isoformat() if decision.since else None,
        "tier_label": (tier.label or tier.name) if tier else NO_TIER,
        "segment_label": program.segment_labels.get(segment) or words.segments.get(segment) or None,
        "health_label": words.health.get(health) or None,
        "owner_name": assignees.name_of(firing.facts.get("owner_id")) or None,
        "assignee_name": wanted.assignee.name,
        "program_name": program.name,
    }


def _because(prepared: PreparedPlaybook, facts: Mapping[str, FactValue]) -> str:
    """The playbook and the values that its condition read: "Renewal: tier A, days to renewal 78"; a tier's rank by its name."""
    names = [name for name in names_read(prepared.playbook.when.text) if name in facts]
    read = dict.fromkeys("tier" if name == "tier_rank" and "tier" in facts else name for name in names)
    seen = ", ".join(f"{name.replace('_', ' ')} {_value(facts[name])}" for name in read)
    return f"{prepared.label}: {seen}" if seen else prepared.label


def _instead(wanted: Wanted) -> str:
    who = wanted.assignee.name or wanted.assignee.id
    if wanted.stands_in.startswith(f"{who} "):  # an owner without a manager, say
        return f"{wanted.stands_in}, and gets it"
    return f"{who} stands in: {wanted.stands_in}"


def _value(value: FactValue) -> str:
    if value is None:
        return "unknown"
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def why_empty(wanted: Wanted) -> str:
    """A subject is left out like any sentence whose value nobody knows."""
    if "previous_tier" in wanted.task.compiled.names and wanted.firing.facts.get("previous_tier") is None:
        return "its subject names the tier before, which nobody knows since the cache was rebuilt"
    return "its subject is empty"

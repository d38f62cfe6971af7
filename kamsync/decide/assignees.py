"""Who gets a task: the account's owner, the owner's manager, a role field of the account, or a fixed user.

An inactive or missing person is replaced by the programme's fallback owner; without one the task is not made and `NoAssignee`
says why (DECISIONS.md §8). Pure: people are those of the pull.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kamsync.decide.fact import FactValue
from kamsync.decide.program import Place, Program
from kamsync.errors import ConfigError

SHORT_ID, LONG_ID = 15, 18  # characters: Salesforce shows ids without their last three, which only make case not matter
MADE_INVALID = ".invalid"  # behind each user's e-mail in a sandbox, so that no test writes to a person
FALLBACK_PLACE = "[program] fallback_owner"
RULES = ("owner", "owner.manager", "role:<account field>", "user:<id or e-mail>")


@dataclass(frozen=True, slots=True)
class Owner:
    """A person of the CRM, as the owners stream has it."""

    id: str
    name: str
    email: str = ""
    is_active: bool = True
    manager_id: str = ""


class NoAssignee(ValueError):
    """Nobody can be given the task; the text says why, for people."""


class Assignees:
    """The people of the CRM and the one who steps in."""

    def __init__(self, owners: Iterable[Owner], fallback_owner: str = "") -> None:
        self._by_id = {owner.id: owner for owner in owners}
        self._by_short_id = {owner.id[:SHORT_ID]: owner for owner in self._by_id.values() if len(owner.id) == LONG_ID}
        # An active person wins over an inactive namesake: e-mail addresses move on to successors.
        people = sorted((owner for owner in self._by_id.values() if owner.email), key=lambda owner: owner.is_active)
        self._by_email = {owner.email.casefold().removesuffix(MADE_INVALID): owner for owner in people}
        self._by_email |= {owner.email.casefold(): owner for owner in people}
        self._fallback = fallback_owner

    def name_of(self, owner_id: FactValue) -> str:
        """A person's name, "" where unknown."""
        owner = self._by_id.get(str(owner_id))
        return owner.name if owner else ""

    def assign(self, rule: str, facts: Mapping[str, FactValue]) -> Owner:
        """The active person whom `rule` names for the account with these facts, or the fallback owner."""
        return self.assign_saying_why(rule, facts)[0]

    def assign_saying_why(self, rule: str, facts: Mapping[str, FactValue]) -> tuple[Owner, str]:
        """The same, and why it is not the person whom the rule names first ("" where it is)."""
        whys: list[str] = []
        for one in rules_of(rule):
            wanted, missing = self._wanted(one, facts)
            if wanted is not None and wanted.is_active:
                return wanted, "; ".join(whys)
            whys.append(missing if wanted is None else f"{wanted.name or wanted.id} is inactive")
        why = "; ".join(whys)
        if not self._fallback:
            raise NoAssignee(f"{why}, and [program] fallback_owner is not set")
        stand_in = self._find(self._fallback)
        if stand_in is None or not stand_in.is_active:
            state = "unknown to the CRM" if stand_in is None else "inactive too"
            raise NoAssignee(f"{why}, and the fallback owner {self._fallback} is {state}")
        return stand_in, why

    def _wanted(self, rule: str, facts: Mapping[str, FactValue]) -> tuple[Owner | None, str]:
        """The person, or None with what is missing."""
        kind, _, argument = rule.partition(":")
        if kind == "user":
            return self._find(argument), f"the user {argument} is unknown to the CRM"
        field = argument if kind == "role" else "owner_id"
        token = facts.get(field)
        person = self._find(str(token)) if token else None
        if person is None:
            return None, f"its {field} names nobody whom the CRM knows" if token else f"it has no {field}"
        if rule != "owner.manager":
            return person, ""
        manager = self._find(person.manager_id) if person.manager_id else None
        return manager, f"{person.name or person.id} has no manager in the CRM"

    def _find(self, token: str) -> Owner | None:
        token = token.strip()
        return self._by_id.get(token) or self._by_short_id.get(token) or self._by_email.get(token.casefold())


def rules_of(assignee: str) -> tuple[str, ...]:
    """The rules of an assignee, the first who can take the task first: "role:sponsor_id, owner.manager"."""
    return tuple(one.strip() for one in assignee.split(","))


def named_people(program: Program) -> dict[str, str]:
    """Whom the programme names by id or e-mail, by the place where it stands."""
    people = {FALLBACK_PLACE: program.fallback_owner} if program.fallback_owner else {}
    for playbook in program.playbooks:
        for task in playbook.tasks:
            for rule in rules_of(task.assignee):
                kind, _, argument = rule.partition(":")
                if kind == "user" and argument:
                    people[f"{task.place}: assignee"] = argument
    return people


def check_assignee(rule: str, account_fields: Iterable[str], place: Place) -> None:
    """Refuses, with ConfigError, a rule that no account could ever follow; a role that is not mapped may stand before others."""
    rules = rules_of(rule)
    if len(rules) > 1:
        roles = {one.partition(":")[2] for one in rules[:-1] if one.startswith("role:")}
        for one in rules:
            check_assignee(one, {*account_fields, *roles} - {""}, place)
        return
    kind, _, argument = rule.partition(":")
    if rule in ("owner", "owner.manager") or (kind == "user" and argument):
        return
    if kind == "role" and argument:
        if argument in set(account_fields):
            return
        raise ConfigError(
            f"{place}: assignee = {rule!r}: {argument!r} is not a mapped account field.",
            fix=f"Map {argument} under [account] in the mapping file to the CRM's field that holds the person.",
        )
    raise ConfigError(f"{place}: assignee = {rule!r} names nobody.", fix="Write one of: " + ", ".join(RULES) + ".")

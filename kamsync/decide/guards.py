"""Limits that stop a run which looks like an accident, before anything is written.

Each check returns nothing or raises `PlanRefused` with which guard it was, the numbers, and how to go on. Pure: the callers
count. Two allowances keep small portfolios usable, where one account is already a large share:

* an account that a person moved by the override field is no accident and does not count as changed;
* up to `SMALL_CHANGE` accounts never trip a share (unless that share is 0, which means none at all).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from kamsync.decide.decision import Decision
from kamsync.decide.plan import Plan, UpdateAccount
from kamsync.decide.program import NO_TIER, Guards
from kamsync.errors import PlanRefused

SMALL_CHANGE = 2


@dataclass(frozen=True, slots=True)
class TierMoves:
    """Of the accounts that have a tier in the CRM: how many there are and how many would lose or change it.

    `drifted`: accounts whose tier is not the one that this program wrote last, flagged or not.
    """

    flagged: int
    changed: int
    drifted: int = 0


def count_tier_moves(decisions: Iterable[Decision]) -> TierMoves:
    """Accounts without a tier at the pull are not flagged, so a first run, and newcomers, never count."""
    flagged = changed = drifted = 0
    for decision in decisions:
        drifted += decision.drifted
        if decision.previous_tier == NO_TIER:
            continue
        flagged += 1
        if decision.tier != decision.previous_tier and decision.code != "override":
            changed += 1
    return TierMoves(flagged, changed, drifted)


def check_changed_share(moves: TierMoves, guards: Guards) -> None:
    """Refuses, with PlanRefused, a run that would move too many of the flagged accounts at once."""
    if not _trips(moves.changed, moves.flagged, guards.max_changed_share):
        return
    raise PlanRefused(
        f"Guard max_changed_share: {moves.changed} of {moves.flagged} flagged accounts "
        f"({_percent(moves.changed, moves.flagged)}) would change tier, more than the allowed "
        f"{guards.max_changed_share:.0%}. Nothing was written.",
        fix="Look at `kamsync plan`. If it is what you want, write it with `kamsync apply --yes`; "
        "to allow as many on every run, raise [guard] max_changed_share.",
    )


def check_drifted_share(moves: TierMoves, guards: Guards) -> None:
    """Refuses, with PlanRefused, a run after so many tiers were changed by hand at once that no person did that."""
    total = max(moves.flagged, moves.drifted)
    if not _trips(moves.drifted, total, guards.max_changed_share):
        return
    raise PlanRefused(
        f"Guard max_changed_share: {moves.drifted} of {total} flagged accounts ({_percent(moves.drifted, total)}) have a tier "
        f"that this program did not write, more than the allowed {guards.max_changed_share:.0%}: an import, a restored backup or "
        "a renamed pick list looks like this. Nothing was written.",
        fix="Look at `kamsync plan`. If people meant it, keep their tiers with `kamsync apply`; if not, put them back first.",
    )


def check_set_up(lacking: Collection[str]) -> None:
    """Refuses, with PlanRefused, to write to a CRM that lacks fields which `setup` makes: `lacking`, as the pull told."""
    if lacking:
        raise PlanRefused(
            f"The CRM does not show {len(lacking)} of the fields that this program writes: {', '.join(sorted(lacking))}. "
            "Nothing was written.",
            fix="Run `kamsync setup` first: it creates the fields and grants them to our user.",
        )


def check_first_run(was_applied: bool, guards: Guards) -> None:
    """Refuses, with PlanRefused, the first unattended run on an org: a person must have run `kamsync apply` once."""
    if guards.first_run == "go" or was_applied:
        return
    raise PlanRefused(
        "Guard first_run: nobody has approved a plan for this org yet. Nothing was written.",
        fix='Look at `kamsync plan`, then write it with `kamsync apply`; or set [guard] first_run = "go".',
    )


def check_not_undone(undone_run: str) -> None:
    """Refuses, with PlanRefused, an unattended run after a person took the last one back (`undone_run`, "" where nobody did)."""
    if not undone_run:
        return
    raise PlanRefused(
        f"Guard undone: run {undone_run} was undone, and nobody has said since then that writing may go on. Nothing was written.",
        fix="Change the criteria, or look at `kamsync plan` and write it with `kamsync apply`.",
    )


def check_choices(plan: Plan, lacking: Mapping[str, Collection[str]]) -> None:
    """Refuses, with PlanRefused, a plan that writes tiers which the CRM's pick lists do not know: `lacking`, by flag."""
    for flag, unknown in lacking.items():
        for change in plan.changes:
            after = change.fields[flag].after if isinstance(change, UpdateAccount) and flag in change.fields else None
            if after in unknown:
                raise PlanRefused(
                    f"The CRM's pick list of {flag} does not know {', '.join(map(repr, unknown))}: it would refuse "
                    f"{change.account_id} and others. Nothing was written.",
                    fix="Run `kamsync setup`, which adds the missing choices, then run the command again.",
                )


def check_vanished_share(vanished: int, known: int, guards: Guards) -> None:
    """Refuses, with PlanRefused, to go on when many of the `known` accounts are gone: a lost permission looks like this."""
    if known == 0 or not (_trips(vanished, known, guards.max_vanished_share) or vanished == known):
        return
    raise PlanRefused(
        f"Guard max_vanished_share: {vanished} of the {known} accounts of the last pull ({_percent(vanished, known)}) are gone, "
        f"more than the allowed {guards.max_vanished_share:.0%}. Nothing was written.",
        fix="Check with `kamsync doctor` that the agent's user still sees all accounts. If they were really deleted, "
        "run `kamsync apply --yes` once, or raise [guard] max_vanished_share.",
    )


def check_saved(saved: Plan, present: Plan) -> None:
    """Refuses, with PlanRefused, a saved plan that is not what planning anew gives now, with its true reason."""
    again = "Make a new one with `kamsync plan --out plan.json` and apply that."
    if saved.rehearsal:
        raise PlanRefused(
            f"Plan {saved.run_id} was made for {saved.as_of} with --as-of: a rehearsal, which cannot be applied. "
            "Nothing was written.",
            fix="Make a plan for today with `kamsync plan --out plan.json` and apply that.",
        )
    if saved.crm != present.crm or saved.org_id != present.org_id:
        raise PlanRefused(
            f"Plan {saved.run_id} was made for {saved.crm} org {saved.org_id or 'unknown'}, the credentials open "
            f"{present.crm} org {present.org_id}. Nothing was written.",
            fix="Use the configuration that the plan was made with, or make a new plan.",
        )
    if saved.criteria_hash != present.criteria_hash:
        raise PlanRefused(f"Plan {saved.run_id} is stale: it was made under other criteria. Nothing was written.", fix=again)
    if saved.base != present.base:
        why = "accounts changed in the CRM after it was made"
        if saved.as_of != present.as_of:
            why = f"it was made for {saved.as_of}, and on {present.as_of} other changes are due"
        raise PlanRefused(f"Plan {saved.run_id} is stale: {why}. Nothing was written.", fix=again)


def _trips(count: int, total: int, share: float) -> bool:
    if total == 0 or count == 0:
        return False
    allowed = 0 if share == 0 else SMALL_CHANGE
    return count > allowed and count > share * total


def _percent(count: int, total: int) -> str:
    return f"{count / total:.0%}"

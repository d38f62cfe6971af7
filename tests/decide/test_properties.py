"""What holds of every decision, whatever the accounts are: order, repetition, limits, bands (DECISIONS.md §6)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kamsync.decide.candidate import Standing
from kamsync.decide.decision import Decision
from kamsync.decide.program import NO_TIER, Expression, Held, Program, Rule, Tier
from kamsync.decide.tiers import settle

AS_OF = date(2025, 6, 30)
WHEN = Expression("true")
RULES = (Rule(WHEN, floor="B"), Rule(WHEN, ceiling="B"), Rule(WHEN, exclude=True), Rule(WHEN, ceiling=NO_TIER))
NAMES = ("A", "B", "C")


def one_of_each(*choices: Sequence[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """One choice of each list, in a single draw: drawing takes longer than deciding. What stands twice comes twice as often."""
    return st.sampled_from(list(product(*choices)))


# Scores on a coarse grid, so that ties and thresholds are met often.
SCORES = st.sampled_from([*[None] * 21, *(step * 5.0 for step in range(21))])
DAYS = st.sampled_from([*[None] * 61, *(AS_OF - timedelta(days=days) for days in range(61))])
OWNERS, ELIGIBLE, COVERAGE, WON = ("p", "q", None), (*[True] * 9, False), (1.0, 1.0, 0.3), (0.0, 10.0, 20.0)
FIRED = ((), (), (), (0,), (1,), (0, 1), (2,), (0, 3))
HELD_TIERS, INHERITED = (*NAMES, None), (False, False, True)
OVERRIDES, UNTIL = (None, None, None, None, "A", "C", NO_TIER), (None, AS_OF, AS_OF - timedelta(days=1))
# Whether the field of the decided tier is mapped, and what it says: nothing where it is not.
DECIDED = (*product([True] * 3, (None, None, *NAMES, NO_TIER)), *[(False, None)] * 6)
SEEN = one_of_each(OWNERS, ELIGIBLE, COVERAGE, WON, FIRED)
HELD = one_of_each(HELD_TIERS, OVERRIDES, UNTIL, DECIDED, INHERITED)


def a_standing(number: int, score: float | None, since: date | None, seen: tuple[Any, ...], held: tuple[Any, ...]) -> Standing:
    owner, eligible, coverage, won, fired = seen
    tier, override, until, (is_mapped, decided), inherited = held
    found = Held(tier, since, override, until, decided, is_mapped=is_mapped, inherited=inherited)
    return Standing(f"a{number:02}", owner, eligible, score, score, score, score, coverage, won, found, fired)


def portfolios() -> st.SearchStrategy[list[Standing]]:
    drawn = st.lists(st.tuples(SCORES, DAYS, SEEN, HELD), max_size=12)
    return drawn.map(lambda accounts: [a_standing(number, *account) for number, account in enumerate(accounts)])


LEAVE, MIN_DAYS, MAX_ACCOUNTS = (0, 5, 15), (0, 0, 30), (None, 0, 1, 3)
TOP_PERCENT, MAX_PER_OWNER = (None, None, 25.0), (None, None, 1, 2)
LIMITS = one_of_each(LEAVE, MIN_DAYS, MAX_ACCOUNTS, TOP_PERCENT, MAX_PER_OWNER)
SETTINGS = one_of_each((0.0, 0.5), ("adopt", "adopt", "reclaim"), (0, 90), ("current", "override"))


def a_tier(name: str, enter: float, limits: tuple[Any, ...]) -> Tier:
    leave, min_days, most, percent, per_owner = limits
    return Tier(name, enter, enter - leave, min_days=min_days, max_accounts=most, top_percent=percent, max_per_owner=per_owner)


def a_program(limits: Sequence[tuple[Any, ...]], chosen: tuple[Any, ...]) -> Program:
    coverage, drift, days, existing = chosen
    tiers = tuple(a_tier(name, enter, limit) for name, enter, limit in zip(NAMES, (75, 50, 25), limits, strict=True))
    return Program(tiers, (), RULES, min_coverage=coverage, drift=drift, adopt_days=days, existing_tiers=existing)


def programs() -> st.SearchStrategy[Program]:
    return st.builds(a_program, st.tuples(LIMITS, LIMITS, LIMITS), SETTINGS)


def decide(standings: Sequence[Standing], program: Program) -> dict[str, Decision]:
    # A standing is filled in on its way, so each decision starts from a fresh one.
    return {d.account_id: d for d in settle([replace(standing) for standing in standings], program, AS_OF)}


def as_written(standing: Standing, decision: Decision) -> Standing:
    """The account at the next pull, when what was decided has been written."""
    tier = None if decision.tier == NO_TIER else decision.tier
    held = replace(standing.held, tier=tier, since=decision.since)
    if held.is_mapped:
        held = replace(held, decided_tier=decision.tier)
    if decision.writes_override:
        held = replace(held, override=decision.override, override_until=decision.until, inherited=False)
    return replace(standing, held=held)


def is_promised(standing: Standing, decision: Decision, tier: Tier) -> bool:
    """A promise to a customer: it stays in a tier that it has not been in for the minimum days."""
    since = standing.held.since
    return decision.previous_tier == tier.name and since is not None and (AS_OF - since).days < tier.min_days


@given(portfolios(), programs(), st.randoms())
def test_the_order_in_which_accounts_come_never_shows(accounts: list[Standing], program: Program, rng: Any) -> None:
    first = decide(accounts, program)
    rng.shuffle(accounts)
    assert decide(accounts, program) == first


@settings(max_examples=200)
@given(portfolios(), programs())
def test_deciding_again_after_everything_was_written_changes_nothing(accounts: list[Standing], program: Program) -> None:
    once = decide(accounts, program)
    again = decide([as_written(account, once[account.account_id]) for account in accounts], program)
    assert {i: (d.tier, d.since) for i, d in again.items()} == {i: (d.tier, d.since) for i, d in once.items()}
    assert not any(d.drifted or d.writes_override for d in again.values())


@settings(max_examples=200)
@given(portfolios(), programs())
def test_nobody_leaves_a_tier_early_but_by_a_persons_choice_or_a_rule(accounts: list[Standing], program: Program) -> None:
    order = [*NAMES, NO_TIER]
    for account, decision in zip(accounts, decide(accounts, program).values(), strict=True):
        tier = next((tier for tier in program.tiers if tier.name == decision.previous_tier), None)
        if tier is None or not is_promised(account, decision, tier) or decision.code == "override":
            continue
        if decision.code in ("not_eligible", "excluded"):
            continue
        assert order.index(decision.tier) <= order.index(decision.previous_tier)


@settings(max_examples=200)
@given(portfolios(), programs())
def test_nobody_falls_above_a_ceiling_for_want_of_room(accounts: list[Standing], program: Program) -> None:
    for account, decision in zip(accounts, decide(accounts, program).values(), strict=True):
        kept = decision.tier == decision.previous_tier
        if decision.code == "capacity" and not kept:
            assert decision.tier != "A" or 1 not in account.fired
            assert decision.tier == NO_TIER or 3 not in account.fired


@settings(max_examples=100)
@given(portfolios(), programs())
def test_no_tier_holds_more_than_its_limits_but_by_peoples_choice_and_promises(
    accounts: list[Standing], program: Program
) -> None:
    decisions = decide(accounts, program)
    owners = {account.account_id: account.owner_id for account in accounts}
    eligible = sum(account.eligible for account in accounts)
    for tier in program.tiers:
        inside = [d for d in decisions.values() if d.tier == tier.name]
        standing = {account.account_id: account for account in accounts}
        chosen = [d for d in inside if d.code == "override" or is_promised(standing[d.account_id], d, tier)]
        limits = [
            limit for limit in (tier.max_accounts, None if tier.top_percent is None else -(-eligible // 4)) if limit is not None
        ]
        if limits:
            assert len(inside) <= max(min(limits), len(chosen))
        if tier.max_per_owner is not None:
            load, by_people = (Counter(owners[d.account_id] for d in some) for some in (inside, chosen))
            assert all(load[o] <= max(tier.max_per_owner, by_people[o]) for o in load if o is not None)


@settings(max_examples=100)
@given(portfolios(), programs())
def test_nobody_is_left_out_of_a_tier_that_has_room(accounts: list[Standing], program: Program) -> None:
    program = replace(program, tiers=tuple(replace(tier, max_per_owner=None) for tier in program.tiers))
    for decision in decide(accounts, program).values():
        if decision.code == "capacity":
            assert decision.capacity is not None
            assert decision.capacity.rank > decision.capacity.limit


@settings(max_examples=100)
@given(portfolios(), programs())
def test_a_persons_choice_always_wins(accounts: list[Standing], program: Program) -> None:
    decisions = decide(accounts, program)
    for account in accounts:
        held, decision = account.held, decisions[account.account_id]
        in_force = held.override is not None and (held.override_until is None or held.override_until >= AS_OF)
        changed = held.decided_tier is not None and (held.tier or NO_TIER) != held.decided_tier
        kept_before = held.is_mapped and held.decided_tier is None and held.tier is not None
        chosen = (changed and program.drift == "adopt") or (kept_before and program.existing_tiers == "override")
        assert (decision.code == "override") == (in_force or chosen)
        assert decision.drifted == (changed and not in_force)
        if in_force:
            assert (decision.tier, decision.override, decision.until) == (held.override, held.override, held.override_until)
            assert decision.writes_override == held.inherited
        elif chosen:
            until = AS_OF + timedelta(days=program.adopt_days)
            assert (decision.tier, decision.override) == (held.tier or NO_TIER, held.tier or NO_TIER)
            assert (decision.until, decision.writes_override) == (until, True)
        else:
            assert (decision.override, decision.until, decision.writes_override) == (None, None, False)


@given(portfolios(), programs())
def test_since_moves_only_with_the_tier(accounts: list[Standing], program: Program) -> None:
    for account, decision in zip(accounts, decide(accounts, program).values(), strict=True):
        if decision.tier != decision.previous_tier:
            assert decision.since == AS_OF
        else:
            assert decision.since == (account.held.since or AS_OF)


@settings(max_examples=100)
@given(portfolios(), programs())
def test_who_is_excluded_or_not_eligible_has_no_tier_unless_a_person_says_so(accounts: list[Standing], program: Program) -> None:
    decisions = decide(accounts, program)
    for account in accounts:
        decision = decisions[account.account_id]
        if decision.code == "override":
            continue
        if not account.eligible:
            assert (decision.tier, decision.code) == (NO_TIER, "not_eligible")
        elif 2 in account.fired:
            assert (decision.tier, decision.code) == (NO_TIER, "excluded")


@settings(max_examples=100)
@given(portfolios(), programs())
def test_thin_data_never_moves_an_account_but_for_want_of_room(accounts: list[Standing], program: Program) -> None:
    decisions = decide(accounts, program)
    for account in accounts:
        decision = decisions[account.account_id]
        if account.coverage < program.min_coverage and decision.code not in ("override", "not_eligible", "excluded", "capacity"):
            assert decision.code == "low_coverage"
            assert decision.tier == decision.previous_tier

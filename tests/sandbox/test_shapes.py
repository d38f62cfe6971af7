"""The seven companies: what their CRMs show, and what they keep from them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import cast

import pytest

from kamsync.plugins import load_connector
from kamsync.sandbox.company_records import Account, Opportunity
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions
from kamsync.sandbox.shapes import SHAPES, ShapedCompany
from kamsync.sandbox.shapes.deals import months_later

TODAY = date(2026, 11, 23)
EVERY_SHAPE = pytest.mark.parametrize("shape", list(SHAPES))


@cache
def company(shape: str, *, accounts: int | None = None, seed: int = 7) -> ShapedCompany:
    """The same value for all tests; `anew` where a second one is compared with it."""
    return anew(shape, accounts=accounts, seed=seed)


def anew(shape: str, *, accounts: int | None = None, seed: int = 7) -> ShapedCompany:
    return ShapedCompany(SHAPES[shape], today=TODAY, seed=seed, accounts=accounts)


@cache
def deals_of(shape: str) -> tuple[Opportunity, ...]:
    """Of the company as it is by itself."""
    return tuple(company(shape).opportunities())


def won(one: ShapedCompany) -> list[Opportunity]:
    return [deal for deal in one.opportunities() if deal.stage == "won"]


def revenue_by_account(one: ShapedCompany) -> list[float]:
    return sorted(amounts_of([d for d in won(one) if (TODAY - d.close_date).days < 365]).values(), reverse=True)


def amounts_of(deals: Iterable[Opportunity]) -> dict[int, float]:
    """Sums by account."""
    found: dict[int, float] = {}
    for deal in deals:
        if deal.account is not None:
            found[deal.account] = found.get(deal.account, 0.0) + float(deal.amount or 0)
    return found


def test_the_seven_are_there() -> None:
    assert list(SHAPES) == ["enterprise", "smb", "subscription", "startup", "silent", "groups", "lighthouse"]


@EVERY_SHAPE
def test_the_same_seed_is_the_same_company(shape: str) -> None:
    one, again, other = company(shape, accounts=60), anew(shape, accounts=60), anew(shape, accounts=60, seed=8)
    for stream in ("owners", "accounts", "opportunities", "line_items", "activities", "contacts"):
        assert list(getattr(one, stream)()) == list(getattr(again, stream)())
    assert list(one.opportunities()) != list(other.opportunities())


@EVERY_SHAPE
def test_nothing_of_tomorrow_is_in_the_crm(shape: str) -> None:
    one = company(shape, accounts=80)
    for deal in deals_of(shape):
        assert deal.created.date() <= TODAY
        assert deal.stage not in ("won", "lost") or deal.close_date <= TODAY
        assert deal.contract_start is None or deal.stage == "won"
    assert all(activity.start.date() <= TODAY for activity in one.activities())
    for account in one.accounts():
        assert account.created.date() <= TODAY
        assert account.authority_evidence_date is None or account.authority_evidence_date <= TODAY


@EVERY_SHAPE
def test_keys_count_from_one_in_creation_order(shape: str) -> None:
    """Sandboxes make ids of them that sort the same way."""
    deals = deals_of(shape)
    assert [deal.key for deal in deals] == list(range(1, len(deals) + 1))
    assert all(before.created <= after.created for before, after in pairwise(deals))


@EVERY_SHAPE
def test_a_year_later_the_crm_shows_what_truth_knew_before(shape: str) -> None:
    one = company(shape, accounts=80)
    later = one.at(months_later(TODAY, 12))
    known = {(d.account, d.created, d.amount) for d in one.opportunities()}
    assert known <= {(d.account, d.created, d.amount) for d in later.opportunities()}
    orders = [d for d in later.opportunities() if d.stage == "won" and d.contract_start is None and d.close_date > TODAY]
    if not one.truth.renewals:
        for account, amount in amounts_of(orders).items():
            assert one.truth.revenue(account, TODAY, later.today) == pytest.approx(amount, abs=1)


@EVERY_SHAPE
def test_what_is_true_is_in_no_record(shape: str) -> None:
    """A record says neither who opens doors for certain nor who will go: those who are only said to are marked alike."""
    one = company(shape)
    marked = {account.key for account in one.accounts() if account.strategic_market}
    assert marked == one.truth.strategic | one.truth.pretenders
    assert one.truth.strategic and one.truth.pretenders
    assert {*Account._fields, *Opportunity._fields}.isdisjoint({"left", "leaves", "spend", "rises", "strategic", "kept"})


def test_a_few_enterprises_bring_most_and_small_firms_are_alike() -> None:
    def share_of_the_tenth(shape: str) -> float:
        amounts = revenue_by_account(company(shape))
        return sum(amounts[: len(amounts) // 10]) / sum(amounts)

    assert share_of_the_tenth("enterprise") > 0.5
    assert share_of_the_tenth("smb") < 0.4


def test_subscriptions_have_contracts_of_one_and_three_years_and_some_renewals_come_late() -> None:
    one = company("subscription")
    first = [deal for deal in won(one) if deal.type != "expansion"]
    assert {deal.contract_months for deal in first} == {12, 36}
    settled = [renewal for renewal in one.truth.renewals if renewal.settled <= TODAY]
    late = sum(renewal.settled > renewal.due for renewal in settled) / len(settled)
    assert 0.2 < late < 0.5
    assert 0.03 < sum(not renewal.kept for renewal in settled) / len(settled) < 0.3


def test_a_contract_whose_renewal_is_signed_late_is_live_all_the_same() -> None:
    one = company("subscription")
    late = next(r for r in one.truth.renewals if r.kept and r.settled > r.due + timedelta(days=10) and r.settled <= TODAY)
    assert one.truth.live_yearly(late.account, late.due + timedelta(days=5)) > 0


def test_a_start_up_has_seven_months_behind_it() -> None:
    days = [deal.close_date for deal in won(company("startup"))]
    assert months_later(TODAY, -8) < min(days) < months_later(TODAY, -4)


def test_who_logs_nothing_has_no_activities_and_no_losses() -> None:
    one = company("silent")
    assert list(one.activities()) == []
    assert all(deal.stage != "lost" for deal in one.opportunities())


def test_a_distributors_holdings_buy_nothing_and_their_branches_have_many_owners() -> None:
    one = company("groups")
    owners = {account.key: account.owner for account in one.accounts()}
    buyers = {deal.account for deal in won(one)}
    assert buyers.isdisjoint(one.truth.groups)
    assert max(len({owners[key] for key in members}) for members in one.truth.groups.values()) >= 6
    parents = {account.key: account.parent for account in one.accounts()}
    assert any(parents.get(parent) is not None for parent in parents.values() if parent is not None)  # a third level


def test_lighthouses_are_small_and_confirmed_again_and_again() -> None:
    one = company("lighthouse")
    spent = revenue_by_account(one)
    assert len(one.truth.strategic) == 10
    year_ago = months_later(TODAY, -12)
    small = [one.truth.revenue(key, year_ago, TODAY) <= spent[len(spent) // 3] for key in one.truth.strategic]
    assert sum(small) >= 8
    now = {account.key: account.authority_evidence_date for account in one.accounts()}
    then = {account.key: account.authority_evidence_date for account in one.accounts_on(year_ago)}
    for key in one.truth.strategic:
        day = now[key]
        assert day is not None and (TODAY - day).days < 400 and day != then[key]


def test_who_is_about_to_go_talks_less_and_is_chased_by_mail() -> None:
    """Of the last ninety days before a customer went: fewer contacts that took two, more e-mails of ours."""
    one = company("enterprise").at(months_later(TODAY, 12))
    heard = {account: [0, 0] for account in one.truth.left}
    mails = {account: [0, 0] for account in one.truth.left}
    for activity in one.activities():
        left = one.truth.left.get(activity.account)
        before = None if left is None else (left - activity.start.date()).days
        if before is None or not 0 <= before < 180 + 365:
            continue
        period = 0 if before < 90 else 1 if before >= 365 and before < 455 else None
        if period is not None:
            two_way = activity.incoming or activity.kind in ("meeting", "call")
            (heard if two_way else mails)[activity.account][period] += 1
    assert sum(last for last, _ in heard.values()) < 0.6 * sum(year for _, year in heard.values())
    assert sum(last for last, _ in mails.values()) > sum(year for _, year in mails.values())


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
@EVERY_SHAPE
def test_both_sandbox_crms_hold_every_shape(shape: str, crm: str) -> None:
    sandbox = cast(SandboxCrm, load_connector(crm).sandbox(company(shape, accounts=40), SandboxOptions(today=TODAY)))
    assert len(sandbox.view.accounts(limit=100)) == 40


def test_a_shape_is_a_value_that_can_be_bent() -> None:
    bent = replace(SHAPES["smb"], churn=0.9)
    assert len(ShapedCompany(bent, today=TODAY, accounts=200).truth.left) > len(company("smb", accounts=200).truth.left)

"""Salesforce orgs as customers have them, from the admin's desk: what the commands do, and what doctor says beforehand."""

from __future__ import annotations

from typing import Any

from tests.journeys.conftest import Desk, Opener


def org_of(desk: Desk) -> Any:
    crm: Any = desk.server.crm
    return crm.org


def bad_findings(desk: Desk) -> dict[str, dict[str, str]]:
    found = desk.run("doctor", "--json").json
    return {one["check"]: one for one in found if one["status"] != "ok"}


def test_an_org_whose_triggers_take_few_records_at_a_time_is_written_whole(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.begin("setup")
    org_of(desk).options.apex_limits = {"Account": 5, "Task": 5}

    desk.good("sync")

    assert "Nothing to write" in desk.good("sync").out


def test_a_user_without_view_all_data_gets_through_the_night_and_is_told_what_would_help(open_desk: Opener) -> None:
    desk = open_desk("salesforce", accounts=120, views_all_data=False, activity_limit=60)
    desk.begin("setup")

    desk.good("sync")

    finding = bad_findings(desk)["reading activities"]
    assert finding["status"] == "warning" and "View All Data" in finding["fix"]


def test_an_org_that_shows_no_account_says_which_permission_does_that(open_desk: Opener) -> None:
    desk = open_desk("salesforce", unseen_objects=("Account",))
    desk.begin("setup")

    first, second = desk.run("pull"), desk.run("sync")

    assert "View All" in first.out + first.err and "View All" in second.out + second.err
    assert "View All" in bad_findings(desk)["accounts"]["fix"]


def test_an_org_without_an_api_is_told_so_and_nothing_of_permissions_on_fields(open_desk: Opener) -> None:
    desk = open_desk("salesforce", api_enabled=False)

    result = desk.run("doctor")

    assert result.code == 1 and "edition" in result.out and "field permissions" not in result.out


def test_doctor_says_which_exchange_rates_hold_with_an_example(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.begin("setup")

    assert "the current rate holds for every date; 1,000 BRL are" in desk.good("doctor").out


def test_a_fallback_owner_may_be_named_as_salesforce_shows_people(open_desk: Opener) -> None:
    desk = open_desk("salesforce", invalid_emails=True)
    desk.begin("setup")
    active = org_of(desk).db.execute("SELECT Id, Email FROM User WHERE IsActive = 1 ORDER BY Id").fetchone()
    named = desk.config.read_text().partition('fallback_owner = "')[2].partition('"')[0]
    for name in (active[0][:15], active[0], str(active[1]).removesuffix(".invalid"), active[1]):
        desk.edit_config(f'fallback_owner = "{named}"', f'fallback_owner = "{name}"')
        named = name
        assert "[program] fallback_owner" not in bad_findings(desk), name
    result = desk.good("sync")

    assert "unknown to the CRM" not in result.out + result.err

"""One record with what no text or number can be never hides the others, whatever the CRM; nor do such words anywhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import Desk, Opener, desks
from tests.journeys.test_mutated_answers import Altering

HALF = r"\ud800"  # of a surrogate pair, as JSON writes it
MAPPINGS = Path(__file__).parents[2] / "mappings"


@pytest.fixture(scope="module", params=["salesforce", "hubspot"])
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    with desks(tmp_path_factory.mktemp("odd")) as open_desk:
        yield _set_up(open_desk, request.param)


@pytest.fixture(scope="module", params=["salesforce", "hubspot"])
def never(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk where much is counted from days: contracts, renewals and every playbook, in Tokyo."""
    crm = str(request.param)
    with desks(tmp_path_factory.mktemp("never")) as open_desk:
        desk = open_desk(crm, accounts=10, opportunities=40, limits=False)
        mapping = (MAPPINGS / f"{crm}.toml").read_text(encoding="utf-8")
        close, until = ("CloseDate", "KAM_Override_Until__c") if crm == "salesforce" else ("closedate", "kam_override_until")
        mapping = mapping.replace("[opportunity]\n", f'[opportunity]\ncontract_end = "{close}"\n')
        renewal = f'next_renewal_date = {{ field = "{until}", type = "date" }}'
        (desk.folder / "own.toml").write_text(mapping.replace("[account]\n", f"[account]\n{renewal}\n"), encoding="utf-8")
        desk.edit_config(f'mapping = "{crm}"', 'mapping = "own.toml"')
        desk.edit_config('playbooks = ["onboarding", "quarterly-review"]', 'playbooks = "all"')
        desk.edit_config('timezone = "Europe/Berlin"', 'timezone = "Asia/Tokyo"')
        desk.edit_config('first_run = "go"', 'first_run = "go"\nmax_changed_share = 1.0')
        desk.good("setup")
        desk.good("sync")
        yield desk


def _set_up(open_desk: Opener, crm: str) -> Desk:
    desk = open_desk(crm, accounts=10, opportunities=40, limits=False)
    desk.edit_config('first_run = "go"', 'first_run = "go"\nmax_changed_share = 1.0')
    desk.begin("setup", "sync")
    return desk


class Odd(Altering):
    """Every answer with the pattern replaced."""

    def __init__(self, app: Any, pattern: str, replacement: str) -> None:
        super().__init__(app)
        self._pattern, self._replacement = pattern, replacement

    def altered(self, body: bytes) -> bytes:
        return re.sub(self._pattern, self._replacement, body.decode()).encode() if body[:1] in (b"{", b"[") else body


def _sync(desk: Desk, pattern: str, replacement: str) -> Any:
    app = desk.server.crm.app
    desk.server.crm.app = Odd(app, pattern, replacement)
    try:
        return desk.good("sync", "--full", "--json").json
    finally:
        desk.server.crm.app = app


def test_names_that_are_no_text_are_unknown_and_told_with_their_number_and_the_first_id(desk: Desk) -> None:
    pattern = r'("Name"):"[^"]*"' if desk.crm == "salesforce" else r'("firstName"|"dealname"):"[^"]*"'

    said = _sync(desk, pattern, rf'\1:"\{HALF} Corp"')

    kinds = [problem.split(" have something in ")[0].split()[1] for problem in said["problems"] if "no text" in problem]
    assert {"owners", "opportunities"} <= set(kinds)
    assert all("(the first: " in problem for problem in said["problems"] if "no text" in problem)
    desk.look("status")
    desk.good("doctor")
    assert json.loads(desk.look("accounts", "--json").out)
    assert _sync(desk, "never there", "")["rejected"] == 0


@pytest.mark.parametrize("number", ["1e400", "-Infinity", "NaN"])
def test_amounts_that_are_no_numbers_are_unknown_and_told(desk: Desk, number: str) -> None:
    said = _sync(desk, r'("Amount"|"amount"):("?[\d.]+"?)', rf"\1:{number}")

    assert [problem for problem in said["problems"] if "no number" in problem and "(the first: " in problem]


@pytest.mark.parametrize("value", ["[1]", "{}", '{"a": [1]}'])
def test_lists_and_tables_in_the_place_of_values_stop_nothing(never: Desk, value: str) -> None:
    fields = "Probability|AccountId|TaskSubtype|ActivityDate" if never.crm == "salesforce" else "dealstage|hs_timestamp|amount"

    said = _sync(never, rf'("({fields})"):("[^"]*"|[\d.]+)', rf"\1:{value}")

    assert said["rejected"] == 0
    assert _sync(never, "never there", "")["rejected"] == 0


DATES = {
    "salesforce": r'("CloseDate"|"KAM_Since__c"|"KAM_Override_Until__c"|"ActivityDate"|"CompletedDateTime"):"[^"]*"',
    "hubspot": r'("closedate"|"kam_since"|"kam_override_until"|"hs_timestamp"|"hs_meeting_start_time"):"[^"]*"',
}


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "9999-12-31T23:59:59.000-14:00", "0001-01-01T00:00:00+14:00"])
def test_days_at_either_end_of_the_calendar_stop_nothing(never: Desk, day: str) -> None:
    said = _sync(never, DATES[never.crm], rf'\1:"{day}"')

    assert said["rejected"] == 0
    for page in ("explain", "account-plan"):
        never.good(page, never.server.crm.view.accounts()[0].id)


def test_words_of_a_refusal_with_odd_characters_are_kept_and_shown(desk: Desk) -> None:
    message = f"no {HALF} b@example.com"
    refusal: Any = {"status": "error", "category": "VALIDATION_ERROR", "message": message}
    if desk.crm == "salesforce":
        refusal = [{"errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": message}]
    body = json.dumps(refusal).replace(json.dumps(HALF)[1:-1], HALF).encode()
    account = next(one for one in desk.server.crm.view.accounts() if one.flags["tier"])
    desk.server.crm.view.set_flag(account.id, "override", "none")
    desk.server.faults.add("status", path="composite/sobjects$|companies/batch/update", status=400, body=body, times=30)

    result = desk.run("sync", "--full")
    desk.server.faults.clear()

    assert result.code == 1 and "bug" not in result.err
    run = desk.look("runs", "--json").json[0]["run_id"]
    for form in ("text", "csv", "json"):
        told = desk.look("runs", "show", run, "--format", form).out
        assert "no ?" in told and "b@example.com" not in told

"""The console does what the command line does: plans, writes, refuses, undoes, with the same guards, lock and journal."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from html import unescape

import pytest

from kamsync.run.lock import run_lock
from kamsync.store.database import open_cache
from tests.console.console_client import READY_SECONDS, Console, running
from tests.journeys.conftest import Desk, Opener, desks

CRMS = ("salesforce", "hubspot")


def tiers(desk: Desk) -> dict[str, str]:
    """What the CRM itself shows, by account."""
    shown = desk.server.crm.view.accounts(search="", only_flagged=False, limit=1_000)
    return {account.id: account.flags.get("tier", "") for account in shown}


def counts(desk: Desk) -> int:
    return sum(bool(tier) for tier in tiers(desk).values())


@pytest.mark.parametrize("crm", CRMS)
def test_a_plan_is_approved_written_and_taken_back_from_the_console(open_desk: Opener, crm: str) -> None:
    desk = open_desk(crm)
    desk.begin("setup", "pull")
    with running(desk) as console:
        console.enter()
        shown = console.send("/plan/make").text
        assert "Enter the key accounts" in shown and counts(desk) == 0

        written = console.send("/plan/apply", plan=console.plan_id()).text
        run_id = re.search(r"/runs/([^\"]+)\">Run", written)
        assert run_id is not None and "accounts updated" in written
        assert counts(desk) > 10

        account_id = next(one for one, tier in tiers(desk).items() if tier)
        shown = console.open(f"/accounts/{account_id}").text
        assert "Why this tier" in shown and f"/accounts/{account_id}/plan" in shown
        planned = unescape(console.open(f"/accounts/{account_id}/plan").text)
        assert "Position in the matrix" in planned and '<th scope="col">Job title</th>' in planned
        assert "apply" in console.open("/runs").text

        page = f"/runs/{run_id[1]}"
        preview = console.send(f"{page}/preview", page).text
        assert "write" in preview and counts(desk) > 10
        plan = re.search(r'name="plan" value="([^"]+)"', preview)
        assert plan is not None
        console.send(f"{page}/undo", page, plan=plan[1])
        assert counts(desk) == 0
    kinds = [run["kind"] for run in desk.look("runs", "--json").json]
    assert kinds == ["undo", "apply"]


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Console]]:
    """A CRM that is set up and has no tier yet, and a console before it."""
    with desks(tmp_path_factory.mktemp("ready")) as open_desk:
        desk = open_desk("salesforce")
        desk.begin("setup", "pull")
        with running(desk) as console:
            console.enter()
            yield desk, console


def test_a_plan_that_the_crm_has_left_behind_is_refused(ready: tuple[Desk, Console]) -> None:
    desk, console = ready
    console.send("/plan/make")
    some = next(iter(tiers(desk)))
    desk.server.crm.view.set_flag(some, "override", "A")
    answer = console.send("/plan/apply", plan=console.plan_id()).text
    assert "That did not work" in answer and "plan" in answer
    assert counts(desk) == 0
    assert desk.look("runs", "--json").json[0]["status"] == "refused"


def test_a_refused_plan_writes_nothing_and_stands_in_the_journal(ready: tuple[Desk, Console]) -> None:
    desk, console = ready
    console.send("/plan/make")
    assert "refused; nothing was written" in console.send("/plan/refuse", plan=console.plan_id()).text
    assert counts(desk) == 0
    assert desk.look("runs", "--json").json[0]["status"] == "declined"


def test_while_another_run_holds_the_lock_nothing_is_begun(ready: tuple[Desk, Console]) -> None:
    desk, console = ready
    with run_lock(desk.folder / "kamsync.db"):
        assert "holds the lock" in console.send("/plan/make").text


def test_doctor_shows_each_finding_with_its_mend(ready: tuple[Desk, Console]) -> None:
    _, console = ready
    shown = unescape(console.send("/doctor", "/doctor").text)
    assert "is complete and its expressions are sound" in shown and shown.count("<tr>") > 5


def test_before_setup_a_read_only_console_shows_plans_and_writes_none(open_desk: Opener) -> None:
    desk = open_desk("hubspot")
    desk.begin("pull")
    with running(desk, "--read-only", "--language", "es") as console:
        shown = console.enter().text
        assert "Resumen" in shown and 'lang="es"' in shown
        assert console.open("/nothing-here").status_code == 404
        shown = console.send("/plan/make").text
        assert "Entran en las cuentas clave" in shown and "kamsync setup" in shown and "Aprobar" not in shown
        answer = console.send("/plan/apply", plan="whatever")
        assert answer.status_code == 409 and "--read-only" in answer.text
    assert counts(desk) == 0


def names(console: Console, query: str) -> list[str]:
    """The accounts that the list shows, in order."""
    found = re.findall(r'<td class="name"><a href="[^"]+">([^<]+)</a>', console.open(f"/accounts?{query}").text)
    return [unescape(name) for name in found]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Desk, Console]]:
    """A CRM with its tiers written, and a console before it."""
    with desks(tmp_path_factory.mktemp("written")) as open_desk:
        desk = open_desk("salesforce", accounts=120)
        desk.begin("setup", "apply --yes")
        with running(desk) as console:
            console.enter()
            yield desk, console


def test_the_portfolio_is_filtered_searched_sorted_and_paged(written: tuple[Desk, Console]) -> None:
    desk, console = written
    listed = desk.look("accounts", "--all", "--json").json
    key = [one["name"] for one in listed if one["tier"]]
    assert names(console, "")[:10] == key[:10]
    assert set(names(console, "tier=A")) == {one["name"] for one in listed if one["tier"] == "A"}
    by_name = sorted((one["name"] for one in listed), key=str.casefold)
    assert names(console, "tier=all&sort=account") == by_name[:50]
    assert names(console, "tier=all&sort=account&page=2") == by_name[50:100]
    word = listed[0]["name"].split()[0]
    assert set(names(console, f"tier=all&search={word.lower()}")) == {one["name"] for one in listed if word in one["name"]}
    red = {one["name"] for one in listed if one["health"] == "red"}
    assert set(names(console, "tier=all&health=red")) <= red and red
    assert names(console, "page=999&sort=nonsense&tier=nonsense")


def test_a_name_out_of_the_crm_stays_a_name_on_every_page(written: tuple[Desk, Console]) -> None:
    desk, console = written
    evil = "<script>alert(1)</script>"
    with open_cache(desk.folder / "kamsync.db") as cache, cache.transaction() as db:
        (account_id,) = db.execute("SELECT min(id) FROM accounts WHERE flag_tier IS NOT NULL").fetchone()
        db.execute("UPDATE accounts SET name = ? WHERE id = ?", (evil, account_id))
        cache.outdate()
    deadline = time.monotonic() + READY_SECONDS  # a newer state is read beside the old one
    while "alert(1)" not in console.open(f"/accounts/{account_id}").text:
        assert time.monotonic() < deadline
    for path in ("/", "/accounts?tier=all&search=alert", f"/accounts/{account_id}", "/lab", "/runs", "/charts/matrix.json"):
        shown = console.open(path)
        assert shown.status_code == 200
        assert path.endswith(".json") or evil not in shown.text, path


def test_without_the_libraries_for_pictures_the_tables_are_there(open_desk: Opener) -> None:
    desk = open_desk("salesforce")
    desk.begin("pull")
    hidden = desk.folder / "hidden"
    hidden.mkdir()
    (hidden / "altair.py").write_text("raise ImportError\n")
    desk.environment["PYTHONPATH"] = str(hidden)
    with running(desk) as console:
        shown = console.enter().text
        assert "kamsync[report]" in shown and "data-chart" not in shown and "<table" in shown
        assert console.open("/lab").status_code == 200

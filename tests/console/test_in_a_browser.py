"""The report and the console in a real browser: pictures drawn, nothing refused by the policy, keyboard, contrast, phone, work.

Chromium from the distribution's packages, driven by Playwright; axe-core from npm looks at each page (https://github.com/dequelabs/axe-core).
Where $KAMSYNC_SHOTS names a folder, screenshots of every page are kept there in all four looks: 1300 and 480 pixels, light and
dark.
The CRM behind it is Salesforce's sandbox; KAMSYNC_BROWSER_CRM=hubspot puts HubSpot's there. A plan is written and undone on both.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from bench.decide import build, programme
from tests.console.console_client import Console, running, tiered_desk
from tests.journeys.command import Started
from tests.journeys.conftest import Desk, desks

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(find_spec("playwright") is None, reason="Playwright is not installed"),
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
]

CRM = os.environ.get("KAMSYNC_BROWSER_CRM", "salesforce")
AXE = "axe-core@4.14.1"
SERIOUS = ("serious", "critical")
SHOTS = os.environ.get("KAMSYNC_SHOTS")
# Each width and each scheme once; all four for the eye.
ALL_LOOKS = [(width, scheme) for width in (1300, 480) for scheme in ("light", "dark")]
LOOKS = ALL_LOOKS if SHOTS else [(1300, "light"), (480, "dark")]
PAGES = ("/", "/accounts", "/plan", "/lab", "/runs", "/doctor")
# Rows, points of a list and marks of a picture beyond these are like those before them: axe looks at thousands for minutes.
ALIKE = """
for (const many of document.querySelectorAll("tbody, ul, ol, svg g"))
  [...many.children].slice(6).forEach(one => one.remove());
"""
# The first mark that is itself at its middle: a label may lie over another, whose place follows from the day.
UNCOVERED = """marks => marks.findIndex(mark => {
  mark.scrollIntoView({ block: "center" });
  const { x, y, width, height } = mark.getBoundingClientRect();
  return document.elementFromPoint(x + width / 2, y + height / 2) === mark;
})"""
MOST_ELEMENTS = 15_000  # of a page, whatever the portfolio: what an old laptop lays out at once
HARMLESS = re.compile("legend property")  # Vega-Lite's own remark on a chart whose layers share a legend


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright  # loaded where it is used, and not by each worker that collects this file

    with sync_playwright() as driver:
        # As root Chromium's own sandbox cannot work; what is opened here is our own.
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A CRM of more accounts than a page shows, with its first tiers written, and tasks."""
    with tiered_desk(tmp_path_factory.mktemp("browser"), CRM, accounts=150, opportunities=1_500) as made:
        yield made


@pytest.fixture(scope="module")
def console(desk: Desk) -> Iterator[Console]:
    with running(desk) as started:
        started.enter()
        yield started


@pytest.fixture(scope="module")
def axe() -> str:
    """The script of axe-core; installed once and kept beside the other caches."""
    folder = Path(__file__).parent / "node"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is absent: axe-core cannot be installed")
        command = [npm, "install", "--prefix", str(folder), "--no-package-lock", "--no-save", "--no-audit", "--no-fund", AXE]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    return script.read_text(encoding="utf-8")


class Tab:
    """A page that remembers what went wrong on it."""

    def __init__(self, browser: Any, width: int = 1300, scheme: str = "light", scripts: bool = True) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts, bypass_csp=False
        )
        self.page = self.context.new_page()
        self.wrong: list[str] = []
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("console", self._said)

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and not HARMLESS.search(message.text):
            self.wrong.append(message.text)

    def settle(self) -> None:
        self.page.wait_for_load_state("networkidle")

    def close(self) -> None:
        self.context.close()

    @property
    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))

    def faults(self, axe: str) -> list[str]:
        """What axe calls serious. Evaluated by the driver, so that the page's policy stays as it is. Leaves a page cut short."""
        self.page.evaluate(ALIKE)
        self.page.evaluate(axe)
        found = self.page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in SERIOUS]


def shoot(tab: Tab, name: str) -> None:
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        tab.page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def name_of(path: str) -> str:
    return path.strip("/").partition("/")[0] or "overview"


@pytest.fixture(scope="module")
def pages(desk: Desk, console: Console) -> tuple[str, ...]:
    """Every page, with an account, its plan and a run that exist, a plan to approve and what doctor has found."""
    for number, account in enumerate(desk.server.crm.view.accounts()[:6]):
        desk.server.crm.view.set_flag(account.id, "override", "ABC"[number % 3])
    assert "Approve and write" in console.send("/plan/make").text
    console.send("/doctor", "/doctor")
    listed = re.search(r'href="(/accounts/[^"?]+)"', console.open("/accounts").text)
    run = re.search(r'href="(/runs/[^"?]+)"', console.open("/runs").text)
    assert listed and run
    return (*PAGES, listed[1], f"{listed[1]}/plan", run[1])


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_every_page_of_the_console_reads_well(
    browser: Any, console: Console, pages: tuple[str, ...], axe: str, width: int, scheme: str
) -> None:
    tab = Tab(browser, width, scheme)
    tab.page.goto(console.address)
    for number, path in enumerate(pages):
        tab.page.goto(console.base + path)
        tab.settle()
        shoot(tab, f"console-{number}-{name_of(path)}-{width}-{scheme}")
        assert not tab.overflows, path
        assert not tab.faults(axe), path
    assert not tab.wrong
    tab.close()


@pytest.mark.parametrize("accounts", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_every_page_of_thousands_of_accounts_is_no_larger_than_of_few(browser: Any, tmp_path: Path, accounts: int) -> None:
    programme(tmp_path, all_playbooks=False)
    sizes = Namespace(accounts=accounts, opportunities=accounts * 6 // 10, activities=0, line_items=0, contacts=0)
    build(tmp_path / "kamsync.db", sizes, datetime.now(UTC).date())
    process = Started(["console", "--read-only"], tmp_path, os.environ)
    console = Console(process.stdout.readline().strip())
    try:
        console.enter()
        account = re.search(r'href="(/accounts/[^"?]+)"', console.open("/accounts").text)
        assert account
        tab = Tab(browser)
        tab.page.goto(console.address)
        for path in (*PAGES, account[1]):
            tab.page.goto(console.base + path)
            tab.settle()
            assert not tab.overflows, path
            assert tab.page.locator("main h1").is_visible(), path
            assert tab.page.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS, path
        assert tab.page.request.get(f"{console.base}/accounts?q=Account+{accounts - 1}").ok
        assert not tab.wrong
        tab.close()
    finally:
        process.terminate()
        process.communicate()


@pytest.fixture(scope="module")
def report(desk: Desk) -> str:
    """The address of the report as a file."""
    desk.good("report", "--out", "report.html")
    return (desk.folder / "report.html").as_uri()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_the_report_reads_well_and_fetches_nothing(browser: Any, report: str, axe: str, width: int, scheme: str) -> None:
    tab = Tab(browser, width, scheme)
    asked: list[str] = []
    tab.page.on("request", lambda request: asked.append(request.url))
    tab.page.goto(report)
    tab.page.locator(".vega-embed svg").nth(7).wait_for()
    shoot(tab, f"report-{width}-{scheme}")
    assert not tab.overflows
    assert not tab.faults(axe)
    assert not tab.wrong
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    tab.close()


def test_without_scripts_the_report_has_its_pictures_and_the_console_its_work(
    browser: Any, report: str, console: Console
) -> None:
    tab = Tab(browser, scripts=False)
    tab.page.goto(report)
    assert tab.page.locator("figure svg").count() >= 8
    tab.page.goto(console.address)
    tab.page.goto(f"{console.base}/lab")
    tab.page.fill("[name='weight:value']", "0")
    tab.page.get_by_role("button", name="Try").first.click()
    assert tab.page.locator("#answer .tier").count() > 0
    assert tab.page.input_value("[name='weight:value']") == "0"
    tab.close()


def test_a_mark_of_the_matrix_speaks_and_leads_to_its_account(browser: Any, console: Console) -> None:
    tab = Tab(browser)
    tab.page.goto(console.address)
    marks = tab.page.locator("#matrix svg path[aria-roledescription='point']")
    marks.first.wait_for()
    mark = marks.nth(marks.evaluate_all(UNCOVERED))
    said = mark.get_attribute("aria-label")
    assert said and "Account" in said and "Tier" in said
    mark.hover()
    tab.page.locator("#vg-tooltip-element.visible").wait_for()
    mark.click()
    tab.page.wait_for_url("**/accounts/*")
    tab.close()


def test_a_slider_of_the_lab_answers_at_once(browser: Any, console: Console) -> None:
    tab = Tab(browser)
    tab.page.goto(console.address)
    tab.page.goto(f"{console.base}/lab")
    entering = tab.page.locator("[data-count=entering]")
    assert entering.inner_text() == "0"
    slider = tab.page.locator("[data-for='enter:C']")
    slider.evaluate("one => { one.value = 90; one.dispatchEvent(new Event('input', { bubbles: true })); }")
    assert tab.page.input_value("[name='enter:C']") == "90"
    tab.page.locator("#answer .bad-news").wait_for()  # C may not be above B: the loader says so
    slider.evaluate("one => { one.value = 20; one.dispatchEvent(new Event('input', { bubbles: true })); }")
    weight = tab.page.locator("[data-for='weight:value']")
    weight.evaluate("one => { one.value = 0; one.dispatchEvent(new Event('input', { bubbles: true })); }")
    entering.filter(has_text=re.compile("[1-9]")).wait_for()
    tab.close()


def test_with_the_keyboard_alone_a_plan_is_made_approved_and_undone(browser: Any, tmp_path: Path) -> None:
    with desks(tmp_path) as open_desk:
        desk = open_desk("hubspot", accounts=30, opportunities=200)
        desk.begin("setup", "pull")
        with running(desk) as console:
            console.enter()
            tab = Tab(browser)
            tab.page.goto(console.address)
            press(tab, "Skip to the content")
            press(tab, "Plan")
            press(tab, "Read the CRM and make a plan")
            press(tab, "Approve and write")
            tab.page.get_by_text("accounts updated").wait_for()
            press(tab, "Run ")
            press(tab, "Preview undoing this run")
            press(tab, "Undo: write")
            tab.page.get_by_role("status").filter(has_text="accounts updated").wait_for()
            assert not tab.wrong
            tab.close()
        assert [run["kind"] for run in desk.look("runs", "--json").json] == ["undo", "apply"]


def press(tab: Tab, name: str) -> None:
    """Tab until the link or button of that name has the focus, then Enter; waits for it to be there."""
    target = tab.page.locator("a, button").filter(has_text=name).first
    target.wait_for(state="attached", timeout=60_000)
    for _ in range(200):
        tab.page.keyboard.press("Tab")
        if tab.page.evaluate("document.activeElement.innerText").strip().startswith(name):
            tab.page.keyboard.press("Enter")
            return
    raise AssertionError(f"the keyboard never comes to {name!r}")

"""Takes the README's pictures of the console: `make pictures`. Needs Chromium and Playwright.

python -m tests.console.pictures FOLDER
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.console.console_client import running
from tests.journeys.conftest import desks

WIDTH, HEIGHT = 1200, 820


def main(folder: Path) -> None:
    """The matrix, an account and a plan of the sample company, as PNG files in the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, desks(Path(place)) as open_desk, sync_playwright() as driver:
        desk = open_desk("salesforce", accounts=400, opportunities=4_000)
        desk.begin("setup", "pull")
        with running(desk) as console:
            console.enter()
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(console.address)
            page.locator("#matrix svg").wait_for()
            page.locator("#matrix").screenshot(path=str(folder / "matrix.png"))
            console.send("/plan/make")
            page.goto(f"{console.base}/plan")
            page.screenshot(path=str(folder / "plan.png"))
            account = re.search(r'href="(/accounts/[^"?]+)"', console.open("/accounts").text)
            page.goto(console.base + (account[1] if account else "/accounts"))
            page.screenshot(path=str(folder / "account.png"))
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

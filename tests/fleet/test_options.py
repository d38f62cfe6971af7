"""Every option of `kamsync fleet`, as the table of all options types them (tests/run/test_every_option.py)."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.console.console_client import Console
from tests.fleet.company import Company
from tests.journeys.command import Started
from tests.journeys.conftest import Result
from tests.run.test_every_option import FLEET

pytestmark = pytest.mark.xdist_group("fleet")


@contextmanager
def opened(company: Company, line: str) -> Iterator[Console]:
    """The console of an org, over the cache that its worker here has."""
    environment = {**company.environment, "KAMSYNC_CACHE": str(company.folder / "work" / "orgs" / "acme" / "kamsync.db")}
    process = Started(shlex.split(line), company.folder, environment)
    try:
        console = Console(process.stdout.readline().strip())
        console.enter()
        yield console
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def test_each_line_of_the_table_does_what_it_says(company: Company) -> None:
    company.add_org("acme", accounts=4)
    job = ""

    def typed(line: str) -> Result:
        return company.good(*shlex.split(line.removeprefix("fleet ").replace("JOB", job)))

    init, worker, run, pause, status, resume, logs, one, journal, console = FLEET
    assert "1 orgs" in typed(init).out
    assert worker.split()[-1] == "fleet.toml"
    company.start_worker()
    ended = typed(run).json
    job = str(ended["job"])
    assert ended["outcome"] == "done" and ended["log"]
    typed(pause)
    (shown,) = typed(status).json["orgs"]
    assert (shown["state"], shown["reason"]) == ("paused", "holidays")
    with opened(company, console) as browser:
        page = browser.open("/fleet")
        assert "holidays" in page.text and "paused: 1" in page.text and "<td>acme" in page.text
        assert "paused" not in browser.open("/fleet?state=ok").text.partition("<table")[2]
    typed(resume)
    assert len(typed(logs).json) == 1 and typed(one).json[0]["log"] and typed(journal).json["writes"]

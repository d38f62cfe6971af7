"""Every option of `kamsync fleet`, as the table of all options types them (tests/run/test_every_option.py)."""

from __future__ import annotations

import shlex

import pytest

from tests.fleet.company import Company
from tests.journeys.conftest import Result
from tests.run.test_every_option import FLEET

pytestmark = pytest.mark.xdist_group("fleet")


def test_each_line_of_the_table_does_what_it_says(company: Company) -> None:
    company.add_org("acme", accounts=4)
    job = ""

    def typed(line: str) -> Result:
        return company.good(*shlex.split(line.removeprefix("fleet ").replace("JOB", job)))

    init, worker, run, pause, status, resume, logs, one, journal = FLEET
    assert "1 orgs" in typed(init).out
    assert worker.split()[-1] == "fleet.toml"
    company.start_worker()
    ended = typed(run).json
    job = str(ended["job"])
    assert ended["outcome"] == "done" and ended["log"]
    typed(pause)
    (shown,) = typed(status).json["orgs"]
    assert (shown["state"], shown["reason"]) == ("paused", "holidays")
    typed(resume)
    assert len(typed(logs).json) == 1 and typed(one).json[0]["log"] and typed(journal).json["writes"]

"""PostgreSQL once, a database and a fleet for each test. Without PostgreSQL's packages these tests are skipped by name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fleet.company import Company, companies
from tests.fleet.postgres import Server, binaries, running


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    found = binaries()
    if found is None:
        pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
    with running(found) as server:
        yield server


@pytest.fixture
def company(tmp_path: Path, postgres: Server) -> Iterator[Company]:
    with companies(tmp_path, postgres.new_database()) as opened:
        yield opened

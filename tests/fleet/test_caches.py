"""Caches that travel: the newest generation wins, whoever comes second is refused, what is lost costs one full pull."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from kamsync.errors import TryLater
from kamsync.fleet.caches import BASE, CACHE, Caches, Overtaken, room_for
from kamsync.store.database import open_cache
from kamsync.store.schema import Meta
from tests.fleet.company import Company

pytestmark = pytest.mark.xdist_group("fleet")


def write(folder: Path, text: str) -> None:
    with open_cache(folder / CACHE) as cache:
        cache.set_meta(Meta.ORG_NAME, text)


def read(path: Path) -> str:
    with open_cache(path) as cache:
        return cache.meta(Meta.ORG_NAME) or ""


@pytest.fixture
def caches(tmp_path: Path) -> Caches:
    return Caches(str(tmp_path / "stored"))


def test_a_cache_goes_from_worker_to_worker_and_stays_where_it_is_the_newest(caches: Caches, tmp_path: Path) -> None:
    here, there = room_for(tmp_path / "a", "acme"), room_for(tmp_path / "b", "acme")
    write(here, "first")
    assert caches.keep("acme", caches.hold("acme", here)) == 1

    held = caches.hold("acme", there)
    assert held.fetched and read(held.path) == "first"
    write(there, "second")
    assert caches.keep("acme", held) == 2
    assert not caches.hold("acme", there).fetched and read(caches.hold("acme", here).path) == "second"


def test_a_stale_worker_never_overwrites_a_newer_cache(caches: Caches, tmp_path: Path) -> None:
    stale, busy = room_for(tmp_path / "a", "acme"), room_for(tmp_path / "b", "acme")
    write(stale, "start")
    caches.keep("acme", caches.hold("acme", stale))
    old = caches.hold("acme", stale)
    for number in range(5):  # long enough for the stale worker's next number to have been tidied away
        held = caches.hold("acme", busy)
        write(busy, f"newer {number}")
        caches.keep("acme", held)
        write(stale, "stale")
        with pytest.raises(Overtaken):
            caches.keep("acme", old)

    assert read(caches.hold("acme", room_for(tmp_path / "c", "acme")).path) == "newer 4"
    assert read(caches.hold("acme", stale).path) == "newer 4"


def test_orgs_whose_names_begin_alike_have_caches_of_their_own(caches: Caches, tmp_path: Path) -> None:
    for org in ("acme", "acme-2"):
        folder = room_for(tmp_path / "a", org)
        write(folder, org)
        assert caches.keep(org, caches.hold(org, folder)) == 1
    for org in ("acme", "acme-2"):
        assert read(caches.hold(org, room_for(tmp_path / "b", org)).path) == org


def test_a_damaged_object_is_told_and_never_taken_for_a_cache(caches: Caches, tmp_path: Path) -> None:
    here = room_for(tmp_path / "a", "acme")
    write(here, "first")
    caches.keep("acme", caches.hold("acme", here))
    (stored,) = (tmp_path / "stored" / "acme").iterdir()
    stored.write_bytes(stored.read_bytes()[:-50])

    with pytest.raises(TryLater, match="storage"):
        caches.hold("acme", room_for(tmp_path / "b", "acme"))


def test_what_lies_in_the_journal_of_a_killed_run_travels_too(caches: Caches, tmp_path: Path) -> None:
    here = room_for(tmp_path / "a", "acme")
    write(here, "first")
    with closing(sqlite3.connect(here / CACHE, isolation_level=None)) as left_open:
        left_open.execute("UPDATE meta SET value = 'in the journal' WHERE name = ?", (Meta.ORG_NAME,))
        assert (here / f"{CACHE}-wal").stat().st_size
        caches.keep("acme", caches.hold("acme", here))

    assert read(caches.hold("acme", room_for(tmp_path / "b", "acme")).path) == "in the journal"


def test_losing_every_cache_costs_one_full_pull_and_writes_nothing(company: Company) -> None:
    company.add_org("acme")
    company.good("init")
    company.start_worker()
    first = company.job("acme")
    assert first["result"]["updated"]
    before = company.tasks("acme"), company.tiers("acme")
    shutil.rmtree(company.folder / "caches")
    for path in (company.folder / "work" / "orgs" / "acme").iterdir():
        assert path.name != BASE or path.read_text() == "1"
        path.unlink()

    again = company.job("acme")

    assert again["outcome"] == "done" and not again["result"]["updated"] + again["result"]["created"]
    assert (company.tasks("acme"), company.tiers("acme")) == before

"""Caches that travel: the newest generation wins, whoever comes second is refused, what is lost costs one full pull."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kamsync.fleet.caches import CACHE, Caches, Overtaken, room_for
from kamsync.store.database import open_cache
from kamsync.store.schema import Meta
from tests.fleet.dialects import DIALECTS, dialect
from tests.fleet.storage import storing

pytestmark = pytest.mark.xdist_group("fleet")


def write(folder: Path, text: str) -> None:
    with open_cache(folder / CACHE) as cache:
        cache.set_meta(Meta.ORG_NAME, text)


def read(path: Path) -> str:
    with open_cache(path) as cache:
        return cache.meta(Meta.ORG_NAME) or ""


@pytest.fixture(params=["folder", *DIALECTS])
def caches(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Caches]:
    """The same caches in a shared folder and in object storage."""
    if request.param == "folder":
        yield Caches(str(tmp_path / "stored"))
        return
    with storing(dialect(request.param)) as storage:
        for name, value in storage.environment.items():
            monkeypatch.setenv(name, value)
        yield Caches(storage.dialect.address)


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


def test_what_is_damaged_is_as_good_as_lost_and_what_follows_upon_it_is_newer(tmp_path: Path) -> None:
    caches = Caches(str(tmp_path / "stored"))
    here = room_for(tmp_path / "a", "acme")
    for text in ("first", "second"):
        held = caches.hold("acme", here)
        write(here, text)
        caches.keep("acme", held)
    older, newer = sorted((tmp_path / "stored" / "acme").iterdir())

    newer.write_bytes(newer.read_bytes()[:-50])
    assert read(caches.hold("acme", room_for(tmp_path / "b", "acme")).path) == "first"
    older.write_bytes(b"no packed cache at all")
    there = room_for(tmp_path / "c", "acme")
    begun_anew = caches.hold("acme", there)

    assert not begun_anew.fetched and not begun_anew.path.exists()
    write(there, "third")
    assert caches.keep("acme", begun_anew) == 3
    assert read(caches.hold("acme", here).path) == "third"


def test_what_lies_in_the_journal_of_a_killed_run_travels_too(caches: Caches, tmp_path: Path) -> None:
    here = room_for(tmp_path / "a", "acme")
    write(here, "first")
    with closing(sqlite3.connect(here / CACHE, isolation_level=None)) as left_open:
        left_open.execute("UPDATE meta SET value = 'in the journal' WHERE name = ?", (Meta.ORG_NAME,))
        assert (here / f"{CACHE}-wal").stat().st_size
        caches.keep("acme", caches.hold("acme", here))

    assert read(caches.hold("acme", room_for(tmp_path / "b", "acme")).path) == "in the journal"

"""Caches in object storage, from the command line: they follow an org from worker to worker, and what is wrong there is said."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kamsync.fleet.caches import Caches, room_for
from tests.fleet.company import Company
from tests.fleet.dialects import DIALECTS, S3, dialect
from tests.fleet.storage import BUCKET, Storage, storing
from tests.fleet.test_caches import read, write

pytestmark = pytest.mark.xdist_group("fleet")
PLACE = S3.address


@pytest.fixture
def storage(request: pytest.FixtureRequest, company: Company) -> Iterator[Storage]:
    """S3, or the kind that the test is parametrized with."""
    with storing(dialect(getattr(request, "param", "s3"))) as opened:
        company.environment.update(opened.environment)
        company.write_fleet(caches=opened.dialect.address)
        yield opened


def test_a_cache_follows_its_org_through_a_bucket_and_losing_it_costs_a_full_pull(company: Company, storage: Storage) -> None:
    company.add_org("acme")
    company.good("init")
    company.start_worker()
    assert company.job("acme")["result"]["updated"]
    assert list(storage.objects) == ["kamsync/acme/000000000001.db.zst"]
    writes = company.tasks("acme"), company.tiers("acme")
    assert company.good("logs", "acme", "--journal", "last", "--json").json["writes"]
    shutil.rmtree(company.folder / "work" / "orgs" / "acme")  # as on another machine

    company.job("acme")
    assert sorted(storage.objects) == [f"kamsync/acme/{number:012d}.db.zst" for number in (1, 2)]
    assert storage.calls.count(("GET", f"/{BUCKET}/kamsync/acme/000000000001.db.zst", 200)) == 2  # `logs`, and the other machine
    shutil.rmtree(company.folder / "work" / "orgs" / "acme")
    storage.objects.clear()
    lost = company.job("acme")

    assert lost["outcome"] == "done" and not lost["result"]["updated"] + lost["result"]["created"]
    assert (company.tasks("acme"), company.tiers("acme")) == writes
    storage.down = True
    failed = company.job("acme")
    assert failed["outcome"] == "failed" and f"caches at {PLACE}: nothing answers there" in failed["message"]
    assert company.status()["acme"]["queued"] == 1  # another try by itself


@pytest.mark.parametrize(
    ("storage", "said"),
    [
        ("s3", "does not exist in our records (InvalidAccessKeyId)"),
        ("google", "Authentication required (AuthenticationRequired)"),
        ("azure", "Server failed to authenticate the request (AuthenticationFailed)"),
    ],
    indirect=["storage"],
)
def test_init_and_a_worker_say_whose_credentials_are_wrong_before_anything_is_done(
    company: Company, storage: Storage, said: str
) -> None:
    company.environment.update(storage.dialect.environment(storage.url, stranger=True))

    for refused in (company.run("init"), company.run("worker")):
        assert refused.code == 1 and f"The caches at {storage.dialect.address}: " in refused.err
        assert said in refused.err and "Check the credentials in the worker's environment" in refused.err
        assert "PRIVATE KEY" not in refused.err
    assert not storage.objects


def test_init_and_a_worker_say_that_nothing_answers_where_the_caches_should_be(company: Company, storage: Storage) -> None:
    company.environment["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"

    for refused in (company.run("init"), company.run("worker")):
        assert refused.code == 1 and "nothing answers there" in refused.err and "AWS_ENDPOINT_URL" in refused.err


@pytest.mark.parametrize("kind", DIALECTS)
def test_an_answer_that_is_lost_on_its_way_is_no_other_worker(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bucket has taken the object, and the client, which heard nothing, sends it again."""
    with storing(dialect(kind)) as storage:
        for name, text in storage.environment.items():
            monkeypatch.setenv(name, text)
        caches = Caches(storage.dialect.address)
        here = room_for(tmp_path / "a", "acme")
        write(here, "first")
        held = caches.hold("acme", here)

        storage.mute = True

        assert caches.keep("acme", held) == 1
        assert read(caches.hold("acme", room_for(tmp_path / "b", "acme")).path) == "first"

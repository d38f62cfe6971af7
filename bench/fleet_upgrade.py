"""Workers of two versions beside each other: of Procrastinate, of kamsync."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.fleet_orgs import LONGEST_SECONDS, fleet, is_at_rest, put_all, settings_of, tables_of
from kamsync.fleet.caches import Caches
from kamsync.fleet.queue import migrations_of_queue
from kamsync.store.database import schema_of
from tests.fleet.company import Company
from tests.fleet.test_versions import NEXT


def upgrade(before: str, seconds: float) -> None:
    """A database of the older queue, its worker; then `init`, a worker of today beside it, the older stopped, `init --finish`."""
    with fleet(8) as (company, _, names):
        old = company.folder / "older"
        command = [sys.executable, "-m", "pip", "-q", "install", "--no-deps", "--target", str(old), f"procrastinate=={before}"]
        subprocess.run(command, check=True)
        today = company.environment["PYTHONPATH"]
        company.environment["PYTHONPATH"] = os.pathsep.join([str(old), today])
        in_process(company, "init")
        older = company.start_worker()
        keep_busy(company, names, seconds / 4, lambda: None)
        company.environment["PYTHONPATH"] = today
        print(in_process(company, "init"), end="")
        newer = company.start_worker(elsewhere=True)
        by = Counter[str]()
        keep_busy(company, names, seconds, lambda: by.update(run.worker for run in tables_of(company).last_runs().values()))
        older.terminate()
        assert older.wait() == 0 and newer.poll() is None
        print(in_process(company, "init", "--finish"), end="")
        keep_busy(company, names, seconds / 4, lambda: None)
        company.wait_for(lambda: is_at_rest(company, names), LONGEST_SECONDS)
        outcomes = tables_of(company).outcomes()
        lacking = dict(migrations_of_queue()).keys() - tables_of(company).applied_migrations()
        print(f"Procrastinate {before} and today's for {seconds:g} s: jobs {outcomes}, seen at work {dict(by)}")
        print(f"Migrations that were not applied: {', '.join(sorted(lacking)) or 'none'}")


def versions(commit: str, seconds: float) -> None:
    """An older kamsync begins, today's comes beside it with a cache schema one step further on, the older one is stopped.

    The step is what the next release could bring: the older worker must leave what the newer one has stored.
    """
    with fleet(8) as (company, _, names):
        older_path, newer_path = older_kamsync(company, commit), next_schema(company)
        today = company.environment["PYTHONPATH"]
        company.environment["PYTHONPATH"] = os.pathsep.join([older_path, today])
        in_process(company, "init")
        older = company.start_worker()
        put_by_hand(company, names)
        company.wait_for(lambda: stored_schemas(company, names).total() == len(names), LONGEST_SECONDS)
        print(f"kamsync of {commit}: caches by schema {dict(stored_schemas(company, names))}", flush=True)
        company.environment["PYTHONPATH"] = os.pathsep.join([newer_path, today])
        in_process(company, "init")
        newer = company.start_worker(elsewhere=True)
        company.environment["PYTHONPATH"] = today
        by = Counter[str]()
        keep_busy(company, names, seconds, lambda: by.update(run.worker for run in tables_of(company).last_runs().values()))
        older.terminate()
        assert older.wait() == 0 and newer.poll() is None
        keep_busy(company, names, seconds / 4, lambda: None)
        company.wait_for(lambda: is_at_rest(company, names), LONGEST_SECONDS)
        schemas = stored_schemas(company, names)
        twice = [name for name in names if len(company.tasks(name)) != len(set(company.tasks(name)))]
        print(f"Both for {seconds:g} s: jobs {tables_of(company).outcomes()}, seen at work {dict(by)}")
        print(f"Caches by schema {dict(schemas)}, {len(twice)} orgs with a task twice, every org at rest")


def older_kamsync(company: Company, commit: str) -> str:
    """The older version's packages, as PYTHONPATH names them."""
    folder = company.folder / "older"
    folder.mkdir()
    command = ["git", "archive", commit, "kamsync", "connectors", "mappings"]
    archive = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return os.pathsep.join(map(str, (folder, folder / "connectors")))


def next_schema(company: Company) -> str:
    """The folder that makes today's program the next one, as PYTHONPATH names it."""
    folder = company.folder / "next"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(NEXT, encoding="utf-8")
    return str(folder)


def put_by_hand(company: Company, names: Sequence[str]) -> None:
    for name in names:
        in_process(company, "run", name)


def stored_schemas(company: Company, names: Sequence[str]) -> Counter[int]:
    """How many orgs' newest stored caches have each schema."""
    caches, found = Caches(settings_of(company).caches), Counter[int]()
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            held = caches.hold(name, Path(folder))
            if held.fetched:
                found[schema_of(held.path)] += 1
    return found


def in_process(company: Company, *arguments: str) -> str:
    """`kamsync fleet …` with the environment's own libraries, not those that this process has loaded."""
    command = [sys.executable, "-m", "kamsync", "fleet", *arguments]
    done = subprocess.run(command, cwd=company.folder, env=company.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keep_busy(company: Company, names: list[str], seconds: float, look: Callable[[], object]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        put_all(company, names)
        look()
        time.sleep(1)

"""The queue: Procrastinate with the fleet's two kinds of job, and how one is put into it.

A cache that a newer kamsync has written is of no use to an older one. So an org's jobs stand in the queue of its cache's schema,
and a worker looks only into the queues of schemas that it knows: while workers of two versions run, each takes what it can.

`lock` keeps an org's jobs one after another on all machines; `queueing_lock` keeps one of a kind waiting. Another try is a new
job, not Procrastinate's own retry, which puts a job back under its queueing lock and fails where the next one waits already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from importlib.resources import files
from typing import Any, Literal

from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued
from procrastinate.jobs import JobDeferrer
from procrastinate.schema import SchemaManager

from kamsync.contract import Secret
from kamsync.errors import TryLater
from kamsync.fleet.tables import Tables
from kamsync.fleet.tables.connection import CONNECT_SECONDS, idle_option

Kind = Literal["sync", "full", "plan", "apply", "undo"]
ORGS, KEEPING = "orgs", "keeping"
RUN, KEEP = "kamsync.fleet.run", "kamsync.fleet.keep"
BY_HAND = 100  # a person waits for it: before whatever the schedule queued for the org, and above all its priorities
_FIRST_CONNECTIONS = 1


@dataclass(frozen=True, slots=True)
class Work:
    """One job: an ordinary command for one org. `argument` is the run that an undo takes back; `attempt` counts from 1.

    `origin` is the job that somebody put into the queue, of which this is another try; 0: it is that one itself.
    """

    org: str
    kind: Kind
    argument: str = ""
    attempt: int = 1
    by_hand: bool = False
    origin: int = 0

    def as_arguments(self) -> dict[str, Any]:
        """As Procrastinate keeps it."""
        return asdict(self)


def work_of(arguments: Mapping[str, Any]) -> Work:
    """From what Procrastinate kept; what a newer kamsync has put there besides is left alone."""
    known = {field.name for field in fields(Work)}
    return Work(**{name: value for name, value in arguments.items() if name in known})


def queue_of(schema: int) -> str:
    """The queue of an org whose cache has this schema; 0: none is known, and any worker will do."""
    return f"{ORGS}-{schema}" if schema else ORGS


def queues_up_to(schema: int) -> list[str]:
    """The queues of a worker that reads caches up to this schema."""
    return [queue_of(number) for number in range(schema + 1)]


def schema_of_queue(queue: str) -> int:
    """What a worker must know to take a job from there."""
    number = queue.removeprefix(f"{ORGS}-")
    return int(number) if number.isdecimal() else 0


def lock_of(org: str) -> str:
    """The lock of all of the org's jobs."""
    return f"org:{org}"


def worker_app(
    database: Secret, threads: int, run: Callable[[JobContext, Work], None], keep: Callable[[App], Any], tick_seconds: int
) -> App:
    """Procrastinate with both tasks, as a worker runs it. `keep` is awaited every `tick_seconds`, by one worker of all."""
    options = {"options": idle_option()}
    app = App(
        connector=PsycopgConnector(conninfo=database.reveal(), kwargs=options, min_size=_FIRST_CONNECTIONS, max_size=threads + 4)
    )

    # What raises TryLater could not even be noted: the database was away. Any other end of an org's job has its own next try.
    again = RetryStrategy(wait=tick_seconds, retry_exceptions=(TryLater,))

    @app.task(name=RUN, queue=ORGS, pass_context=True, retry=again)
    def run_org(context: JobContext, /, **arguments: Any) -> None:
        run(context, work_of(arguments))

    # No lock: the keeping of a worker that was killed must not hold up everybody's.
    @app.periodic(cron=f"* * * * * */{tick_seconds}", periodic_id="keep")
    @app.task(name=KEEP, queue=KEEPING)
    async def keep_going(timestamp: int) -> None:
        await keep(app)

    return app


@contextmanager
def opened(database: Secret) -> Iterator[App]:
    """Procrastinate to put jobs into the queue from a command. Raises TryLater and ConfigError as `Tables` does."""
    with Tables(database).connected():
        pass  # the pool would try for half a minute, and its error names no mend
    app = App(
        connector=SyncPsycopgConnector(
            conninfo=database.reveal(), min_size=_FIRST_CONNECTIONS, max_size=2, timeout=float(CONNECT_SECONDS)
        )
    )
    with app.open():
        yield app


def defer(app: App, work: Work, *, schema: int, priority: int = 0, at: datetime | None = None) -> int | None:
    """Puts the job into the queue of the cache's `schema` and gives its number; None where one of its kind waits already."""
    try:
        return _deferrer(app, work, schema, priority, at).defer(**work.as_arguments())
    except AlreadyEnqueued:
        return None


def defer_all(app: App, jobs: Sequence[tuple[Work, int, int]]) -> None:
    """Puts many jobs into the queue at once: work, schema of its cache, priority. What waits already is left."""
    made = [_deferrer(app, work, schema, priority).make_new_job(**work.as_arguments()) for work, schema, priority in jobs]
    try:
        app.job_manager.batch_defer_jobs(made)
    except AlreadyEnqueued:  # of one of them, and then of none: a person was quicker
        for work, schema, priority in jobs:
            defer(app, work, schema=schema, priority=priority)


def _deferrer(app: App, work: Work, schema: int, priority: int, at: datetime | None = None) -> JobDeferrer:
    return app.configure_task(
        RUN,
        queue=queue_of(schema),
        lock=lock_of(work.org),
        queueing_lock=f"{lock_of(work.org)}:{work.kind}",
        priority=BY_HAND if work.by_hand else max(-BY_HAND, min(priority, BY_HAND - 1)),
        schedule_at=at,
    )


def prepare(database: Secret, *, finish: bool) -> tuple[str, ...]:
    """Makes the tables, or brings Procrastinate's up to this version; gives the migrations that wait for `finish`.

    Procrastinate's own order: `pre` while workers of the version before still run, `post` once none does.
    """
    tables = Tables(database)
    migrations = dict(migrations_of_queue())
    tables.create(SchemaManager.get_schema(), tuple(migrations))
    seen = tables.applied_migrations()
    waiting = [name for name in migrations if name not in seen]
    while waiting and (finish or not _is_post(waiting[0])):
        name = waiting.pop(0)
        tables.apply_migration(name, migrations[name])
    return tuple(waiting)


def migrations_of_queue() -> Iterator[tuple[str, str]]:
    """Procrastinate's migrations of this version by name, in order: version, number, name."""
    folder = files("procrastinate.sql") / "migrations"
    named = {one.name: one for one in folder.iterdir() if re.match(r"\d\d\.\d\d\.\d\d_\d\d_", one.name)}
    for name in sorted(named):
        yield name, named[name].read_text(encoding="utf-8")


def _is_post(name: str) -> bool:
    return bool(re.match(r"\d\d\.\d\d\.\d\d_\d\d_post_", name))

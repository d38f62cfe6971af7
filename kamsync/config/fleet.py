"""fleet.toml: the orgs of a fleet, its database, where caches travel, and what a worker may do. Raises ConfigError.

The folder of orgs holds ordinary configurations, one an org; its name is the file's, without `.toml`. Files whose names begin
with an underscore are for the others to inherit from.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from kamsync.config.checking import validate
from kamsync.config.secrets import Surroundings, resolve_secret
from kamsync.config.toml_source import TomlSource, read_toml
from kamsync.contract import Secret, Setting
from kamsync.errors import ConfigError
from kamsync.files import path_of

FLEET_FILE = "fleet.toml"
ORG_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
MARGIN_SECONDS = 5.0  # a worker that ends gently still has to store the cache and to say how the job ended
MOST_THREADS = 256
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
_DATABASE = Setting("database", "Where the fleet's PostgreSQL is.", type="url", secret=True)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class FleetTable(_Table):
    """`[fleet]`: where everything is."""

    database: Any  # a secret, since it holds a password; what is no reference to one is refused without being shown
    orgs: Name = "orgs"
    caches: Name = "caches"
    work: Name = "work"
    secrets: Name | None = None


class WorkerTable(_Table):
    """`[worker]`: how much one worker does at once, and how patient it is."""

    threads: Annotated[int, Field(ge=1, le=MOST_THREADS)] = 4
    deadline_seconds: Seconds = 3600.0
    graceful_stop_seconds: Seconds = 60.0
    lease_seconds: Annotated[float, Field(ge=2, le=3600)] = 60.0
    stalled_seconds: Seconds = 120.0
    tick_seconds: Annotated[int, Field(ge=1, le=60)] = 30
    attempts: Annotated[int, Field(ge=1, le=100)] = 5
    cache_megabytes: Annotated[int, Field(ge=1, le=1_000_000)] = 4_096
    memory_megabytes: Annotated[int, Field(ge=64, le=1_000_000)] = 2_048
    free_megabytes: Annotated[int, Field(ge=0, le=1_000_000)] = 256
    port: Annotated[int, Field(ge=0, le=65_535)] = 0


class SpreadTable(_Table):
    """`[schedule]`: over how long the orgs' runs of one time are spread."""

    spread_minutes: Annotated[int, Field(ge=0, le=1_440)] = 60


class OrgTable(_Table):
    """`[org.NAME]`: what the fleet knows of one org beside its configuration."""

    priority: Annotated[int, Field(ge=-100, le=100)] = 0
    app: Name | None = None


class FleetFile(_Table):
    """fleet.toml as a whole. `apps`: how many orgs of a vendor app may run at once, by the app's name."""

    fleet: FleetTable
    worker: WorkerTable = WorkerTable()
    schedule: SpreadTable = SpreadTable()
    apps: dict[str, Annotated[int, Field(ge=1, le=100_000)]] = {}
    org: dict[str, OrgTable] = {}


@dataclass(frozen=True, slots=True)
class WorkerSettings:
    """What one worker may do. Seconds, megabytes."""

    threads: int
    deadline_seconds: float
    graceful_stop_seconds: float
    lease_seconds: float
    stalled_seconds: float
    tick_seconds: int
    attempts: int
    cache_megabytes: int
    memory_megabytes: int
    free_megabytes: int
    port: int


@dataclass(frozen=True, slots=True)
class OrgOptions:
    """How an org stands in the queue; `app` is the vendor app that it shares with others, None: the CRM's kind."""

    priority: int = 0
    app: str | None = None


@dataclass(frozen=True, slots=True)
class Fleet:
    """A checked fleet.toml. `caches` is a folder or an address of object storage (s3://, gs://, az://).

    `own_variables` hold what no org is to see.
    """

    path: Path
    database: Secret
    orgs: Path
    caches: str
    work: Path
    secrets: Path | None
    worker: WorkerSettings
    spread_seconds: int
    app_limits: Mapping[str, int]
    options: Mapping[str, OrgOptions]
    own_variables: frozenset[str] = frozenset()

    def options_of(self, org: str) -> OrgOptions:
        """What [org.NAME] says of it."""
        return self.options.get(org, OrgOptions())


def load_fleet(path: Path, *, environment: Mapping[str, str] = os.environ) -> Fleet:
    """The fleet of a file, or of the fleet.toml in a folder."""
    file = path / FLEET_FILE if path.is_dir() else path
    source = read_toml(file, "fleet's file", missing_fix="Write one (docs/fleet.md), or name it with --fleet.")
    parsed = validate(FleetFile, source, explained_in="docs/fleet.md")
    folder = file.resolve().parent
    _check_patience(parsed.worker, source)
    for name in parsed.org:
        check_org_name(name, str(source.place(("org", name))))
    around = Surroundings(folder, environment)
    table = parsed.fleet

    def path_at(key: str, text: str) -> Path:
        return folder / path_of(text, source.place(("fleet", key)))

    return Fleet(
        path=file,
        database=resolve_secret(table.database, source.place(("fleet", "database")), _DATABASE, around),
        orgs=path_at("orgs", table.orgs),
        caches=table.caches if "://" in table.caches else str(path_at("caches", table.caches)),
        work=path_at("work", table.work),
        secrets=None if table.secrets is None else path_at("secrets", table.secrets),
        worker=WorkerSettings(**parsed.worker.model_dump()),
        spread_seconds=60 * parsed.schedule.spread_minutes,
        app_limits=MappingProxyType(parsed.apps),
        options=MappingProxyType({name: OrgOptions(one.priority, one.app) for name, one in parsed.org.items()}),
        own_variables=frozenset(_named_by(table.database)),
    )


def _named_by(reference: Any) -> Iterator[str]:
    if isinstance(reference, Mapping) and isinstance(reference.get("env"), str):
        yield reference["env"]


def check_org_name(name: str, place: str) -> None:
    """Raises ConfigError where the name could not stand in a path, a lock and an address."""
    if not ORG_NAME.fullmatch(name):
        raise ConfigError(
            f"{place}: {name!r} is no name of an org.",
            fix="Use small letters, digits, dots, dashes and underscores, at most 63, a letter or digit first.",
        )


def _check_patience(worker: WorkerTable, source: TomlSource) -> None:
    """Procrastinate's heartbeats end when a worker begins to stop, and jobs go on: a shorter threshold takes them for dead."""
    least = worker.graceful_stop_seconds + MARGIN_SECONDS
    if worker.stalled_seconds < least:
        raise ConfigError(
            f"{source.place(('worker', 'stalled_seconds'))}: a worker that stops gently may take "
            f"{worker.graceful_stop_seconds:g} s, and would be taken for dead after {worker.stalled_seconds:g} s.",
            fix=f"Set stalled_seconds to {least:g} or more, or graceful_stop_seconds lower.",
        )

"""What most commands begin with: the configuration, the cache, a signed-in connection, the lock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kamsync.cli.console import err, pulling, say
from kamsync.config import Config, load_config
from kamsync.contract import Connection, Context, DoctorRequest
from kamsync.errors import ConfigError
from kamsync.files import exists
from kamsync.printable import one_line
from kamsync.run.moments import today
from kamsync.run.requests import pull_requests
from kamsync.store.database import Cache, open_cache

if TYPE_CHECKING:
    from kamsync.run.shell import Shell


@dataclass(frozen=True)
class Session:
    """One command's view of the world."""

    path: Path
    config: Config

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Signs in; signs out at the end."""
        config = self.config
        context = Context(
            mapping=config.mapping,
            timezone=ZoneInfo(config.program.timezone),
            tiers=config.tier_choices,
            program_name=config.program.name,
            language=config.program.language,
            api_budget_share=config.program.guards.api_budget_share,
            log=_log,
        )
        connection = config.connector.connect(config.settings, context)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def cache(self, *, must_exist: bool = False) -> Iterator[Cache]:
        if must_exist and not exists(self.config.cache_path, "cache"):
            raise ConfigError(f"There is no cache {self.config.cache_path} yet.", fix="Fill it: kamsync pull")
        with open_cache(self.config.cache_path) as cache:
            yield cache

    @contextmanager
    def shell(self, *, stopping: Callable[[], bool] = lambda: False) -> Iterator[Shell]:
        """Everything that a run needs, with the lock held and progress shown."""
        from kamsync.run.shell import Shell, run_lock  # most commands only read

        with run_lock(self.config.cache_path), self.cache() as cache, self.connection() as connection, pulling() as progress:
            yield Shell(connection, cache, self.config, progress=progress, stopping=stopping)

    def doctor_request(self) -> DoctorRequest:
        return DoctorRequest(pull_requests(self.config, today(self.config, datetime.now(UTC))))


def open_session(path: Path) -> Session:
    """Loads the configuration and says what an admin should know of it once."""
    session = Session(path, load_config(path))
    for notice in session.config.notices:
        if err.is_terminal:
            say(notice, "dim")
    return session


def _log(event: str, **fields: object) -> None:
    """A connector's events: a line on stderr."""
    details = " ".join(f"{name}={one_line(str(value))}" for name, value in fields.items())
    say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {event} {details}".rstrip(), "dim")

"""What most commands begin with: the configuration, the cache, a signed-in connection, the lock."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from kamsync.cli.console import err, pulling, say
from kamsync.config import Config, load_config
from kamsync.contract import Connection, Context, DoctorRequest
from kamsync.errors import CacheUnusable, ConfigError
from kamsync.files import exists, read_text, write_private
from kamsync.printable import one_line
from kamsync.run.moments import today
from kamsync.run.requests import pull_requests
from kamsync.store.database import Cache, open_cache, without_waiting
from kamsync.store.schema import Meta

if TYPE_CHECKING:
    from kamsync.run.shell import Shell
    from kamsync.run.stop_signal import Stopping
    from kamsync.store.evaluate import Evaluation
    from kamsync.store.runs import RunKind


TOLD_ENDING = ".told"
BESIDE_THE_CACHE = ("-wal", "-shm", "-journal", ".lock", ".schedule", ".schedule.lock", TOLD_ENDING)


@dataclass(frozen=True)
class Session:
    """One command's view of the world."""

    path: Path
    config: Config
    talks: bool = True  # progress and connectors' events are said; else they are only logged, as `kamsync run` does

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Signs in; signs out at the end."""
        config = self.config
        context = Context(
            mapping=config.mapping,
            timezone=ZoneInfo(config.program.timezone),
            tiers=config.tier_choices,
            language=config.program.language,
            api_budget_share=config.program.guards.api_budget_share,
            log=self._log,
        )
        connection = config.connector.connect(config.settings, context)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def cache(self, *, must_exist: bool = False) -> Iterator[Cache]:
        """The open cache. Raises ConfigError where it must exist and does not, and CacheUnusable."""
        if must_exist and not exists(self.config.cache_path, "cache"):
            raise ConfigError(f"There is no cache {self.config.cache_path} yet.", fix="Fill it: kamsync pull")
        with open_cache(self.config.cache_path) as cache:
            yield cache

    @contextmanager
    def evaluated(self, as_of: date | None = None) -> Iterator[Evaluation]:
        """The programme's decisions over the cache as it is."""
        from kamsync.store.evaluate import Evaluation

        with self.cache(must_exist=True):
            pass  # brings an older cache to this version's schema before it is read
        day = as_of or today(self.config, datetime.now(UTC))
        with Evaluation(self.config.cache_path, self.config.compiled, day) as evaluation:
            yield evaluation

    @contextmanager
    def shell(self, kind: RunKind | None = None, *, stopping: Stopping | None = None) -> Iterator[Shell]:
        """Everything that a run needs, with the lock held and progress shown.

        With a `kind`, the run is recorded from its first moment, so that one which cannot even sign in leaves a trace; SIGTERM
        lets it finish the page or batch in hand, as `stopping` does where the caller has signals of its own.
        """
        from kamsync.run.lock import run_lock  # most commands only read
        from kamsync.run.shell import Shell, recorded
        from kamsync.run.stop_signal import Stopping, stopping_on

        with run_lock(self.config.cache_path), self.cache() as cache, ExitStack() as stack:
            if self.talks:
                self._keep_log()
            if stopping is None:
                stopping = stack.enter_context(stopping_on(Stopping())) if kind else Stopping()
            run_id = stack.enter_context(recorded(cache, self.config, kind)) if kind else ""
            self._tell_news(cache)
            connection = stack.enter_context(self.connection())
            progress = stack.enter_context(pulling()) if self.talks else _silent
            yield Shell(connection, cache, self.config, progress=progress, stopping=stopping, run_id=run_id)

    def _keep_log(self) -> None:
        """A person looks on: standard error keeps to talk, and the log's own lines go to its file, where one is named."""
        if self.config.log.file is not None:
            from kamsync.log import configure_logs  # structlog takes long to load

            settings = self.config.log
            configure_logs(format=settings.format, level=settings.level, file=settings.file, stderr=False)

    def _log(self, event: str, **fields: object) -> None:
        """A connector's events."""
        from kamsync.log import log

        if self.talks and err.is_terminal:
            if "seconds" in fields:  # of all events, only one that makes a person wait is news to somebody who looks on
                why = one_line(str(fields.get("error") or fields.get("doing") or event))
                say(f"Waiting {fields['seconds']} s: {why}", "dim")
        elif self.talks:
            details = " ".join(f"{name}={one_line(str(value))}" for name, value in fields.items())
            say(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {event} {details}".rstrip(), "dim")
        log().info(event, **fields)

    def _tell_news(self, cache: Cache) -> None:
        """Says the configuration's notices when they have changed since they were last said; `doctor` says them always."""
        notices = self._notices
        told = cache.meta(Meta.NOTICES_TOLD)
        if told is None and self._were_told_before():
            told = notices
            cache.set_meta(Meta.NOTICES_TOLD, notices)
        if notices != (told or ""):
            for notice in self.config.notices:
                if self.talks:
                    say(notice, "dim")
                else:
                    self._log("notice", said=notice)
            cache.set_meta(Meta.NOTICES_TOLD, notices)

    def check_target(self, target: Path | None) -> None:
        """Refuses, with ConfigError, a file to write that this program lives by: a slip of the hand must not cost it."""
        if target is None:
            return
        path, cache = target.resolve(), self.config.cache_path.resolve()
        what = "configuration" if path == self.path.resolve() else "cache" if path == cache else ""
        if path.parent == cache.parent and path.name in {cache.name + ending for ending in BESIDE_THE_CACHE}:
            what = "file beside the cache"
        if what:
            raise ConfigError(f"{target} is the {what}: nothing else is written over it.", fix="Name another file.")

    def keep_notices_told(self) -> None:
        """What `doctor` has said is no news later. Where nothing can be kept, the next command says it once more."""
        with suppress(CacheUnusable, ConfigError):
            if self._notices and not exists(self.config.cache_path, "cache"):
                write_private(self._told_before, self._mark, "mark of what was told")  # doctor makes no cache
                return
            with self.cache(must_exist=True) as cache, without_waiting(cache):
                cache.set_meta(Meta.NOTICES_TOLD, self._notices)

    def _were_told_before(self) -> bool:
        """Whether these notices were told while there was no cache. Its mark is needed no more."""
        try:
            return read_text(self._told_before, "mark of what was told", limit_bytes=len(self._mark)) == self._mark
        except (FileNotFoundError, ConfigError):
            return False
        finally:
            with suppress(OSError):
                self._told_before.unlink(missing_ok=True)

    @property
    def _told_before(self) -> Path:
        path = self.config.cache_path
        return path.with_name(path.name + TOLD_ENDING)

    @property
    def _mark(self) -> str:
        return hashlib.sha256(self._notices.encode()).hexdigest()

    @property
    def _notices(self) -> str:
        return "\n".join(self.config.notices)

    def doctor_request(self) -> DoctorRequest:
        """What doctor verifies: what a pull would ask for today, and the people whom the configuration names."""
        from kamsync.decide.assignees import named_people  # most commands name nobody

        requests = pull_requests(self.config, today(self.config, datetime.now(UTC)))
        return DoctorRequest(requests, people=named_people(self.config.program), notes=self.config.program.plan_note)


@contextmanager
def ending_gently(shell: Shell) -> Iterator[None]:
    """Ctrl-C lets what is under way come to its end, so that it can be said what was written; a second one ends at once."""
    import signal

    from kamsync.run.stop_signal import stopping_on  # most commands only read

    def told() -> None:
        say("Stopping as soon as nothing is half done; Ctrl-C again ends at once.", "yellow")

    with stopping_on(shell.stopping, (signal.SIGINT,), told):
        yield


def open_session(path: Path) -> Session:
    """Loads the configuration; ConfigError where it is not sound."""
    return Session(path, load_config(path))


def _silent(stream: str, count: int, total: int | None) -> None:
    """Progress that nobody looks at."""

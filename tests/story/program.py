"""kamsync as the stories start it: one computer with its cache, and runs that end well, badly or not at all.

The one module here that knows `kamsync.run`. A run opens everything anew, as a process does, and a kill leaves what a SIGKILL
leaves: the CRM as the last call left it, the cache as the last commit left it.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from kamsync.config import Config
from kamsync.contract import Context
from kamsync.decide.guards import check_saved
from kamsync.decide.plan import AttachTask, Change, CloseTask, CreateTask, DeleteTask, Plan, UpdateAccount
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.run.apply import Applied
from kamsync.run.plan_file import load_plan, save_plan
from kamsync.run.planning import PlannedRun
from kamsync.run.shell import Shell, recorded
from kamsync.run.sync import carry_out, pull_and_plan
from kamsync.run.sync import sync as run_sync
from kamsync.run.undo import carry_out_undo, plan_undo
from kamsync.store.database import Cache, open_cache
from kamsync.store.journal import RunKind, list_runs
from kamsync.testing.memory import Killed, MemoryConnection, MemoryCrm
from tests.story.company import Rules, config_of

Ending = Literal["done", "partial", "refused", "failed", "killed"]
# One write as a plan announces it: ("field", account id, flag, value), ("create" | "close" | "delete", key).
Write = tuple[Any, ...]


@dataclass(frozen=True)
class Ran:
    """How a run ended, what its plan had announced, and the accounts whose tier the plan calls changed by hand."""

    ending: Ending
    run_id: str = ""
    planned: frozenset[Write] = frozenset()
    by_hand: frozenset[str] = frozenset()
    words: str = ""


@dataclass
class Mortal:
    """Kills the process at a commit of the cache: before or after the n-th from now, counted down."""

    commits: int | None = None
    after: bool = False

    def is_due(self) -> bool:
        if self.commits is None:
            return False
        self.commits -= 1
        return self.commits < 0


class MortalCache(Cache):
    """A cache whose commits may be the process's last act."""

    mortal: Mortal

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        fatal = self.mortal.is_due()
        with super().transaction() as connection:
            yield connection
            if fatal and not self.mortal.after:
                raise Killed("before a commit of the cache")
        if fatal:
            raise Killed("after a commit of the cache")


@dataclass
class Computer:
    """A machine on which kamsync is installed, with a cache of its own."""

    crm: MemoryCrm
    name: str = "first"
    mortal: Mortal = field(default_factory=Mortal)
    _seconds: int = 0

    def __post_init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kamsync-computer-"))
        self.delete_cache()

    def throw_away(self) -> None:
        shutil.rmtree(self._folder)

    @property
    def _cache_path(self) -> Path:
        return self._folder / "kamsync.db"

    def delete_cache(self) -> None:
        """The next run finds an empty one."""
        for path in self._folder.glob("kamsync.db*"):
            path.unlink()
        self._cache_path.write_bytes(_empty_cache())

    # --- runs ----------------------------------------------------------------------------------------------------------------

    def sync(self, rules: Rules, day: date) -> Ran:
        """The schedule's run."""
        seen: list[PlannedRun] = []

        def work(shell: Shell) -> Applied:
            planned, applied = run_sync(shell)
            seen.append(planned)
            return applied

        return self._run(rules, day, work, seen, "sync")

    def apply(self, rules: Rules, day: date, between: Callable[[Plan], None] = lambda plan: None) -> Ran:
        """A person's `apply`: looks at the plan, says yes. `between` is what others do while the person looks."""
        seen: list[PlannedRun] = []

        def work(shell: Shell) -> Applied:
            _, planned = pull_and_plan(shell, guarded=False, to_apply=True)
            seen.append(planned)
            between(planned.plan)
            return carry_out(shell, planned)

        return self._run(rules, day, work, seen, "apply")

    def save_plan(self, rules: Rules, day: date) -> Ran:
        """`plan --out`."""
        seen: list[PlannedRun] = []

        def work(shell: Shell) -> Applied:
            _, planned = pull_and_plan(shell, guarded=False)
            seen.append(planned)
            save_plan(planned.plan, self._folder / "plan.json")
            return Applied()

        return self._run(rules, day, work, seen)

    def apply_saved(self, rules: Rules, day: date) -> Ran:
        """`apply plan.json`."""
        seen: list[PlannedRun] = []
        saved = load_plan(self._folder / "plan.json")

        def work(shell: Shell) -> Applied:
            _, planned = pull_and_plan(shell, guarded=False, to_apply=True)
            check_saved(saved, planned.plan)
            seen.append(replace(planned, plan=saved))  # what the person had read is what may be written
            return carry_out(shell, planned, plan=saved)

        return self._run(rules, day, work, seen, "apply")

    def undo(self, rules: Rules, day: date, run_id: str) -> Ran:
        """`undo RUN --yes`."""
        planned: set[Write] = set()
        run_ids: list[str] = []

        def work(shell: Shell) -> Applied:
            undo = plan_undo(shell, run_id)
            run_ids.append(undo.planned.plan.run_id)
            planned.update(_writes(undo.planned.plan))
            return carry_out_undo(shell, undo)

        ran = self._run(rules, day, work, [], "undo")
        return Ran(ran.ending, run_ids[0] if run_ids else "", frozenset(planned), ran.by_hand, ran.words)

    def _run(
        self, rules: Rules, day: date, work: Callable[[Shell], Applied], seen: list[PlannedRun], kind: RunKind | None = None
    ) -> Ran:
        self._seconds += 1
        now = datetime.combine(day, time(6, tzinfo=UTC)) + timedelta(seconds=self._seconds)
        ending: Ending
        words = ""
        try:
            with self._shell(rules, now, kind) as shell:
                applied = work(shell)
            ending = "done" if applied.complete else "partial"
            words = str(applied.rejected or "")
        except Killed as killed:
            ending, words = "killed", str(killed)
        except PlanRefused as error:
            ending, words = "refused", error.message
        except KamsyncError as error:
            ending, words = "failed", error.message
        finally:
            self.mortal.commits = None
        plan = seen[0].plan if seen else None
        planned = frozenset(_writes(plan)) if plan else frozenset()
        return Ran(ending, plan.run_id if plan else "", planned, frozenset(_by_hand(seen)), words)

    @contextmanager
    def _shell(self, rules: Rules, now: datetime, kind: RunKind | None) -> Iterator[Shell]:
        config = config_of(rules)
        context = Context(config.mapping, ZoneInfo(config.program.timezone), config.tier_choices)
        with ExitStack() as stack:
            opened = stack.enter_context(open_cache(self._cache_path))
            cache = MortalCache(opened.path, opened.connection)
            cache.mortal = self.mortal
            run_id = stack.enter_context(_recorded(cache, config, kind, now)) if kind else ""
            yield Shell(MemoryConnection(self.crm, context), cache, config, clock=lambda: now, run_id=run_id)

    def last_run(self) -> str:
        """The id of the newest run, as `runs` lists it, "" where there is none."""
        with open_cache(self._cache_path) as opened:
            return next((run.run_id for run in list_runs(opened, 1)), "")

    def remembered_tiers(self) -> dict[str, str]:
        """What `history` says last, by account id."""
        with open_cache(self._cache_path) as opened:
            rows = opened.connection.execute("SELECT account_id, tier FROM history WHERE settled ORDER BY rowid").fetchall()
        return dict(rows)


def _writes(plan: Plan) -> Iterator[Write]:
    for change in plan.changes:
        yield from _writes_of(change)


def _writes_of(change: Change) -> Iterator[Write]:
    match change:
        case UpdateAccount():
            for flag, value in change.fields.items():
                yield ("field", change.account_id, flag, value.after)
        case CreateTask():
            yield ("create", change.key)
        case CloseTask():
            yield ("close", change.key)
        case AttachTask():
            yield ("attach", change.key)
        case DeleteTask():
            yield ("delete", change.key)


def _by_hand(seen: list[PlannedRun]) -> Iterator[str]:
    for planned in seen:
        for change in planned.plan.changes:
            if isinstance(change, UpdateAccount) and "override" in change.fields:
                yield change.account_id


@contextmanager
def _recorded(cache: Cache, config: Config, kind: RunKind, now: datetime) -> Iterator[str]:
    """As the command line records a run; a kill leaves it as it stands, since a dead process writes nothing."""
    context = recorded(cache, config, kind, lambda: now)
    run_id = context.__enter__()
    try:
        yield run_id
    except Killed:
        raise
    except BaseException as error:
        context.__exit__(type(error), error, error.__traceback__)
        raise
    else:
        context.__exit__(None, None, None)


@cache
def _empty_cache() -> bytes:
    """The file that opening a missing one makes; made once, since making it takes forty times as long as a run's opening."""
    folder = Path(tempfile.mkdtemp(prefix="kamsync-empty-"))
    try:
        with open_cache(folder / "kamsync.db"):
            pass
        return (folder / "kamsync.db").read_bytes()
    finally:
        shutil.rmtree(folder)

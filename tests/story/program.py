"""kamsync as the stories start it: one computer with its cache, and runs that end well, badly or not at all.

The one module here that knows `kamsync.run`. A run opens everything anew, as a process does, and a kill leaves what a SIGKILL
leaves: the CRM as the last call left it, the cache as the last commit left it.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from kamsync.contract import Context, DoctorRequest
from kamsync.decide.assignees import named_people
from kamsync.decide.guards import check_saved
from kamsync.decide.plan import AttachTask, CloseTask, CreateTask, DeleteTask, Plan, UpdateAccount
from kamsync.errors import KamsyncError, PlanRefused
from kamsync.run.apply import Applied
from kamsync.run.lease import LEASE_SECONDS
from kamsync.run.plan_file import load_plan, save_plan
from kamsync.run.requests import pull_requests
from kamsync.run.shell import Shell, recorded
from kamsync.run.sync import carry_out, pull_and_plan
from kamsync.run.sync import sync as run_sync
from kamsync.run.undo import carry_out_undo, plan_undo
from kamsync.store.database import Cache, open_cache
from kamsync.store.history import history_of
from kamsync.store.runs import RunKind
from kamsync.testing.memory import Killed, MemoryConnection, MemoryCrm
from tests.caches import put_new_cache
from tests.story.company import Rules, config_of

LEASE = timedelta(seconds=LEASE_SECONDS)
Ending = Literal["done", "partial", "refused", "failed", "killed"]
# One write as a plan announces it: ("field", account id, flag, value), ("create" | "close" | "attach" | "delete", key).
Write = tuple[Any, ...]


@dataclass(frozen=True)
class Ran:
    """How a run ended, what its plan had announced (None: it ended before that is known), and the accounts whose tier the plan
    calls changed by hand."""

    ending: Ending
    run_id: str = ""
    planned: frozenset[Write] | None = None
    by_hand: frozenset[str] = frozenset()
    words: str = ""


@dataclass
class Mortal:
    """Kills the process at a commit of the cache: before or after the n-th from now. A dead process commits nothing more."""

    commits: int | None = None
    after: bool = False
    dead: bool = False

    def is_due(self) -> bool:
        """Counts a commit down."""
        if self.dead:
            raise Killed("a dead process writes nothing")
        if self.commits is None:
            return False
        self.commits -= 1
        return self.commits < 0

    def die(self, words: str) -> None:
        self.dead = True
        raise Killed(words)


class MortalCache(Cache):
    """A cache whose commits may be the process's last act."""

    mortal: Mortal

    @contextmanager
    def transaction(self) -> Iterator[Any]:
        fatal = self.mortal.is_due()
        with super().transaction() as connection:
            yield connection
            if fatal and not self.mortal.after:
                self.mortal.die("before a commit of the cache")
        if fatal:
            self.mortal.die("after a commit of the cache")


@dataclass
class Computer:
    """A machine on which kamsync is installed, with a cache of its own."""

    crm: MemoryCrm
    name: str = "first"
    mortal: Mortal = field(default_factory=Mortal)
    last_run: str = ""  # the id of the newest run that its cache has recorded
    _seconds: int = 0

    def __post_init__(self) -> None:
        in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # closing a cache waits for its disk
        self._folder = Path(tempfile.mkdtemp(prefix="kamsync-computer-", dir=in_memory))
        self.delete_cache()

    def __deepcopy__(self, memo: dict[int, Any]) -> Computer:
        """Another machine with the same cache, for the copy of the CRM."""
        other = Computer(copy.deepcopy(self.crm, memo), self.name, copy.deepcopy(self.mortal, memo), _seconds=self._seconds)
        other.last_run = self.last_run  # and not that of the empty cache that it was made with
        shutil.copytree(self._folder, other._folder, dirs_exist_ok=True)
        return other

    def throw_away(self) -> None:
        shutil.rmtree(self._folder)

    @property
    def _cache_path(self) -> Path:
        return self._folder / "kamsync.db"

    def delete_cache(self) -> None:
        """The next run finds an empty one."""
        for path in self._folder.glob("kamsync.db*"):
            path.unlink()
        self.last_run = ""
        put_new_cache(self._cache_path)

    # --- runs ----------------------------------------------------------------------------------------------------------------

    def sync(self, rules: Rules, day: date) -> Ran:
        """The schedule's run."""

        def work(shell: Shell, seen: list[Plan]) -> Applied:
            planned, applied = run_sync(shell)
            seen.append(planned.plan)
            return applied

        return self._run("sync", rules, day, work)

    def apply(self, rules: Rules, day: date, between: Callable[[Plan], None] = lambda plan: None) -> Ran:
        """A person's `apply`: looks at the plan, says yes. `between` is what others do while the person looks."""

        def work(shell: Shell, seen: list[Plan]) -> Applied:
            _, planned = pull_and_plan(shell, guarded=False, to_apply=True)
            seen.append(planned.plan)
            between(planned.plan)
            return carry_out(shell, planned)

        return self._run("apply", rules, day, work)

    def save_plan(self, rules: Rules, day: date) -> Ran:
        """`plan --out`."""

        def work(shell: Shell, seen: list[Plan]) -> Applied:
            _, planned = pull_and_plan(replace(shell, run_id=""), guarded=False)
            seen.append(planned.plan)
            save_plan(planned.plan, self._folder / "plan.json")
            return Applied()

        return self._run(None, rules, day, work)

    def ask_the_doctor(self, rules: Rules) -> list[str]:
        """`doctor`: what it finds failing."""
        config = config_of(rules)
        context = Context(config.mapping, ZoneInfo(config.program.timezone), config.tier_choices)
        request = DoctorRequest(pull_requests(config, date(2026, 11, 23)), people=named_people(config.program))
        return [one.message for one in MemoryConnection(self.crm, context).diagnose(request) if one.status == "failed"]

    def apply_saved(self, rules: Rules, day: date) -> Ran:
        """`apply plan.json`: what the person had read is what may be written."""

        def work(shell: Shell, seen: list[Plan]) -> Applied:
            saved = load_plan(self._folder / "plan.json")
            _, planned = pull_and_plan(shell, guarded=False, to_apply=True)
            check_saved(saved, planned.plan)
            seen.append(saved)
            return carry_out(shell, planned, plan=saved)

        return self._run("apply", rules, day, work)

    def undo(self, rules: Rules, day: date, run_id: str) -> Ran:
        """`undo RUN --yes`."""

        def work(shell: Shell, seen: list[Plan]) -> Applied:
            undo = plan_undo(shell, run_id)
            seen.append(undo.planned.plan)
            return carry_out_undo(shell, undo)

        ran = self._run("undo", rules, day, work)
        return replace(ran, by_hand=frozenset())  # an override that goes back is no adoption

    def _run(self, kind: RunKind | None, rules: Rules, day: date, work: Callable[[Shell, list[Plan]], Applied]) -> Ran:
        self._seconds += 1
        now = datetime.combine(day, time(6, tzinfo=UTC)) + timedelta(seconds=self._seconds)
        seen: list[Plan] = []
        ending: Ending
        words = ""
        try:
            with self._shell(kind, rules, now) as shell:
                applied = self._alive(work, shell, seen)
            ending = "done" if applied.complete else "partial"
            words = str(applied.rejected or "")
        except Killed as killed:
            ending, words = "killed", str(killed)
        except PlanRefused as error:
            ending, words = "refused", error.message
        except KamsyncError as error:
            ending, words = "failed", error.message
        finally:
            self.mortal.commits, self.mortal.dead = None, False
        planned = frozenset(write for plan in seen for write in _writes(plan)) if seen else None
        by_hand = frozenset(account_id for plan in seen for account_id in _by_hand(plan))
        return Ran(ending, seen[0].run_id if seen else "", planned, by_hand, words)

    def _alive(self, work: Callable[[Shell, list[Plan]], Applied], shell: Shell, seen: list[Plan]) -> Applied:
        """A process that was killed in the CRM's hands writes nothing to its cache on its way out."""
        try:
            return work(shell, seen)
        except Killed:
            self.mortal.dead = True
            raise

    @contextmanager
    def _shell(self, kind: RunKind | None, rules: Rules, now: datetime) -> Iterator[Shell]:
        """As the commands open it (kamsync.cli.session): the run is recorded from its first moment."""
        config = config_of(rules)
        context = Context(config.mapping, ZoneInfo(config.program.timezone), config.tier_choices)
        with ExitStack() as stack:
            opened = stack.enter_context(open_cache(self._cache_path))
            cache = MortalCache(opened.path, opened.connection)
            cache.mortal = self.mortal
            run_id = stack.enter_context(recorded(cache, config, kind, lambda: now)) if kind else ""
            self.last_run = run_id or self.last_run
            yield Shell(MemoryConnection(self.crm, context), cache, config, clock=lambda: now, run_id=run_id)

    def remembered_tiers(self, account_ids: Iterable[str]) -> dict[str, str]:
        """What `history` says last, by account id; accounts without a history are left out."""
        with open_cache(self._cache_path) as opened:
            found = {one: history_of(opened, one, 1) for one in account_ids}
        return {one: remembered[0].tier for one, remembered in found.items() if remembered and remembered[0].account_id == one}


def _writes(plan: Plan) -> Iterator[Write]:
    for change in plan.changes:
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


def _by_hand(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        if isinstance(change, UpdateAccount) and "override" in change.fields:
            yield change.account_id

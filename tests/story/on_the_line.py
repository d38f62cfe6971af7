"""A company over HTTP: real processes, a connector's own sandbox, people, bad weather and kills; a seed is one story.

What stands in the way of the stories in memory is not here: a record has no author, and the day is today. So the naive model is
asked after each good run, and at rest that nothing is lost, twice, loose or called by the wrong name.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.config.mapping import load_mapping
from kamsync.contract import Context, PullRequest
from kamsync.model import STREAMS, Stream
from kamsync.plugins import load_connector
from kamsync.sandbox.company import Company
from kamsync.testing.harness import People, is_true
from tests.accidents.kill_stories import KILLED, WRITES
from tests.accidents.programme import SIZE
from tests.accidents.weather import TRACEBACK, weather_of
from tests.accidents.world import Death, Ended, World
from tests.story.company import Rules
from tests.story.model import NONE, Fields, valid_override, wanted
from tests.story.story import BY_A_PERSON, Broken, Key

ACCOUNTS, OPPORTUNITIES = 14, 40
LEAST_ACCOUNTS = 8
STEPS = 14
MOST_RUNS_TO_REST = 4
TIERS = (("A", 75, 75), ("B", 50, 50), ("C", 25, 25))
PROGRAMMES = tuple(Rules(f"{full} employees score 100", TIERS, full_score=full) for full in (300, 1_200))
REFUSED = 3
ONBOARDING = ("greet", "map", "plan", "meet")


@dataclass(frozen=True)
class Past:
    """A good run that may be taken back: what the accounts showed before."""

    run_id: str
    flags: Mapping[str, Mapping[str, str]]


class LineStory:
    """One story in a world that has no cache yet. `told` are the steps so far, for whoever reads what went wrong."""

    def __init__(self, world: World, people: People, seed: int) -> None:
        self.world, self.people = world, people
        self.told: list[str] = []
        self._dice = random.Random(f"{world.kind}-{seed}")
        self._rules = PROGRAMMES[0]
        self._past: Past | None = None
        self._edited: set[str] = set()  # accounts that people touched since the last good run
        self._waits = [False, False]  # for a person, after an undo; by machine
        self._machine = 0
        self._other: dict[str, bytes] = {}  # the other machine's cache
        self._lives_as: dict[str, str] = {}

    def play(self) -> None:
        """Raises Broken where a promise does not hold."""
        self._configure(self._rules)
        self._apply()
        acts: Sequence[Callable[[], None]] = (
            *[self._edit_tier, self._edit_override, self._sync, self._sync_in_bad_weather, self._sync_killed] * 2,
            *(self._complete_task, self._delete_task, self._merge, self._delete_account),
            *(self._apply_saved, self._undo, self._delete_cache, self._other_machine, self._other_criteria),
        )
        for _ in range(STEPS):
            self._dice.choice(acts)()
        self._settle()

    def _tell(self, step: str) -> None:
        self.told.append(step)

    def _check(self, name: str, holds: bool, message: str) -> None:
        if not holds:
            raise Broken(f"[{name}] {message}\n  " + "\n  ".join(self.told))

    # --- people --------------------------------------------------------------------------------------------------------------

    def _edit_tier(self) -> None:
        account, tier = self._some_account(), self._dice.choice(["A", "B", "C", ""])
        self._tell(f"{account}: somebody sets the tier to {tier or NONE}")
        self.world.server.crm.view.set_flag(account, "tier", tier)
        self._edited.add(account)

    def _edit_override(self) -> None:
        account, choice = self._some_account(), self._dice.choice(["A", "B", "C", NONE, ""])
        until = self._dice.choice(["", self._day_after(0), self._day_after(30)]) if choice else ""
        self._tell(f"{account}: somebody sets the override to {choice!r} until {until or 'for ever'}")
        self.world.server.crm.view.set_flag(account, "override", choice)
        self.world.server.crm.view.set_flag(account, "override_until", until)
        self._edited.add(account)

    def _complete_task(self) -> None:
        if task := self._some_task():
            self._tell(f"somebody completes task {task}")
            self.world.server.crm.view.complete_task(task)

    def _delete_task(self) -> None:
        if task := self._some_task():
            self._tell(f"somebody deletes task {task}")
            self.people.delete_task(task)

    def _merge(self) -> None:
        """Of accounts without a choice of people's: whose would count is told by the stories in memory."""
        plain = [one for one, fields in self._fields().items() if not fields.override and fields.tier == _name(fields.decided)]
        known = [one for one in plain if self._employees(one) is not None]
        if len(self._fields()) <= LEAST_ACCOUNTS or len(known) < 2:
            return
        winner, loser = self._dice.sample(known, 2)
        survivor = self.people.merge_accounts(winner, loser)
        self._tell(f"{loser} is merged into {winner}, now {survivor}")
        self._lives_as |= {one: survivor for one in (winner, loser) if one != survivor}
        self._edited |= {winner, loser, survivor}

    def _delete_account(self) -> None:
        if len(self._fields()) > LEAST_ACCOUNTS:
            account = self._some_account()
            self._tell(f"{account} is deleted")
            self.people.delete_account(account)

    # --- the program ---------------------------------------------------------------------------------------------------------

    def _sync(self) -> None:
        if self._waits[self._machine]:
            ended = self._run("sync", "--json")
            self._check("waits", ended.code == REFUSED, f"sync after an undo ended {ended.code}")
            return
        self._good_run("sync", "--json")

    def _apply(self) -> None:
        self._waits[self._machine] = False
        self._good_run("apply", "--yes", "--json")

    def _apply_saved(self) -> None:
        self.world.wait_for_index()
        self.world.good("plan", "--out", "plan.json")
        if self._dice.random() < 0.5:
            self._waits[self._machine] = False
            self._good_run("apply", "plan.json", "--yes", "--json")
            return
        before = self._flags()
        self._edit_override()
        moved = before != self._flags()
        self.world.wait_for_index()
        ended = self._run("apply", "plan.json", "--yes")
        # An override that comes to what is there anyway changes no plan.
        self._check("ends well", ended.code == 0 or (moved and ended.code == REFUSED), f"apply ended {ended.code}: {ended.err}")
        if ended.code == 0:
            self._waits[self._machine] = False
        self._past = None

    def _sync_in_bad_weather(self) -> None:
        for fault in weather_of(self._dice.randrange(10**6), self.world.kind).faults[:2]:
            self.world.server.faults.add(**fault)
        self._run("sync")
        self._past = None

    def _sync_killed(self) -> None:
        at, most = self._dice.choice([("call", 26), ("commit", 18)])
        death = Death(at, self._dice.randrange(most), after=self._dice.random() < 0.5)
        self._run("sync", death=death)
        self._past = None

    def _undo(self) -> None:
        past, self._past = self._past, None
        if past is None:
            return
        self.world.wait_for_index()
        ended = self._run("undo", past.run_id, "--yes")
        self._check("ends well", ended.code in (0, REFUSED), f"undo ended {ended.code}: {ended.out} {ended.err}")
        if ended.code:
            self._check("undo", "othing" in ended.err + ended.out, f"undo was refused: {ended.err}")
            return
        now = self._flags()
        for account, flags in past.flags.items():
            if account in now and account not in self._edited:
                wrong = {flag: (flags[flag], now[account][flag]) for flag in flags if flags[flag] != now[account][flag]}
                self._check("undo restores", not wrong, f"{account} (before, now): {wrong}")
        self._waits[self._machine] = True

    def _delete_cache(self) -> None:
        self._tell("the cache is deleted")
        self._take_cache()
        self._past, self._waits[self._machine] = None, False

    def _other_machine(self) -> None:
        self._tell("somebody works on the other machine")
        self._other, there = self._take_cache(), self._other
        for name, content in there.items():
            (self.world.folder / name).write_bytes(content)
        self._machine, self._past = 1 - self._machine, None

    def _other_criteria(self) -> None:
        self._configure(self._dice.choice(PROGRAMMES))

    def _settle(self) -> None:
        """Good runs until nothing is left to write; then everything that was wanted is there."""
        for _ in range(MOST_RUNS_TO_REST):
            counts = self._good_run(*(("apply", "--yes") if self._waits[self._machine] else ("sync",)), "--json")
            self._waits[self._machine] = False
            if not any(counts.get(name) for name in WRITES):
                break
        else:
            self._check("comes to rest", False, f"the program still writes after {MOST_RUNS_TO_REST} runs")
        self._check_at_rest()

    # --- runs ----------------------------------------------------------------------------------------------------------------

    def _good_run(self, *command: str) -> Mapping[str, Any]:
        """A run in good weather, after which each account is as the naive model has it; its counts."""
        self.world.wait_for_index()
        before, flags = self._fields(), self._flags()
        ended = self._run(*command)
        self._check("ends well", ended.code == 0, f"a good run ended {ended.code}: {ended.out} {ended.err}")
        self._edited.clear()
        now = self._fields()
        for account, fields in before.items():
            must, shown = wanted(fields, self._rules, _today()), now[account]
            got = (shown.tier, shown.override, shown.override_until)
            self._check(
                "the tier", got == (must.tier, must.override, must.override_until), f"{account} {fields}: {got}, not {must}"
            )
            if must.tier:
                self._check("since", shown.since == must.since, f"{account} {fields}: since {shown.since}, not {must.since}")
                self._check("decided", shown.decided == must.tier, f"{account}: decided_tier is {shown.decided!r}")
        counts: Mapping[str, Any] = json.loads(ended.out)
        self._past = Past(counts["run_id"], flags) if any(counts[name] for name in WRITES) else self._past
        return counts

    def _run(self, *command: str, death: Death | None = None) -> Ended:
        ended = self.world.run(*command, death=death)
        self.world.server.faults.clear()
        self._tell(f"kamsync {' '.join(command)}{f', killed {death}' if ended.code == KILLED else ''}: {ended.code}")
        bug = TRACEBACK in ended.err or "bug" in ended.err
        self._check("no bug", not bug, ended.err)
        keys = Counter(row["key"] for row in self._tasks() if row["key"])
        twice = [key for key, count in keys.items() if count > 1]
        self._check("no key twice", not twice, f"{twice}")
        return ended

    def _configure(self, rules: Rules) -> None:
        if rules is not self._rules:
            self._waits = [False, False]  # a change of the criteria lets the schedule go on
        self._rules = rules
        self._tell(rules.name)
        self.world.configure(SIZE, scale=f"linear = [0, {rules.full_score}]")

    def _take_cache(self) -> dict[str, bytes]:
        found = {}
        for path in sorted(self.world.folder.glob("kamsync.db*")):
            found[path.name] = path.read_bytes()
            path.unlink()
        return found

    # --- at rest -------------------------------------------------------------------------------------------------------------

    def _check_at_rest(self) -> None:
        tasks = self._tasks()
        keys = [Key.of(row["key"]) for row in tasks if row["key"]]
        there = {(key.playbook, key.task, self._living(key.account_id)) for key in keys}
        fields = self._fields()
        for account, shown in fields.items():
            for playbook, task in _wanted_tasks(shown.tier):
                self._check("no task is lost", (playbook, task, account) in there, f"{account} lacks {playbook}:{task}")
            if shown.decided not in ("", NONE):
                says, theirs = self._flags()[account]["reasons"], valid_override(shown, self._rules, _today())
                self._check("the reasons", says.startswith(BY_A_PERSON) == theirs, f"{account} {shown}: {says!r}")
        for row in tasks:
            alive = row["key"] and self._living(Key.of(row["key"]).account_id) in fields
            if alive and is_true(row["is_open"]) and not is_true(row["is_deleted"]):
                whole = all(row[name] for name in ("account_id", "owner_id", "subject", "due"))
                self._check("tasks are whole", whole, f"{row}")

    # --- looking -------------------------------------------------------------------------------------------------------------

    def _flags(self) -> dict[str, dict[str, str]]:
        return {one.id: dict(one.flags) for one in self.world.server.crm.view.accounts(limit=10_000)}

    def _fields(self) -> dict[str, Fields]:
        return {
            account: Fields(
                potential=self._employees(account) or 0,
                tier=flags["tier"],
                decided=flags["decided_tier"],
                since=_date(flags["since"]),
                override=flags["override"],
                override_until=_date(flags["override_until"]),
            )
            for account, flags in self._flags().items()
        }

    def _employees(self, account: str) -> int | None:
        shown = self.world.server.crm.view.account(account)
        assert shown is not None
        return _employees_by_name()[shown.name]

    def _tasks(self) -> list[dict[str, Any]]:
        """Every task of this program that the CRM has, deleted ones included, read by the connector as it reads all."""
        self.world.open_gate()
        self.world.wait_for_index()
        mapping = load_mapping(self.world.kind, crm=self.world.kind, folder=self.world.folder)
        columns = mapping.asked(Stream.TASKS)
        since = None if STREAMS[Stream.TASKS].months is None else _today() - timedelta(days=400)
        connection = load_connector(self.world.kind).connect(self.world.settings(), Context(mapping, ZoneInfo("UTC"), ()))
        try:
            pages = connection.pull([PullRequest(Stream.TASKS, columns, None, since)])
            return [dict(zip([c.name for c in columns], row, strict=True)) for page in pages for row in page.rows]
        finally:
            connection.close()

    def _living(self, account: str) -> str:
        while account in self._lives_as:
            account = self._lives_as[account]
        return account

    def _some_account(self) -> str:
        return self._dice.choice(sorted(self._flags()))

    def _some_task(self) -> str:
        view = self.world.server.crm.view
        tasks = sorted(task.id for account in self._flags() for task in view.tasks(account) if task.by_kamsync and task.is_open)
        return self._dice.choice(tasks) if tasks else ""

    @staticmethod
    def _day_after(days: int) -> str:
        return (_today() + timedelta(days=days)).isoformat()


def _wanted_tasks(tier: str) -> Iterator[tuple[str, str]]:
    if tier in ("A", "B"):
        yield from (("onboarding", task) for task in ONBOARDING)
    if tier == "A":
        yield "care", "visit"


def _name(decided: str) -> str:
    return "" if decided == NONE else decided


def _date(text: str) -> date | None:
    return date.fromisoformat(text[:10]) if text else None


def _today() -> date:
    return datetime.now(UTC).date()


@cache
def _employees_by_name() -> Mapping[str, int | None]:
    company = Company(accounts=ACCOUNTS, opportunities=OPPORTUNITIES, today=_today())
    return {account.name: account.employees for account in company.accounts()}

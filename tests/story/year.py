"""A year of a company under every shipped playbook: what people and the world do, one run a day, and what must hold of its tasks.

Plain methods; `tests.story.test_year` plays them at random. What must hold stands in `tests.story.watch`.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from kamsync.config import Config, load_config
from kamsync.contract import Context
from kamsync.model import Kind, Stream
from kamsync.run.apply import Applied
from kamsync.run.shell import Shell, recorded
from kamsync.run.sync import sync
from kamsync.store.database import open_cache
from kamsync.testing.memory import (
    CONNECTOR,
    SALESFORCE_LIKE,
    TASK_KEY,
    Behaviour,
    MemoryConnection,
    MemoryCrm,
    Record,
    mapping_text,
    write_entry_point,
)
from tests.story.story import Key
from tests.story.watch import DAILY, LIMIT, ShownTask, Watch

FIRST_DAY = date(2026, 1, 5)  # a Monday
FIELDS: dict[str, Kind] = {
    "potential": "number",
    "nps": "number",
    "next_renewal_date": "date",
    "authority_evidence_date": "date",
    "executive_sponsor_id": "text",
}
COUNTRIES = ("BR", "US", "ES", "SA")  # in Saudi Arabia the weekend is Friday and Saturday
TOKEN = "a-token-that-opens-the-memory"
Language = Literal["en", "pt_BR", "es"]
PROGRAM = """
[program]
currency = "EUR"
language = "{language}"
timezone = "UTC"
contacts = "always"
playbooks = "all"
fallback_owner = "eva@example.com"
max_new_tasks_per_owner_per_run = {limit}
[plans]
max_due_per_owner_per_day = {daily}
[crm]
kind = "memory"
mapping = "memory.toml"
[crm.memory]
org = "any"
token = {{ env = "MEMORY_TOKEN" }}
[guard]
max_changed_share = 1.0
max_vanished_share = 1.0
first_run = "go"
[[tiers]]
name = "Gold"
enter = 70
leave = 60
[[tiers]]
name = "Silver"
enter = 40
leave = 30
[[criteria]]
name = "potential"
axis = "attractiveness"
goal = "market"
weight = 2
value = "potential"
scale = {{ linear = [0, 100] }}
[[criteria]]
name = "placed"
axis = "strength"
goal = "retention"
weight = 1
value = "potential"
scale = {{ linear = [0, 100] }}
[[criteria]]
name = "mood"
axis = "health"
goal = "retention"
weight = 1
value = "nps"
scale = {{ linear = [0, 10] }}
"""


@cache
def config_in(language: Language) -> Config:
    """The programme, as the program reads it from its file."""
    folder = Path(tempfile.mkdtemp(prefix="kamsync-year-"))
    try:
        (folder / "memory.toml").write_text(mapping_text(FIELDS), encoding="utf-8")
        text = PROGRAM.format(language=language, limit=LIMIT, daily=DAILY)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        write_entry_point(folder / "site")
        sys.path.append(str(folder / "site"))
        return load_config(folder / "config.toml", environment={"MEMORY_TOKEN": TOKEN})
    finally:
        sys.path.remove(str(folder / "site"))
        shutil.rmtree(folder)


class Year:
    """One company from the first Monday of a year on. `language`: of its programme."""

    def __init__(self, behaviour: Behaviour = SALESFORCE_LIKE, *, number: int = 0, language: Language = "en") -> None:
        self.crm = CONNECTOR.serve(MemoryCrm(f"year-{number}", fields=FIELDS, behaviour=behaviour, token=TOKEN))
        self.config = config_in(language)
        self.day = FIRST_DAY
        in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # closing a cache waits for its disk
        self._folder = Path(tempfile.mkdtemp(prefix="kamsync-year-", dir=in_memory))
        self.watch = Watch()
        self._settle()

    def _settle(self) -> None:
        crm = self.crm
        self.eva = crm.add_owner("Eva", "eva@example.com")
        self.people = [crm.add_owner(name, f"{name.lower()}@example.com", manager_id=self.eva) for name in ("Ana", "Ben", "Cy")]
        for place, (name, potential) in enumerate(
            (("Acme", 90), ("Beta", 75), ("Core", 55), ("Dyne", 45), ("Echo", 20), ("Foxx", 85))
        ):
            account = crm.add_account(
                name,
                owner_id=self.people[place % len(self.people)],
                potential=potential,
                nps=9 - place,
                country=COUNTRIES[place % len(COUNTRIES)],
                currency="EUR",
                next_renewal_date=self.day + timedelta(days=30 * place + 20) if place % 2 else None,
                authority_evidence_date=self.day - timedelta(days=150) if place == 0 else None,
            )
            for months in (20, 9, 3):
                self._win(account, self.day - timedelta(days=30 * months + place), 10_000.0 * (place + 1))
            crm.add_activity(account, "meeting", self.day - timedelta(days=5 * place + 1))
            crm.add_contact(account, roles=("sponsor", "champion", "decision_maker")[place % 3])

    def end(self) -> None:
        """Throws the machine away."""
        shutil.rmtree(self._folder)

    # --- the world -----------------------------------------------------------------------------------------------------------

    def accounts(self) -> list[str]:
        """Ids of the living ones."""
        return [one.id for one in self.crm.accounts()]

    def tasks(self) -> list[Record]:
        """The program's open ones."""
        return [task for task in self.crm.tasks() if task.get(TASK_KEY) and task.get("is_open")]

    def _win(self, account: str, day: date, amount: float) -> None:
        deal = self.crm.add_opportunity(account, day, amount)
        self.crm.win(deal, day)
        self.crm.add_line_item(deal, ("Pumps", "Valves", "Seals")[day.day % 3])

    def win(self, account: str) -> None:
        """It buys today."""
        self._win(account, self.day, 25_000.0)

    def meet(self, account: str) -> None:
        """Somebody meets it today."""
        self.crm.add_activity(account, "meeting", self.day)

    def say(self, account: str, **fields: Any) -> None:
        """A field of the account changes."""
        self.crm.edit_account(account, **fields)

    def lose_champion(self, account: str) -> None:
        """Whoever it was has left."""
        for contact in self.crm.contacts(account):
            self.crm.edit_contact(contact.id, left_date=self.day)

    def owner_leaves(self, place: int) -> None:
        """Somebody is in the CRM no more; Eva, who stands in, stays. Two owners always do."""
        active = [one for one in self.people if self._owner(one).get("is_active")]
        if len(active) > 2:
            self.crm.set_active(active[place % len(active)], False)

    def owner_comes_back(self) -> None:
        """Whoever left."""
        for one in self.people:
            self.crm.set_active(one, True)

    def move(self, account: str, place: int) -> None:
        """The account gets an active owner."""
        active = [one for one in self.people if self._owner(one).get("is_active")]
        self.crm.edit_account(account, owner_id=active[place % len(active)])

    def merge(self, winner: str, loser: str) -> None:
        """Two accounts become one."""
        if winner != loser and len(self.accounts()) > 3:
            self.crm.merge_accounts(winner, loser)

    def _owner(self, owner_id: str) -> Record:
        return self.crm.records.tables[Stream.OWNERS][owner_id]

    # --- the program ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Today's run, and what must hold after it. Raises Broken."""
        now = datetime.combine(self.day, time(6), tzinfo=UTC)
        with self._shell(now) as shell:
            _, applied = sync(shell)
        self._check(applied)

    def days_pass(self, days: int) -> None:
        """A run on each."""
        for _ in range(days):
            self.day += timedelta(days=1)
            self.crm.let_pass(timedelta(days=1))
            self.run()

    @contextmanager
    def _shell(self, now: datetime) -> Iterator[Shell]:
        config = self.config
        context = Context(config.mapping, ZoneInfo(config.program.timezone), config.tier_choices)
        with ExitStack() as stack:
            opened = stack.enter_context(open_cache(self._folder / "kamsync.db"))
            run_id = stack.enter_context(recorded(opened, config, "sync", lambda: now))
            yield Shell(MemoryConnection(self.crm, context), opened, config, clock=lambda: now, run_id=run_id)

    # --- what must hold ------------------------------------------------------------------------------------------------------

    def _check(self, applied: Applied) -> None:
        every = [_shown(task) for task in self.crm.records.tables[Stream.TASKS].values() if task.get(TASK_KEY)]
        countries = {one.id: one.text("country") for one in self.crm.accounts()}
        active = {one.id for one in self.crm.records.living(Stream.OWNERS) if one.get("is_active")}
        touched = {one.record_id for one in self.crm.log if one.stream is Stream.TASKS and one.author == "people"}
        self.watch.hold(applied.complete, "complete", f"refused: {applied.rejected}, without an answer: {applied.unknown}")
        self.watch.look(self.day, every, countries, active, touched)


def _shown(task: Record) -> ShownTask:
    due = task.get("due")
    return ShownTask(
        id=task.id,
        key=Key.of(task.text(TASK_KEY)),
        account_id=task.text("account_id"),
        owner_id=task.text("owner_id"),
        due=due if isinstance(due, date) else None,
        is_open=bool(task.get("is_open")) and not task.deleted,
        is_done=task.get("is_open") is False and not task.deleted,
        texts=(task.text("subject"), task.text("body")),
    )

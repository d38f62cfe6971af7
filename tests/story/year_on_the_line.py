"""Months of a company over HTTP under every shipped playbook: a connector's own sandbox, its people; a seed is one story.

The program's day goes forward, the sandbox's clock stays today: nothing here hangs on when the CRM stamped a record.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import kamsync_hubspot
import kamsync_salesforce
from kamsync.config import Config, load_config
from kamsync.config.mapping import load_mapping
from kamsync.contract import Connection, Context, HandsTasksOver
from kamsync.model import Stream
from kamsync.model.exchange import TaskHandOver
from kamsync.run.shell import Shell, recorded
from kamsync.run.sync import sync
from kamsync.sandbox.company import Company
from kamsync.store.database import open_cache
from kamsync.testing.harness import SAMPLE_DAY, Harness, RunningCrm, as_date, is_true
from tests.accidents.programme import programme_text, secret_name
from tests.connectors.people import HubSpotPeople, SalesforcePeople
from tests.story.story import Key
from tests.story.watch import DAILY, LIMIT, ShownTask, Watch

HARNESSES = {
    "salesforce": Harness(
        kamsync_salesforce.CONNECTOR, load_mapping("salesforce", crm="salesforce", folder=Path()), SalesforcePeople
    ),
    "hubspot": Harness(
        kamsync_hubspot.CONNECTOR,
        load_mapping("hubspot", crm="hubspot", folder=Path()),
        HubSpotPeople,
        {"search_lag_seconds": 0.0},
    ),
}
ACCOUNTS, OPPORTUNITIES, ACTIVITIES = 14, 60, 80
LEAST_ACCOUNTS = 8


class LineYear:
    """One company, from today on."""

    def __init__(self, kind: str, folder: Path, seed: int) -> None:
        company = Company(ACCOUNTS, OPPORTUNITIES, today=SAMPLE_DAY, activities=ACTIVITIES)
        self.crm = RunningCrm(HARNESSES[kind], company)
        self.crm.provide()
        self.watch, self._folder, self._dice = Watch(), folder, random.Random(f"{kind}-{seed}")
        self.day = datetime.now(UTC).date()
        self._touched: set[str] = set()
        self._config = self._write_config(kind)

    def _write_config(self, kind: str) -> Config:
        given = self.crm.given()
        text = programme_text(kind, given, "won_amount_12m", limit=LIMIT)
        text = text[: text.index("[[playbooks]]")].replace("[program]", '[program]\nplaybooks = "all"', 1)
        path = self._folder / "config.toml"
        path.write_text(f"{text}\n[plans]\nmax_due_per_owner_per_day = {DAILY}\n", encoding="utf-8")
        path.chmod(0o600)
        return load_config(path, environment={secret_name(name): str(value) for name, value in given.items()})

    def play(self, runs: int) -> int:
        """So many runs, a person's doing before each; how many tasks there are in the end. Raises Broken."""
        acts = (self._complete, self._complete, self._delete, self._hand_on, self._override, self._merge, self._lose_account)
        self.run()
        for _ in range(runs):
            self._dice.choice(acts)()
            self.day += timedelta(days=self._dice.choice([1, 1, 6, 20, 45]))
            self.run()
        return len(self._seen)

    def end(self) -> None:
        """Stops the sandbox."""
        self.crm.stop()

    # --- people --------------------------------------------------------------------------------------------------------------

    def _complete(self) -> None:
        for task in self._some(4):
            self.crm.view.complete_task(task.id)

    def _delete(self) -> None:
        for task in self._some(1):
            self.crm.people.delete_task(task.id)

    def _hand_on(self) -> None:
        """A person gives a task to a colleague: the CRM's own owner field, whoever writes it."""
        connection = self._connect()
        try:
            for task in self._some(1):
                other = self._dice.choice(sorted(self._active - {task.owner_id}))
                assert isinstance(connection, HandsTasksOver)
                list(connection.reassign_tasks([TaskHandOver(task.id, task.id, other)]))
        finally:
            connection.close()

    def _override(self) -> None:
        account = self._dice.choice(self._living())
        self.crm.view.set_flag(account, "override", self._dice.choice(["A", "B", "C", "none"]))
        self.crm.view.set_flag(account, "override_until", (self.day + timedelta(days=25)).isoformat())

    def _merge(self) -> None:
        living = self._living()
        if len(living) > LEAST_ACCOUNTS:
            winner, loser = self._dice.sample(living, 2)
            self.crm.people.merge_accounts(winner, loser)

    def _lose_account(self) -> None:
        living = self._living()
        if len(living) > LEAST_ACCOUNTS:
            self.crm.people.delete_account(self._dice.choice(living))

    def _some(self, count: int) -> list[ShownTask]:
        living = [task for task in self._seen if task.is_open]
        some = self._dice.sample(living, min(count, len(living)))
        self._touched |= {task.id for task in some}
        return some

    def _living(self) -> list[str]:
        return sorted(self._countries)

    # --- the program ---------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Today's run, and what must hold after it."""
        now = datetime.combine(self.day, time(6), tzinfo=UTC)
        with self._shell(now) as shell:
            _, applied = sync(shell)
        self._look()
        self.watch.look(self.day, self._seen, self._countries, self._active, self._touched)
        self.watch.hold(applied.complete, "complete", f"refused: {applied.rejected}, without an answer: {applied.unknown}")

    @contextmanager
    def _shell(self, now: datetime) -> Iterator[Shell]:
        config = self._config
        with ExitStack() as stack:
            connection = self._connect()
            stack.callback(connection.close)
            cache = stack.enter_context(open_cache(self._folder / "kamsync.db"))
            run_id = stack.enter_context(recorded(cache, config, "sync", lambda: now))
            yield Shell(connection, cache, config, clock=lambda: now, run_id=run_id)

    def _connect(self) -> Connection:
        config = self._config
        context = Context(config.mapping, ZoneInfo(config.program.timezone), config.tier_choices)
        return config.connector.connect(self.crm.settings(), context)

    def _look(self) -> None:
        """Everything as the CRM shows it now, read whole."""
        connection = self._connect()
        try:
            shown = self.crm.pull_all(
                connection, [self.crm.request(stream) for stream in (Stream.TASKS, Stream.ACCOUNTS, Stream.OWNERS)]
            )
        finally:
            connection.close()
        self._active = {str(row["id"]) for row in shown[Stream.OWNERS].rows if is_true(row["is_active"])}
        self._countries = {str(row["id"]): str(row["country"] or "") for row in shown[Stream.ACCOUNTS].rows}
        self._seen = [
            ShownTask(
                id=str(row["id"]),
                key=Key.of(str(row["key"])),
                account_id=str(row["account_id"] or ""),
                owner_id=str(row["owner_id"] or ""),
                due=as_date(row["due"]) if row["due"] else None,
                is_open=is_true(row["is_open"]) and not is_true(row["is_deleted"]),
                is_done=not is_true(row["is_open"]) and not is_true(row["is_deleted"]),
                texts=(str(row["subject"]),),
            )
            for row in shown[Stream.TASKS].rows
            if row["key"]
        ]

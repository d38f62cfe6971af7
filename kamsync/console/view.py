"""One state of the cache, decided once and kept in memory, from which every page is made at once.

An open evaluation belongs to one thread (SQLite): each view has a thread of its own, and pages ask it. A newer state of the cache
is read beside the old one, which answers until the new one is ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import TypeVar

from kamsync.config import Config
from kamsync.console.doors import Doors
from kamsync.decide.fact import FactValue
from kamsync.decide.receipts import Receipt
from kamsync.decide.tiers import tier_order
from kamsync.report.account_plan.plan import AccountPlan
from kamsync.report.overview.overview import PERIOD_DAYS, Overview, make_overview
from kamsync.report.overview.sources import Account, Sources
from kamsync.report.portfolio import AccountRow, sort_rows
from kamsync.run.account_plan import Portfolio, account_plan_of, planning, portfolio_of
from kamsync.run.moments import today
from kamsync.run.overview import record_link, sources_of
from kamsync.run.people import Seen
from kamsync.store.evaluate import Evaluation
from kamsync.store.laboratory import Laboratory

PATIENCE_SECONDS = 1.5  # how long a page waits for a newer state before it shows the one there is
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """What a view was made of: another generation of the cache, or another day, is another view."""

    generation: str
    day: date


class View:
    """Everything of one state. Made, used and closed in its own thread: `ask` brings work there."""

    def __init__(self, doors: Doors, state: State) -> None:
        self.state, self._config, self._doors = state, doors.config, doors
        compiled = planning(doors.config.compiled)
        self._evaluation = Evaluation(doors.config.cache_path, compiled, state.day).__enter__()
        with doors.cache() as cache:
            since = state.day - timedelta(days=PERIOD_DAYS)
            self.sources: Sources = sources_of(cache, doors.config, self._evaluation, state.day, since)
            self._around = record_link(cache)
        self._ordered: dict[str, list[AccountRow]] = {}
        self.by_id: dict[str, Account] = {account.id: account for account in self.sources.accounts}

    @property
    def config(self) -> Config:
        """The configuration that everything here was decided under."""
        return self._config

    @cached_property
    def overview(self) -> Overview:
        """All tables; made when the first page asks."""
        return make_overview(self.sources)

    @cached_property
    def rows(self) -> tuple[AccountRow, ...]:
        """The portfolio, by account id."""
        order = tier_order(self._config.program)
        return tuple(
            AccountRow(one.decision, one.name, one.owner_id, one.owner, order[one.decision.tier]) for one in self.sources.accounts
        )

    def ordered(self, column: str) -> list[AccountRow]:
        """All of it by one column (`-`: turned round), sorted once."""
        if column not in self._ordered:
            self._ordered[column] = sort_rows(self.rows, [column])
        return self._ordered[column]

    @cached_property
    def laboratory(self) -> Laboratory:
        """Where other weights are tried."""
        return self._evaluation.laboratory()

    def receipt(self, account_id: str) -> Receipt:
        """Why the account has its tier."""
        return self._evaluation.receipt(account_id)

    def facts(self, account_id: str) -> dict[str, FactValue]:
        """The account's facts by name."""
        return dict(self._evaluation.facts(account_id))

    @cached_property
    def _portfolio(self) -> Portfolio:
        with self._doors.cache() as cache:
            return portfolio_of(cache, self._config.program, self._evaluation, self.state.day)

    def account_plan(self, account_id: str, seen: Seen) -> AccountPlan:
        """The plan of one account, with the people whom the CRM has shown."""
        portfolio = self._portfolio
        with self._doors.cache() as cache:
            return account_plan_of(cache, self._config.program, self._evaluation, portfolio, account_id, self.state.day, seen)

    def address(self, account_id: str) -> str:
        """The account in the CRM, "" where no pull has told."""
        return "" if self._around is None else f"{self._around[0]}{account_id}{self._around[1]}"

    def close(self) -> None:
        """Gives back the cache."""
        self._evaluation.__exit__(None, None, None)


class _Held:
    """A view with its thread."""

    def __init__(self, doors: Doors, state: State) -> None:
        self.state = state
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="view")
        self.making: Future[View] = self._thread.submit(View, doors, state)

    def ask(self, work: Callable[[View], T]) -> Future[T]:
        return self._thread.submit(lambda: work(self.making.result()))

    def close(self) -> None:
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self.making.exception() is None:
            self.making.result().close()


class Views:
    """The newest view that is ready, and the one that is being made. Used from the server's loop only."""

    def __init__(self, doors: Doors, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._doors, self._clock = doors, clock
        self._ready: _Held | None = None
        self._coming: _Held | None = None

    async def ask(self, work: Callable[[View], T]) -> T:
        """The work's answer from the newest state that is ready within `PATIENCE_SECONDS`.

        Raises NotReady while the very first view is being made, and whatever making it or the work raises.
        """
        await self._refresh()
        if self._ready is None:
            raise NotReady
        return await asyncio.wrap_future(self._ready.ask(work))

    @property
    def is_behind(self) -> bool:
        """Whether a newer state is being read."""
        return self._ready is not None and self._coming is not None

    async def _refresh(self) -> None:
        state = await asyncio.to_thread(self._present)
        newest = self._coming or self._ready
        if newest is None or newest.state != state:
            if self._coming is not None:
                self._coming.close()
            self._coming = _Held(self._doors, state)
        if self._coming is not None:
            await asyncio.wait([asyncio.wrap_future(self._coming.making)], timeout=PATIENCE_SECONDS)
            self._take()

    def _take(self) -> None:
        coming = self._coming
        if coming is None or not coming.making.done():
            return
        self._coming = None
        error = coming.making.exception()
        if error is not None:
            coming.close()
            raise error
        if self._ready is not None:
            self._ready.close()
        self._ready = coming

    def _present(self) -> State:
        with self._doors.cache() as cache:
            return State(cache.generation, today(self._doors.config, self._clock()))

    def close(self) -> None:
        for held in (self._ready, self._coming):
            if held is not None:
                held.close()


class NotReady(Exception):
    """The first state is still being read."""

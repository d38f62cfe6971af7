"""A small company's CRM over HTTP, an admin's folder beside it, and commands that end well or are killed.

The state of both is kept and put back in milliseconds, so that hundreds of accidents begin from the same moment.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from kamsync.cli.sandboxes import SECRET_SETTINGS
from kamsync.contract import Secret
from kamsync.plugins import load_connector
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from tests.accidents.gate import Gate
from tests.accidents.programme import (
    MAPPING,
    RANK,
    REVENUE,
    Pages,
    mapping_with_account_plans,
    programme_text,
    secret_name,
)
from tests.accidents.zygote import COMMITS, SIZE, get, open_shared, serve
from tests.journeys.command import PROCESSES
from tests.sandboxes import Keeping, a_sandbox, wait_for_index

ACCOUNTS, OPPORTUNITIES = 60, 300
ROOT = Path(__file__).parents[2]
# Written with whatever else is, and telling of a run rather than of a decision.
MOMENTS = ("evaluated_at",)
MARK, PAST = r"kamsync plan [0-9a-f-]+", "90 days ago"
NO_TROUBLE: Mapping[str, int] = MappingProxyType({})
INDEX_LAG_SECONDS = 0.2  # of HubSpot's search, behind what is written


@dataclass(frozen=True)
class Moment:
    """The CRM and the admin's folder as they were."""

    crm: object
    files: Mapping[str, bytes]


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is negative for a signal. `calls` and `commits` are those until then."""

    code: int
    out: str
    err: str
    calls: int
    commits: int


@dataclass(frozen=True)
class Death:
    """Where a process ends: before or after its n-th call or commit, counted from 0."""

    at: str  # "call" or "commit"
    number: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.at} {self.number}"


@dataclass(frozen=True)
class Seen:
    """All that must not depend on accidents. `tasks` and `pages` count each by account, so that one made twice shows."""

    flags: Mapping[str, Mapping[str, str]]
    tasks: Counter[tuple[Any, ...]]
    pages: Counter[tuple[str, str]]
    moves: frozenset[tuple[Any, ...]]

    def differences(self, other: Seen) -> list[str]:
        """What differs between this, which should be, and the other, which is; empty where nothing does."""
        found = [
            f"{account} {flag}: {self.flags[account][flag]!r}, not {value!r}"
            for account, flags in other.flags.items()
            for flag, value in flags.items()
            if value != self.flags[account][flag]
        ]
        found += [f"task lost: {task}" for task in (self.tasks - other.tasks).elements()]
        found += [f"task too many: {task}" for task in (other.tasks - self.tasks).elements()]
        found += [f"plan of {account} lost: {page}" for account, page in (self.pages - other.pages).elements()]
        found += [f"plan of {account} too many: {page}" for account, page in (other.pages - self.pages).elements()]
        found += [f"history lacks {move}" for move in sorted(self.moves - other.moves)]
        return found + [f"history has {move}" for move in sorted(other.moves - self.moves)]


class World:
    """One CRM and one folder. `kind` is salesforce or hubspot; `pages` says where the plans of key accounts are kept."""

    def __init__(self, kind: str, folder: Path, server: SandboxServer, gate: Gate, zygote: Connection, pages: Pages = "") -> None:
        self.kind, self.folder, self.server, self.gate, self.pages = kind, folder, server, gate, pages
        self._zygote = zygote
        self._settings = server.crm.settings(server.base_url)
        self._environment = {secret_name(name): str(value) for name, value in self._settings.items()} | {"HOME": str(folder)}

    @property
    def secrets(self) -> Mapping[str, str]:
        """What opens the CRM, by the setting's name."""
        return {name: str(value) for name, value in self._settings.items() if name in SECRET_SETTINGS}

    def set_environment(self, **variables: str) -> None:
        """Of every command from now on."""
        self._environment |= variables

    # --- moments -------------------------------------------------------------------------------------------------------------

    def keep(self) -> Moment:
        self.gate.wait_until_idle()
        files = {path.name: path.read_bytes() for path in self.folder.iterdir() if path.name.startswith(("kamsync.db", "config"))}
        return Moment(self._keeping.keep(), files)

    def put_back(self, moment: Moment) -> None:
        self.gate.wait_until_idle()
        self._keeping.put_back(moment.crm)
        for path in self.folder.iterdir():
            if path.name.startswith("kamsync.db"):
                path.unlink()
        for name, content in moment.files.items():
            (self.folder / name).write_bytes(content)

    @property
    def _keeping(self) -> Keeping:
        return cast(Keeping, self.server.crm)

    # --- what people and the admin do ----------------------------------------------------------------------------------------

    def configure(self, criterion: str = REVENUE, *, limit: int | None = None, scale: str = RANK) -> None:
        """The programme from now on."""
        text = programme_text(self.kind, self._settings, criterion, limit=limit, scale=scale, pages=self.pages)
        (self.folder / "config.toml").write_text(text, encoding="utf-8")

    def account_of_tier(self, tier: str, place: int = 0) -> str:
        """The id of the account of that place among those of the tier."""
        return [one.id for one in self.server.crm.view.accounts(limit=10_000) if one.flags["tier"] == tier][place]

    def settings(self) -> dict[str, Any]:
        """As the core gives them to the connector: every key, secrets wrapped."""
        known = load_connector(self.kind).settings
        values = {setting.name: self._settings.get(setting.name, setting.default) for setting in known}
        secret = {setting.name for setting in known if setting.secret}
        return {name: Secret(str(value), name) if name in secret and value else value for name, value in values.items()}

    def open_gate(self) -> None:
        """For calls of the test itself: nobody dies of them."""
        self.gate.shared[:] = bytes(SIZE)
        self.gate.reset()

    def wait_for_index(self) -> None:
        """Until search shows all that was written: an edit of the same second is the business of the run after the next."""
        wait_for_index(self.server.crm)

    # --- commands ------------------------------------------------------------------------------------------------------------

    def run(self, *arguments: str, death: Death | None = None, trouble: Mapping[str, int] = NO_TROUBLE) -> Ended:
        """`kamsync arguments`, to its end or to its death; `trouble` is what its machine does (zygote.Trouble)."""
        at_call = death.number if death is not None and death.at == "call" else None
        at_commit = death.number if death is not None and death.at == "commit" else None
        shared = self.folder / "shared"
        self.gate.shared[:] = bytes(SIZE)
        self.gate.reset(at_call, after=death is not None and death.after)
        order = {
            "arguments": arguments,
            "folder": str(self.folder),
            "environment": self._environment,
            "shared": str(shared),
            "out": str(self.folder / "out"),
            "err": str(self.folder / "err"),
            "commit": at_commit,
            "after": death is not None and death.after,
            "trouble": dict(trouble),
        }
        self._zygote.send(order)
        code = int(self._zygote.recv())
        self.gate.wait_until_idle()
        out, err = ((self.folder / name).read_text(encoding="utf-8") for name in ("out", "err"))
        return Ended(code, out, err, self.gate.calls, get(self.gate.shared, COMMITS))

    def good(self, *arguments: str) -> Ended:
        """A command that must end well."""
        ended = self.run(*arguments)
        if ended.code:
            raise AssertionError(f"kamsync {' '.join(arguments)} ended with {ended.code}: {ended.out} {ended.err}")
        return ended

    # --- looking -------------------------------------------------------------------------------------------------------------

    def seen(self) -> Seen:
        """The CRM as people see it, and what `history` would tell."""
        view = self.server.crm.view
        accounts = view.accounts(limit=10_000)
        flags = {one.id: {flag: text for flag, text in one.flags.items() if flag not in MOMENTS} for one in accounts}
        tasks = Counter(
            (one.id, t.subject, t.body, t.due, t.owner, t.is_open) for one in accounts for t in view.tasks(one.id) if t.by_kamsync
        )
        pages = Counter((one.id, _told(page)) for one in accounts for page in view.plan_notes(one.id))
        return Seen(flags, tasks, pages, frozenset(self._moves()))

    def _moves(self) -> Iterator[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "kamsync.db") as db:
            yield from db.execute(
                "SELECT account_id, as_of, tier, previous_tier FROM history WHERE settled AND tier IS NOT previous_tier"
            )
        db.close()


def _told(page: str) -> str:
    """What a plan's page says, but for what a second run of the day knows more: the key figures that the first one has kept."""
    lines = re.split(r"<[^>]+>+", re.sub(MARK, "", page))
    return "\n".join(line for line in lines if line.strip() and line != "Key figures" and PAST not in line)


@contextmanager
def a_world(
    kind: str,
    folder: Path,
    *,
    accounts: int = ACCOUNTS,
    opportunities: int = OPPORTUNITIES,
    hurry: float = 1.0,
    pages: Pages = "",
) -> Iterator[World]:
    """A CRM in which `setup` has run, and a configured folder without a cache."""
    folder.mkdir(parents=True, exist_ok=True)
    today = datetime.now(UTC).date()
    vendor: dict[str, Any] = {"search_lag_seconds": INDEX_LAG_SECONDS} if kind == "hubspot" else {}
    if pages == "account plans":
        vendor |= {"account_plans": True}
        shipped = (ROOT / "mappings" / f"{kind}.toml").read_text(encoding="utf-8")
        (folder / MAPPING).write_text(mapping_with_account_plans(shipped), encoding="utf-8")
    options = SandboxOptions(today=today, enforce_rate_limits=False, vendor=vendor)
    crm = a_sandbox(kind, lambda: Company(accounts, opportunities, today=today), options, accounts, opportunities)
    (folder / "shared").write_bytes(bytes(SIZE))
    gate = Gate(crm.app, open_shared(folder / "shared"))
    crm.app = gate
    with SandboxServer(crm) as server, _a_zygote(hurry) as zygote:
        world = World(kind, folder, server, gate, zygote, pages)
        world.configure()
        world.good("setup")
        yield world


@contextmanager
def _a_zygote(hurry: float) -> Iterator[Connection]:
    orders, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=serve, args=(theirs, hurry))
    process.start()
    theirs.close()
    try:
        yield orders
    finally:
        orders.close()
        process.join()

"""What a person reads in a day with kamsync, and of each kind of trouble, word for word. `make golden` rewrites it, reviewed."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from kamsync import errors
from kamsync.errors import KamsyncError
from kamsync.testing.memory.faults import Faults
from tests.conftest import Golden
from tests.run.memory_desk import MemoryDesk

TODAY = datetime.now(UTC).date()
PROGRAM = """
[program]
currency = "EUR"
language = "en"
[[tiers]]
name = "A"
label = { en = "Strategic", pt_BR = "Estratégica", es = "Estratégica" }
enter = 70
leave = 60
[[tiers]]
name = "B"
enter = 40
[[criteria]]
name = "potential"
label = { en = "Potential", pt_BR = "Potencial", es = "Potencial" }
axis = "attractiveness"
goal = "market"
weight = 2
value = "potential"
scale = { linear = [0, 100] }
[[criteria]]
name = "revenue"
axis = "strength"
goal = "retention"
weight = 1
value = "won_amount_12m"
scale = { linear = [0, 1000000] }
[[criteria]]
name = "mood"
axis = "health"
goal = "retention"
weight = 1
value = "potential"
scale = { linear = [0, 100] }
[[rules]]
when = "country = 'Nowhere'"
exclude = true
reason = "We do not sell there"
[[playbooks]]
name = "welcome"
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
due = 3
[playbooks.tasks.subject]
en = "Call {{ name }}: {{ won_amount_12m | money }}"
pt_BR = "Ligar para {{ name }}: {{ won_amount_12m | money }}"
es = "Llamar a {{ name }}: {{ won_amount_12m | money }}"
"""
LANGUAGES = ("en", "pt_BR", "es")
T = TypeVar("T")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    """Three accounts above the line and one below, of two people."""
    monkeypatch.setenv("COLUMNS", "120")
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM, {"potential": "number"})
    (tmp_path / "config.toml").chmod(0o600)
    ana, bo = (desk.crm.add_owner(name, f"{name.lower()}@example.com") for name in ("Ana", "Bo"))
    for name, potential, won, owner in (("Acme", 90, 1_250_000, ana), ("Beta", 60, 300_000, bo), ("Tiny", 5, 900, bo)):
        account = desk.crm.add_account(name, owner_id=owner, potential=potential, country="Germany")
        desk.crm.add_opportunity(account, TODAY - timedelta(days=40), float(won), is_won=True, is_closed=True)
    return desk


def steady(desk: MemoryDesk, text: str) -> str:
    """Without what differs from day to day and from machine to machine."""
    text = text.replace(str(desk.folder), "FOLDER").replace(desk.crm.org_id, "ORG")
    text = re.sub(r"\d{8}T\d{6}-[0-9a-f]{4}", "YYYYMMDDTHHMMSS-RUN0", text)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)", "YYYY-MM-DDTHH:MM:SSZ", text)
    text = re.sub(r"\d{4}-\d\d-\d\d", "YYYY-MM-DD", text)
    text = re.sub(r"\b[A-Z][a-z]{2} \d{1,2}, \d{4}", "Mon D, YYYY", text)
    text = re.sub(r"\d+(\.\d+)? s(econds?)?\b", "0 s", text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def typed(desk: MemoryDesk, *arguments: str) -> str:
    """A command as a terminal would show it, with what came of it."""
    result = desk.run(*arguments)
    code = f"exit code {result.code}\n" if result.code else ""
    return steady(desk, f"$ kamsync {' '.join(arguments)}\n{result.out}{result.err}{code}") + "\n"


def test_a_day_with_kamsync(desk: MemoryDesk, golden: Golden) -> None:
    lines = [typed(desk, *words) for words in (("doctor",), ("plan",), ("apply", "--yes"), ("sync",))]
    for account in desk.crm.accounts():
        if account.get("name") in ("Acme", "Tiny"):
            desk.crm.edit_account(account.id, potential=10 if account.get("name") == "Acme" else 99)
    beta = next(one.id for one in desk.crm.accounts() if one.get("name") == "Beta")
    desk.crm.set_flag(beta, "tier", "A")
    lines += [typed(desk, *words) for words in (("plan",), ("sync",), ("accounts", "--all"), ("status",), ("history",))]
    run_id = desk.good("runs", "--json").json[0]["run_id"]
    lines += [
        typed(desk, *words) for words in (("history", "Acme"), ("runs",), ("runs", "show", run_id), ("undo", run_id, "--dry-run"))
    ]
    lines += [typed(desk, *words) for words in (("undo", run_id, "--yes"), ("sync",), ("forget", "Tiny", "--yes"))]
    golden.holds("day.txt", "".join(lines))


def test_why_an_account_has_its_tier_in_three_languages(desk: MemoryDesk, golden: Golden) -> None:
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.good("apply", "--yes")
    told = []
    for language in LANGUAGES:
        desk.write_config(config.replace('language = "en"', f'language = "{language}"'))
        told += [f"# {language}\n", *(typed(desk, "explain", name) for name in ("Acme", "Beta", "Tiny"))]
    golden.holds("explain.txt", "".join(told))


def test_tasks_and_reasons_in_three_languages(desk: MemoryDesk, golden: Golden) -> None:
    config = (desk.folder / "config.toml").read_text(encoding="utf-8")
    told = []
    for language in LANGUAGES:
        desk.write_config(config.replace('language = "en"', f'language = "{language}"'))
        changes = desk.good("plan", "--json").json["changes"]
        told += [f"# {language}\n"]
        told += [f"{one['name']}: {one['fields']['reasons']['to']}\n" for one in changes if one["op"] == "update_account"]
        told += [f"task: {one['subject']}\n" for one in changes if one["op"] == "create_task"]
    golden.holds("tasks-and-reasons.txt", steady(desk, "".join(told)))


class EndedWhileReading(Faults):
    """A process that is asked to end while the CRM is being read."""

    def run(self, call: str, work: Callable[[], T]) -> T:
        if call == "pull_accounts":
            os.kill(os.getpid(), signal.SIGTERM)
        return super().run(call, work)


def approved(desk: MemoryDesk) -> None:
    """A programme that may write without a person's first look."""
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8") + '[guard]\nfirst_run = "go"\n')


def config_error(desk: MemoryDesk) -> str:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8").replace("enter = 40", "entre = 40"))
    return typed(desk, "plan")


def access_denied(desk: MemoryDesk) -> str:
    desk.write_config((desk.folder / "config.toml").read_text(encoding="utf-8").replace("MEMORY_TOKEN", "OLD_TOKEN"))
    os.environ["OLD_TOKEN"] = "0ut-0f-date"
    try:
        return typed(desk, "sync")
    finally:
        del os.environ["OLD_TOKEN"]


def try_later(desk: MemoryDesk) -> str:
    approved(desk)
    desk.crm.faults.add("raise", call="pull_accounts")
    return typed(desk, "sync")


def stopped(desk: MemoryDesk) -> str:
    approved(desk)
    desk.crm.faults = EndedWhileReading()
    return typed(desk, "sync")


def record_rejected(desk: MemoryDesk) -> str:
    desk.crm.faults.refuse(desk.crm.accounts()[0].id, "FIELD_CUSTOM_VALIDATION_EXCEPTION: a tier needs a region")
    return typed(desk, "apply", "--yes")


def cache_unusable(desk: MemoryDesk) -> str:
    (desk.folder / "kamsync.db").write_bytes(b"no database at all" * 100)
    return typed(desk, "accounts")


def plan_refused(desk: MemoryDesk) -> str:
    return typed(desk, "sync")


# One case a kind; what answers and is no CRM (BadAnswer) needs a line: tests/cli/test_help_and_errors.py has it.
KINDS: dict[str, Callable[[MemoryDesk], str]] = {
    "ConfigError": config_error,
    "AccessDenied": access_denied,
    "TryLater": try_later,
    "Stopped": stopped,
    "RecordRejected": record_rejected,
    "CacheUnusable": cache_unusable,
    "PlanRefused": plan_refused,
}
ELSEWHERE = {"BadAnswer"}


def every_kind(kind: type[KamsyncError] = KamsyncError) -> Iterator[str]:
    for one in kind.__subclasses__():
        if one.__module__ == errors.__name__:
            yield one.__name__
            yield from every_kind(one)


@pytest.mark.parametrize("kind", sorted(set(every_kind()) - ELSEWHERE))
def test_each_kind_of_error_says_what_happened_and_what_to_do(desk: MemoryDesk, golden: Golden, kind: str) -> None:
    golden.holds(f"error-{kind}.txt", KINDS[kind](desk))

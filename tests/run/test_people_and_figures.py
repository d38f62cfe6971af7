"""What is known of people and of the past, through the command line: read by playbooks, kept small, never by name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from kamsync.model import Stream
from tests.run.memory_desk import MemoryDesk

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = """
[program]
currency = "EUR"
{program}
[guard]
first_run = "go"
max_changed_share = 1
[[tiers]]
name = "A"
enter = 50
[[criteria]]
name = "satisfied"
axis = "strength"
goal = "retention"
weight = 1
value = "nps"
scale = {{ linear = [0, 100] }}
"""
PEOPLE = """
[[playbooks]]
name = "champion"
when = "has_champion = false"
every = "month"
[[playbooks.tasks]]
name = "find"
subject = "Find an ally among {{ contacts_count }} people"
[[playbooks]]
name = "drop"
when = "score_30d_ago - score >= 20 or days_since_owner_change <= 5 or days_since_champion_left <= 5"
every = "once"
[[playbooks.tasks]]
name = "ask"
subject = "From {{ score_30d_ago }} to {{ score }}. {{ previous_owner_id }} had it."
"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    return MemoryDesk(tmp_path, monkeypatch, PROGRAM.format(program="") + PEOPLE, {"nps": "number"})


def on(day: int) -> time_machine.travel:
    return time_machine.travel(MONDAY + timedelta(days=day), tick=True)


def subjects(desk: MemoryDesk, account: str) -> list[str]:
    return sorted(task.text("subject") for task in desk.crm.tasks(account))


def test_nobody_is_missed_while_the_org_notes_no_role_of_anybody(desk: MemoryDesk) -> None:
    owner = desk.crm.add_owner("Ana", "ana@example.com")
    silent = desk.crm.add_account("Silent", owner_id=owner, nps=80.0)
    desk.crm.add_contact(silent)
    with on(0):
        desk.good("sync")
    assert subjects(desk, silent) == []
    desk.crm.add_contact(silent, roles="sponsor")
    with on(1):
        desk.good("sync")
    assert subjects(desk, silent) == ["Find an ally among 2 people"]


def test_a_drop_of_score_a_new_owner_and_a_lost_champion_are_told_once_they_are_remembered(desk: MemoryDesk) -> None:
    crm = desk.crm
    ana, bob = crm.add_owner("Ana", "ana@example.com"), crm.add_owner("Bob", "bob@example.com")
    falling, handed, left = (crm.add_account(name, owner_id=ana, nps=80.0) for name in ("Falling", "Handed", "Left"))
    champions = {one: crm.add_contact(one, roles="champion") for one in (falling, handed, left)}
    with on(0):
        desk.good("sync")
    assert len(crm.tasks()) == 0  # nothing before is known, and nothing is zero

    crm.edit_account(falling, nps=55.0)
    crm.edit_account(handed, owner_id=bob)
    crm.edit_contact(champions[left], left_date=date(2026, 4, 3))
    with on(35):
        desk.good("sync")

    assert subjects(desk, falling) == ["From 80 to 55."]
    assert subjects(desk, handed) == [f"From 80 to 80. {ana} had it."]
    assert "From 80 to 80." in subjects(desk, left)
    with on(36):
        desk.good("history", "Falling")
        shown = desk.good("history", "Falling").out
        every = desk.good("history", "Falling", "--figures", "--json").json
    assert "score 80 → 55 since Mar 2, 2026" in shown
    assert [(one["day"], one["value"]) for one in every if one["figure"] == "satisfaction"] == [
        ("2026-03-02", 80),
        ("2026-04-06", 55),
    ]


def test_a_deleted_cache_makes_the_past_unknown_and_moves_no_tier(desk: MemoryDesk) -> None:
    owner = desk.crm.add_owner("Ana", "ana@example.com")
    account = desk.crm.add_account("Acme", owner_id=owner, nps=80.0)
    with on(0):
        desk.good("sync")
    for file in desk.folder.glob("kamsync.db*"):
        file.unlink()
    desk.crm.edit_account(account, nps=55.0)
    with on(40):
        desk.good("sync")
    assert (desk.crm.flag(account, "tier"), subjects(desk, account)) == ("A", [])


def test_what_decides_a_tier_cannot_read_the_programs_own_memory(desk: MemoryDesk) -> None:
    text = (desk.folder / "config.toml").read_text()
    desk.write_config(text.replace('value = "nps"', 'value = "score_30d_ago"'))
    refused = desk.run("plan")
    assert refused.code == 2
    assert "score_30d_ago is remembered by this program alone" in refused.err and "config.toml:" in refused.err


def test_people_are_pulled_where_something_asks_and_nobody_is_where_the_programme_says_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = MemoryDesk(tmp_path, monkeypatch, PROGRAM.format(program='playbooks = "all"\ncontacts = "never"'), {"nps": "number"})
    desk.crm.add_contact(desk.crm.add_account("Acme", nps=80.0), roles="champion")
    with on(0):
        desk.good("sync")
        assert desk.good("pull", "--json").json["rows"].get("contacts") is None
        text = (desk.folder / "config.toml").read_text()
        desk.write_config(text.replace('contacts = "never"', 'contacts = "always"'))
        assert desk.good("pull", "--json").json["rows"]["contacts"] == 1
        desk.write_config(text.replace("[guard]", PEOPLE + "[guard]"))
        refused = desk.run("plan")
    assert refused.code == 2 and 'has_champion is made of contacts, and [program] says contacts = "never"' in refused.err


def test_a_contact_that_moves_counts_for_its_new_account_alone(desk: MemoryDesk) -> None:
    owner = desk.crm.add_owner("Ana", "ana@example.com")
    old, new = (desk.crm.add_account(name, owner_id=owner, nps=80.0) for name in ("Old", "New"))
    champion = desk.crm.add_contact(old, roles="champion")
    with on(0):
        desk.good("sync")
        desk.crm.edit_contact(champion, account_id=new)
        desk.good("sync")
        facts = {one["id"]: one["facts"]["has_champion"] for one in desk.good("accounts", "--json").json}
    assert facts == {old: 0, new: 1}


def test_no_name_or_address_of_a_contact_is_in_any_file(desk: MemoryDesk) -> None:
    account = desk.crm.add_account("Acme", nps=80.0)
    contact = desk.crm.add_contact(account, roles="champion")
    desk.crm.edit_contact(contact, name="Wilhelmina", email="wilhelmina@example.com", phone="+49 30 1234567")
    with on(0):
        desk.good("sync")
    kept = b"".join(file.read_bytes() for file in desk.folder.rglob("*") if file.is_file())
    assert contact.encode() in kept
    assert not [word for word in (b"ilhelmina", b"1234567") if word in kept]
    assert Stream.CONTACTS in desk.crm.records.tables

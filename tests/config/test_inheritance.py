"""`inherit = "common.toml"`: one configuration on top of another, as a folder of many shares one programme."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk

COMMON = f'[program]\nname = "Everybody"\ncurrency = "EUR"\n[guard]\nfirst_run = "go"\n{TIERS_BY_POTENTIAL}{WELCOME}'


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MemoryDesk:
    desk = MemoryDesk(tmp_path, monkeypatch, "", {"potential": "number"})
    (tmp_path / "common.toml").write_text(COMMON, encoding="utf-8")
    own = (tmp_path / "config.toml").read_text(encoding="utf-8")
    desk.write_config(f'inherit = "common.toml"\n{own}[guard]\nmax_changed_share = 1.0\n')
    desk.crm.add_account("Acme", owner_id=desk.crm.add_owner("Ana", "ana@example.com"), potential=90)
    return desk


def test_what_a_file_does_not_say_it_takes_from_the_common_one(desk: MemoryDesk) -> None:
    planned = desk.good("plan", "--json").json

    assert [one["op"] for one in planned["changes"]] == ["update_account", "create_task"]
    desk.good("sync")  # the common table lets a first run go, and the file's own key beside it takes nothing away


def test_a_list_is_the_files_own_or_the_common_ones_and_a_change_of_either_is_seen_at_once(desk: MemoryDesk) -> None:
    desk.good("sync")
    account = desk.good("accounts", "--json").json[0]["id"]
    assert desk.good("explain", account, "--json").json["tier"] == "A"
    common = desk.folder / "common.toml"
    common.write_text(COMMON.replace("enter = 70", "enter = 95"), encoding="utf-8")
    assert desk.good("explain", account, "--json").json["tier"] == "B"

    text = (desk.folder / "config.toml").read_text(encoding="utf-8")
    desk.write_config(f'{text}[[tiers]]\nname = "Only"\nenter = 1\n')
    assert desk.good("plan", "--json").json["moves"][0]["to"] == "Only"


@pytest.mark.parametrize(
    ("common", "said"),
    [
        ("[program]\nlanguage = 'xx'\nzone = 'UTC'\n", "common.toml:3: unknown key 'zone'"),
        ("inherit = 'more.toml'\n", "common.toml:1 (inherit): a common configuration inherits from none"),
        ("[program\n", "common.toml:1: this is not valid TOML"),
        (None, "There is no common configuration"),
    ],
)
def test_what_is_wrong_is_told_by_the_file_and_line_where_it_stands(desk: MemoryDesk, common: str | None, said: str) -> None:
    path = desk.folder / "common.toml"
    path.unlink()
    if common is not None:
        path.write_text(common, encoding="utf-8")

    result = desk.run("plan")

    assert result.code == 2 and said in result.err


def test_the_environment_may_say_where_the_cache_is(desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAMSYNC_CACHE", str(desk.folder / "elsewhere" / "own.db"))
    desk.good("pull")

    assert (desk.folder / "elsewhere" / "own.db").exists() and not (desk.folder / "kamsync.db").exists()

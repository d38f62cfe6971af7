"""Every mistake in a configuration is told with its place, what is wrong and the nearest known name; never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from kamsync.config import load_config
from kamsync.config.example import Answers, render_config, render_example
from kamsync.errors import ConfigError

GOOD = """\
[program]
currency = "EUR"
[crm]
kind = "hubspot"
[crm.hubspot]
access_token = { env = "TOKEN" }
[[tiers]]
name = "A"
enter = 80
leave = 70
[[criteria]]
name = "revenue"
axis = "attractiveness"
goal = "retention"
weight = 10
value = "won_amount_12m"
scale = { percentile = true }
"""
ENVIRONMENT = {
    "TOKEN": "canary-secret-value",
    "SF_CLIENT_ID": "an id",
    "SF_CLIENT_SECRET": "a secret",
    "HUBSPOT_TOKEN": "a token",
}


def refusal(tmp_path: Path, text: str) -> ConfigError:
    """The error that a configuration with this text gives."""
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, environment=ENVIRONMENT)
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("weight = 10", "wieght = 10", ["config.toml:15", "wieght", "did you mean 'weight'"]),
        ("[program]", "[program", ["config.toml:1", "TOML"]),
        ("weight = 10", "weight = 0", ["config.toml:15", "zero"]),
        ("leave = 70", "leave = 90", ["config.toml:10", "leave = 90", "enter = 80"]),
        ("won_amount_12m", "won_amount_12", ["config.toml:16", "won_amount_12", "^"]),
        ("won_amount_12m", "1; DROP TABLE accounts", ["config.toml:16", "statements"]),
        ("won_amount_12m", "(SELECT value FROM meta)", ["config.toml:16"]),
        ("won_amount_12m", "load_extension('x')", ["config.toml:16", "load_extension"]),
        ('kind = "hubspot"', 'kind = "hubspt"', ["hubspt"]),
        ('currency = "EUR"', 'timezone = "Mars/Olympus"', ["config.toml:2", "Mars/Olympus"]),
        ('currency = "EUR"', 'criteria = "balancd"', ["balancd"]),
        ('{ env = "TOKEN" }', '"plain-secret"', ["config.toml:6", "secret"]),
        ('{ env = "TOKEN" }', '{ env = "NOT_SET" }', ["NOT_SET"]),
        ("{ percentile = true }", "{ linear = [5, 5] }", ["config.toml:17", "differ"]),
        ("{ percentile = true }", "{ log = [0, 5] }", ["config.toml:17", "0 < lo < hi"]),
        ("[[tiers]]", '[goals]\nretension = { kpi = "growth", target = 1 }\n[[tiers]]', ["config.toml:8", "'retention'"]),
        ("[[tiers]]", '[goals]\nretention = { kpi = "grwoth", target = 1 }\n[[tiers]]', ["config.toml:8", "'growth'"]),
        ("[[tiers]]", '[goals]\nretention = { kpi = "growth" }\n[[tiers]]', ["config.toml:8", "target is missing"]),
        ("[[tiers]]", '[goals]\nretention = { kpi = "growth", target = "5%" }\n[[tiers]]', ["config.toml:8", "a number"]),
        ("[[tiers]]", '[goals]\nmarket = { kpi = "satisfaction", target = 9 }\n[[tiers]]', ["config.toml:8", "nps", "mapped"]),
        ("{ percentile = true }", "{ bands = [[5, 1], [3, 2]] }", ["config.toml:17", "ascending"]),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_name(tmp_path: Path, old: str, new: str, said: list[str]) -> None:
    assert old in GOOD
    error = refusal(tmp_path, GOOD.replace(old, new, 1))
    assert [word for word in said if word not in error.message] == []
    assert error.fix
    assert "canary-secret-value" not in error.message + error.fix and "plain-secret" not in error.message + error.fix


def test_two_tiers_of_one_name_are_refused(tmp_path: Path) -> None:
    assert "two tiers" in refusal(tmp_path, GOOD + '[[tiers]]\nname = "a"\nenter = 50\n').message


def test_a_cron_line_that_is_none_is_refused_with_its_line(tmp_path: Path) -> None:
    error = refusal(tmp_path, GOOD + '[schedule]\nsync = "every morning"\n')
    assert "config.toml:19" in error.message and "crontab" in error.fix


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    message = refusal(tmp_path, GOOD.replace("weight", "wieght").replace("leave", "leafe")).message
    assert "wieght" in message and "leafe" in message


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "none.toml")
    assert "kamsync init" in caught.value.fix


def test_a_good_configuration_loads(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(GOOD)
    config = load_config(path, environment=ENVIRONMENT)
    assert [tier.name for tier in config.program.tiers] == ["A"]
    assert "canary-secret-value" not in repr(config.settings)


@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
@pytest.mark.parametrize("preset", ["balanced", "retention", "expansion", "authority", "smb"])
def test_what_init_writes_loads_with_every_preset(tmp_path: Path, crm: str, preset: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(render_config(Answers(crm=crm, preset=preset)))
    assert load_config(path, environment=ENVIRONMENT).program.criteria


def test_the_example_is_what_the_program_renders_and_loads(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[2] / "config.example.toml"
    assert shipped.read_text() == render_example()
    path = tmp_path / "config.toml"
    path.write_text(render_example())
    assert load_config(path, environment=ENVIRONMENT).schedule.sync is not None

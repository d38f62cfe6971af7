"""A mapping cannot give a field a name that means something already: the line is told, and the nearest free name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kamsync.config.shipped import read_shipped
from kamsync.decide.facts import FACTS
from tests.config.desk import GOOD, Folder

OWN = GOOD.replace('kind = "hubspot"', 'kind = "hubspot"\nmapping = "own.toml"')


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.write(OWN)
    return folder


def map_also(folder: Folder, name: str, table: str = "account") -> int:
    """The shipped mapping with a further field of that name; the line on which it stands."""
    shipped = read_shipped("hubspot") or ""
    text = re.sub(rf"^\[{table}\]$", f'[{table}]\n{name} = "own_field"', shipped, count=1, flags=re.MULTILINE)
    folder.write(text, "own.toml")
    return next(number for number, line in enumerate(text.splitlines(), start=1) if line == f'{name} = "own_field"')


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("tier", "what this program decides"),
        ("segment", "what this program decides"),
        ("owner_name", "what this program decides"),
        ("rowid", "a name of the cache's own"),
        ("flag_tier", "a name of the cache's own"),
        ("null", "a word of expressions"),
        ("case", "a word of expressions"),
        ("won_amount_12m", "a fact that this program computes"),
        ("score_30d_ago", "a fact that this program computes"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_its_line_and_the_nearest_free_one(folder: Folder, name: str, taken: str) -> None:
    line = map_also(folder, name)

    said = " ".join(folder.refused().split())

    assert f"own.toml:{line}" in said
    assert f"a field cannot be called {name}, which is {taken}" in said and f"Call it own_{name}" in said


def test_a_name_that_an_opportunitys_row_has_is_refused_there_too(folder: Folder) -> None:
    map_also(folder, "rowid", "opportunity")

    assert "cannot be called rowid" in folder.refused()


def test_no_fact_can_be_mapped_away_but_the_one_that_a_field_may_tell_and_the_free_name_can_be_used(folder: Folder) -> None:
    from kamsync.config.taken_names import free_name, taken_by  # every fact by the command would take a minute
    from kamsync.model import Stream

    assert [fact.name for fact in FACTS if not taken_by(fact.name, Stream.ACCOUNTS)] == ["next_renewal_date"]
    assert free_name("tier", Stream.ACCOUNTS, {"own_tier"}) == "own_own_tier"
    map_also(folder, "own_tier")
    folder.write(OWN.replace('value = "won_amount_12m"', "value = \"case when own_tier = 'x' then 1 end\""))
    assert folder.load().code == 0


@pytest.mark.parametrize("name", ["nps", "next_renewal_date", "select", "industry_code", "has", "my_tier", "since_when"])
def test_what_means_nothing_yet_is_free(folder: Folder, name: str) -> None:
    map_also(folder, name)

    assert folder.load().code == 0, folder.load().err

"""Weights from the past at the command line: a diff that applies, a file that loads, refusals that say what is missing."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from bench.shape_cache import fill, programme
from kamsync.sandbox.shapes import SHAPES, ShapedCompany
from tests.journeys.command import run_here
from tests.journeys.test_json import faults

TODAY = "2027-11-01"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration and a cache of a company's last years."""
    folder = tmp_path_factory.mktemp("calibrate")
    programme(folder, "balanced")
    company = ShapedCompany(SHAPES["lighthouse"], today=date(2026, 11, 1), accounts=150)
    fill(folder / "kamsync.db", company.at(date.fromisoformat(TODAY)))
    return folder


@pytest.fixture
def changed(made: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of the folder in which something is otherwise."""

    def change(sql: str) -> Path:
        for file in made.iterdir():
            (tmp_path / file.name).write_bytes(file.read_bytes())
        with sqlite3.connect(tmp_path / "kamsync.db") as database:
            assert database.execute(sql).rowcount > 0
        return tmp_path

    return change


def calibrate(folder: Path, *more: str, code: int = 0) -> tuple[str, str]:
    arguments = ("calibrate", "--config", "balanced.toml", "--as-of", TODAY, *more)
    found, out, err = run_here(arguments, folder)
    assert found == code, out + err
    return out, err


def as_json(folder: Path, *more: str) -> Any:
    document = json.loads(calibrate(folder, "--fixed", "employees", "--json", *more)[0])
    assert not faults("calibration", document), faults("calibration", document)
    return document


@pytest.fixture(scope="module")
def found(made: Path) -> Any:
    """What it suggests, as JSON."""
    return as_json(made)


@pytest.fixture(scope="module")
def said(made: Path) -> str:
    """The same for people, with the criteria written to new.toml."""
    return calibrate(made, "--criteria", "balanced", "--fixed", "employees", "--out", "new.toml")[0]


def weights(found: Any) -> dict[str, float]:
    return {one["criterion"]: one["suggested"] for one in found["weights"]}


def test_it_suggests_weights_of_the_same_sum_with_what_they_would_have_gained(made: Path) -> None:
    before = (made / "balanced.toml").read_bytes()
    found = as_json(made)

    assert sum(weights(found).values()) == sum(one["today"] for one in found["weights"]) == 100
    assert min(weights(found).values()) >= 0 and weights(found)["pipeline"] > 12
    assert found["gain"]["low"] < found["gain"]["mean"] < found["gain"]["high"]
    assert len(found["learned_from"]) > len(found["held_out"]) > 0
    assert (made / "balanced.toml").read_bytes() == before


def test_the_same_past_suggests_the_same(made: Path, found: Any) -> None:
    assert as_json(made) == found


def test_people_read_who_is_dropped_and_whether_it_may_be_chance(said: str, found: Any) -> None:
    assert "does nothing: dropped" in said
    assert "by today's weights" in said and "in nine of ten resamples between" in said
    assert ("That may be chance" in said) == (found["gain"]["low"] <= 0)
    assert "Wrote new.toml. To see what it changes: kamsync simulate --criteria new.toml" in said


@pytest.mark.skipif(shutil.which("patch") is None, reason="patch is not installed")
def test_the_output_is_a_diff_that_patch_applies_to_a_copy_of_the_preset(
    made: Path, said: str, found: Any, tmp_path: Path
) -> None:
    run_here(("criteria", "copy", "balanced", "mine.toml"), tmp_path)
    subprocess.run(["patch", "mine.toml"], cwd=tmp_path, input=said, text=True, check=True, capture_output=True)

    assert (tmp_path / "mine.toml").read_text(encoding="utf-8") == (made / "new.toml").read_text(encoding="utf-8")
    assert found["diff"] in said + "\n"


@pytest.mark.usefixtures("said")
def test_what_it_writes_is_a_criteria_file_whose_comments_say_the_new_weights(made: Path, found: Any) -> None:
    code, out, err = run_here(("criteria", "check", "new.toml", "--config", "balanced.toml", "--json"), made)
    assert code == 0, err
    dropped = {one["criterion"] for one in found["weights"] if one["today"] and not one["suggested"]}
    assert dropped and dropped.isdisjoint({one["criterion"] for one in json.loads(out)})
    text = (made / "new.toml").read_text(encoding="utf-8")
    told = re.findall(r"^# (?:Health )?(\d+):(?:.|\n)*?^weight = (\d+)$", text, re.MULTILINE)
    assert told and all(comment == weight for comment, weight in told)


@pytest.mark.usefixtures("said")
def test_a_file_that_is_there_already_is_overwritten_only_by_force(made: Path) -> None:
    assert "is there already" in calibrate(made, "--out", "new.toml", code=2)[1]


def test_the_weights_of_ones_own_configuration_are_suggested_in_its_own_lines(made: Path, tmp_path: Path) -> None:
    for file in made.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    code, out, _ = run_here(("criteria", "show", "smb"), tmp_path)
    own = tmp_path / "balanced.toml"
    active = next(line for line in out.splitlines() if line.startswith("active = "))  # there a key of [program]
    rest, out = own.read_text(encoding="utf-8").replace('criteria = "balanced"', active), out.replace(active, "")
    own.write_text(rest + "\n" + out.partition("[review]")[0] + out[out.index("[[criteria]]") :], encoding="utf-8")
    assert code == 0
    found = as_json(tmp_path)
    assert found["diff"].startswith("--- balanced.toml\n+++ balanced.toml\n") and "\n-weight = " in found["diff"]


def test_who_asks_for_growth_or_holds_hard_to_todays_weights_gets_other_ones(made: Path, found: Any) -> None:
    assert weights(as_json(made, "--wanted", "growth"))["pipeline"] > weights(found)["pipeline"]
    held = weights(as_json(made, "--penalty", "1000"))
    assert held != weights(found) and held["value"] == 20


def test_what_came_later_has_no_part_in_how_an_earlier_day_is_judged(found: Any, changed: Callable[[str], Path]) -> None:
    """A leak that is planted: the customers with the least revenue buy everything in the last half year."""
    planted = (
        "INSERT INTO opportunities (id, account_id, amount, currency, close_date, is_closed, is_won, created_date, _pull)"
        " SELECT '006x' || id, id, 9e8, 'EUR', '2027-08-01', 1, 1, '2027-08-01', 1 FROM accounts WHERE id LIKE '%7'"
    )
    before, after = found["held_out"], as_json(changed(planted))["held_out"]
    assert [one for one in after if one["as_of"] < "2026-08-01"] == [one for one in before if one["as_of"] < "2026-08-01"]
    assert after[-1]["suggested"] != before[-1]["suggested"]


def test_a_field_of_which_only_today_is_known_is_not_judged_and_keeps_its_weight(made: Path) -> None:
    out, _ = calibrate(made)
    assert "Not judged: criterion potential, because only today's employees is known. Its weight stays." in out
    assert re.search(r"^potential +13 +13   not judged$", out, re.MULTILINE)


def test_a_short_history_is_refused_with_what_is_missing(made: Path, changed: Callable[[str], Path]) -> None:
    young = changed("DELETE FROM opportunities WHERE created_date < '2025-03-01'")
    _, err = calibrate(young, code=1)
    assert "three years are needed" in err and "opportunities are known from 2025-0" in err and "Try again on 2028-0" in err


def test_an_import_hides_the_past_from_it_too(made: Path, changed: Callable[[str], Path]) -> None:
    imported = changed("UPDATE opportunities SET created_date = '2026-01-01' WHERE created_date < '2026-01-01'")
    assert "opportunities are known from 2026-01-01 on" in calibrate(imported, code=1)[1]


def test_too_few_customers_are_refused_with_their_numbers(made: Path, changed: Callable[[str], Path]) -> None:
    few = changed("DELETE FROM opportunities WHERE account_id NOT LIKE '%7'")
    _, err = calibrate(few, code=1)
    assert "30 customers are needed on two days a year apart" in err and re.search(r"2026-11-01: \d\d?\.", err)


def test_another_goal_than_those_there_are_is_named(made: Path) -> None:
    assert "both, revenue, growth" in calibrate(made, "--wanted", "glory", code=2)[1]


def test_without_its_libraries_it_says_which_extra_brings_them(made: Path, tmp_path: Path) -> None:
    (tmp_path / "scipy.py").write_text("raise ImportError\n", encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "-m", "kamsync", "calibrate", "--config", "balanced.toml"],
        cwd=made, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2 and "pip install 'kamsync[calibrate]'" in ended.stderr


def test_criteria_that_are_written_otherwise_are_not_edited(made: Path, tmp_path: Path) -> None:
    code, text, _ = run_here(("criteria", "show", "balanced"), made)
    odd = tmp_path / "odd.toml"
    odd.write_text(text.replace("weight = 20", '"weight" = 20'), encoding="utf-8")
    assert code == 0
    _, err = calibrate(made, "--criteria", str(odd), code=2)
    assert "not written as [[criteria]] tables" in err and "Suggested: value " in err

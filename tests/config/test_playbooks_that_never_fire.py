"""A playbook that would never fire, or whose tasks would come again and again, is refused when the configuration is loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.run.memory_desk import TIERS_BY_POTENTIAL, WELCOME, MemoryDesk


def refused(folder: Path, monkeypatch: pytest.MonkeyPatch, when: str, every: str = "entry", **texts: str) -> str:
    playbook = WELCOME.replace('"entered"', f'"{when}"').replace('"entry"', f'"{every}"')
    for old, new in texts.items():
        playbook = playbook.replace({"subject": 'subject = "Call {{ name }}"'}[old], new)
    desk = MemoryDesk(folder, monkeypatch, TIERS_BY_POTENTIAL + playbook, {"potential": "number", "nps": "number"})
    result = desk.run("plan")
    return result.err if result.code == 2 else ""


@pytest.mark.parametrize(("when", "caret_under"), [
    ("tier_rank = 1 and tier_rank = 2", "tier_rank = 2"),
    ("tier_rank = 3", "tier_rank = 3"),
    ("tier_rank < 1", "tier_rank < 1"),
    ("score > 80 and score < 50", "score < 50"),
    ("score > 100", "score > 100"),
    ("nps > 5 and 5 > nps", "5 > nps"),
    ("health = 'red' and health = 'green'", "health = 'green'"),
    ("health = 'orange'", "health = 'orange'"),
    ("segment in ('keys', 'cores')", "segment in ("),
    ("days_to_renewal between 90 and 0", "days_to_renewal between"),
    ("days_since_last_won < 0", "days_since_last_won < 0"),
    ("entered and left", "left"),
    ("left and tier_rank = 1", "left"),
    ("(tier_rank = 1 and nps < 3) and (nps > 5 or nps = 9)", "nps > 5"),
    ("nps is null and nps > 5", "nps > 5"),
])  # fmt: skip
def test_a_condition_that_holds_for_nobody_is_refused_with_file_line_and_caret(
    when: str, caret_under: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(tmp_path, monkeypatch, when)
    assert "config.toml:" in said and "never holds" in said
    shown, caret = (line for line in said.splitlines() if when in line or line.strip() == "^")
    assert shown[caret.index("^") :].startswith(caret_under)


@pytest.mark.parametrize("when", [
    "tier_rank = 1 or tier_rank = 3",
    "score between 50 and 80 and score <> 60",
    "nps is null or nps > 5",
    "left and tier_rank = 2",
    "not (health = 'red')",
    "tier_rank is null and health = 'red'",
    "days_to_renewal between -10 and 0",
    "iif(nps > 5, score, 100 - score) > 120",
])  # fmt: skip
def test_a_condition_that_may_hold_is_taken(when: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused(tmp_path, monkeypatch, when) == ""


@pytest.mark.parametrize(("when", "every", "mend"), [
    ("tier_rank = 1", "value:days_since_last_won", "value:last_won_date"),
    ("tier_rank = 1", "value:growth_12m", "quarter"),
    ("tier_rank = 1 and days_to_renewal between 0 and 120", "month", "value:next_renewal_date"),
    ("days_to_renewal > 0 and days_to_renewal <= 120", "quarter", "value:next_renewal_date"),
])  # fmt: skip
def test_an_occurrence_that_the_trigger_outlives_is_refused(
    when: str, every: str, mend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = refused(tmp_path, monkeypatch, when, every)
    assert "config.toml:" in said and mend in said


def test_a_text_without_english_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = refused(tmp_path, monkeypatch, "entered", subject='subject = { es = "Llame a {{ name }}" }')
    assert "config.toml:" in lost and "none in English" in lost


def test_a_tier_that_is_none_is_refused_with_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = refused(tmp_path, monkeypatch, "entered and tier = 'AA'")
    assert "config.toml:" in wrong and "is no tier" in wrong and "Did you mean 'A'?" in wrong


def test_a_programme_of_one_tier_takes_all_playbooks_without_those_for_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one_tier = TIERS_BY_POTENTIAL.replace('[[tiers]]\nname = "B"\nenter = 40\n', "")
    desk = MemoryDesk(tmp_path, monkeypatch, '[program]\nplaybooks = "all"\n' + one_tier, {"potential": "number"})
    said = desk.good("plan").err
    assert "for want of such a tier" in said and "semiannual-review" in said

"""What the pages for people promise is what the program says."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from kamsync.decide.decision import Code
from kamsync.decide.scales import SCALES
from kamsync.decide.texts import LANGUAGES

ROOT = Path(__file__).parent.parent.parent
PAGES = {
    "en": "for-key-account-managers.md",
    "pt_BR": "for-key-account-managers.pt_BR.md",
    "es": "for-key-account-managers.es.md",
}


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_key_account_managers_find_every_reason_explained_in_their_language(language: str) -> None:
    page = read(PAGES[language])
    # The three rules share a line of the table: "Raised / Limited / Excluded by a rule".
    alone = [head for code, head in LANGUAGES[language].heads.items() if code not in ("floor", "ceiling", "excluded")]

    assert [head for head in alone if f"| {head} |" not in page] == []
    assert LANGUAGES[language].heads["excluded"] in page


def test_admins_find_every_settling_code() -> None:
    assert [code for code in get_args(Code) if f"`{code}`" not in read("decisions.md")] == []


def test_admins_find_every_scale_as_the_program_reads_it() -> None:
    page = read("decisions.md")
    assert [scale.key for scale in SCALES.values() if f"| {scale.shape} | {scale.rule} |" not in page] == []


def test_admins_find_every_preset_and_every_playbook() -> None:
    presets = {path.stem for path in (ROOT / "mappings" / "criteria").glob("*.toml")}
    playbooks = {path.stem for path in (ROOT / "mappings" / "playbooks").glob("*.toml")}

    assert {name for name in presets if f"| `{name}` |" not in read("decisions.md")} == set()
    assert {name for name in playbooks if f"`{name}`" not in read("playbooks.md")} == set()

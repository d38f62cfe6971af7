"""What takes long to make is made once for a user of the machine, and what is kept is taken for nothing that it is not."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from kamsync.user_cache import kept_text


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where this user keeps such things."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "kamsync"


def asked(count: Iterator[int], *follows_from: str) -> str:
    return kept_text("charts.js", follows_from, lambda: f"façade {next(count)}\r\n")


def test_it_is_made_once_for_all_that_it_follows_from(folder: Path) -> None:
    made = iter(range(9))
    assert [asked(made, "1.9", "a"), asked(made, "1.9", "a"), asked(made, "1.9", "b"), asked(made, "1.9", "a")] == [
        "façade 0\r\n", "façade 0\r\n", "façade 1\r\n", "façade 0\r\n",
    ]  # fmt: skip
    assert folder.stat().st_mode & 0o077 == 0 and all(one.stat().st_mode & 0o077 == 0 for one in folder.iterdir())


@pytest.mark.parametrize("end", [b"", b"x", b"\xff"])
def test_a_damaged_one_is_made_anew(folder: Path, end: bytes) -> None:
    made = iter(range(9))
    asked(made)
    (file,) = folder.iterdir()
    file.write_bytes(file.read_bytes()[:-1] + end)
    assert (asked(made), asked(made)) == ("façade 1\r\n", "façade 1\r\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file to another")
def test_what_another_user_has_put_there_is_not_taken(folder: Path) -> None:
    made = iter(range(9))
    asked(made)
    (file,) = folder.iterdir()
    os.chown(file, 65534, 65534)
    assert asked(made) == "façade 1\r\n"


def test_what_others_can_change_is_not_taken(folder: Path) -> None:
    made = iter(range(9))
    asked(made)
    (file,) = folder.iterdir()
    file.chmod(0o666)
    assert asked(made) == "façade 1\r\n"


def test_where_nothing_can_be_kept_it_is_made_each_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = iter(range(9))
    folder.write_text("a file in the folder's place")
    assert (asked(made), asked(made)) == ("façade 0\r\n", "façade 1\r\n")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", "~")
    assert asked(made) == "façade 2\r\n"

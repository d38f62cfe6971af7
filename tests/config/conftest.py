"""A folder for each test of the configuration."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.config.desk import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def open_folder() -> Iterator[Folder]:
    """A folder that any user may enter; pytest's own is closed to others."""
    with tempfile.TemporaryDirectory(prefix="kamsync-open-") as name:
        Path(name).chmod(0o755)
        yield Folder(Path(name))

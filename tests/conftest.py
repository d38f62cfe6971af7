"""Settings for the whole suite."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from kamsync.__main__ import LOOK_FOR_CYCLES_AFTER

# Started in the background (`make test &`, a job of CI) a process ignores Ctrl-C, and so would all that the tests start and stop.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Set on many a developer's machine, where it hides what a reader of a pipe waits for in vain.
os.environ.pop("PYTHONUNBUFFERED", None)

# Set in many a container, where each of the hundreds of processes that the tests start then compiles the whole program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Every commit of SQLite waits for the disk: on a slow one that is half of the suite's time, and shows nothing.
_MEMORY, _ROOM_BYTES = Path("/dev/shm"), 4_000_000_000


def _holds_the_folders(memory: Path) -> bool:
    """Programs are run from there too, and a container has 64 MB of it as a rule."""
    if not os.access(memory, os.W_OK):
        return False
    return shutil.disk_usage(memory).free > _ROOM_BYTES and not os.statvfs(memory).f_flag & os.ST_NOEXEC


if _holds_the_folders(_MEMORY):
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))

# The same examples on every run, so that a change is judged by what it changed; KAMSYNC_EXPLORE=1 looks for new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None, max_examples=1_000)
settings.load_profile("explore" if os.environ.get("KAMSYNC_EXPLORE") else "steady")


def pytest_configure(config: pytest.Config) -> None:
    """What the program keeps in a user's cache folder stays in that of pytest, from one run of the tests to the next."""
    cache: pytest.Cache | None = getattr(config, "cache", None)  # none under `-p no:cacheprovider`
    if cache is not None:
        os.environ["XDG_CACHE_HOME"] = str(cache.mkdir("kamsync"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden", action="store_true", help="Rewrite the golden files with what the program says now; runs nothing else."
    )


gc.set_threshold(LOOK_FOR_CYCLES_AFTER)  # as the program itself


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded and found stays to the end: looking through it for cycles takes a fifth of this time, and more later."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


# The files that take longest, begun first: a long one at the end would keep one core busy and the other waiting.
_LONG = (
    "test_in_a_browser.py",
    "test_wheel.py",
    "test_main_job.py",
    "test_report.py",
    "test_mutated_answers.py",
    "test_output.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--golden"):
        items[:] = [item for item in items if "golden" in getattr(item, "fixturenames", ())]
    items.sort(key=lambda item: _LONG.index(item.path.name) if item.path.name in _LONG else len(_LONG))


class Golden:
    """What people read, kept beside the tests in `golden/`: a change of it is a reviewed act (`make golden` rewrites them)."""

    def __init__(self, folder: Path, *, rewrite: bool) -> None:
        self._folder = folder
        self._rewrite = rewrite

    def holds(self, name: str, text: str) -> None:
        """Fails where `golden/<name>` is not exactly `text`."""
        path = self._folder / name
        if self._rewrite:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"There is no golden file {path.name}: make golden"
        assert text == path.read_text(encoding="utf-8"), f"{path.name} reads differently now; if it should: make golden"


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(request.path.parent / "golden", rewrite=request.config.getoption("--golden"))

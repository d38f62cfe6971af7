"""Says at the end how many steps the stories took, on each behaviour of a CRM, also where several workers played them."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.story.machine import STEPS

_of_workers: Counter[str] = Counter()


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["story_steps"] = dict(STEPS)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _of_workers.update(getattr(node, "workeroutput", {}).get("story_steps", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, count in sorted((STEPS + _of_workers).items()):
        terminalreporter.write_line(f"{name}: {count:,} steps played")

"""The contract as tests that anybody can run: every promise of `kamsync.contract`, held against a connector over real HTTP.

A connector's author writes a `Harness` and a class:

    class TestAcme(ConnectorContract):
        harness = HARNESS

For test suites only: it needs pytest, which the installed program does not, so nothing else in kamsync imports it.
`docs/writing-a-connector.md`, "Holding it to the promises", shows the whole file.
"""

from __future__ import annotations

import pytest

# Before the modules are loaded: otherwise a failing promise would say "AssertionError" and nothing else.
pytest.register_assert_rewrite(
    "kamsync.testing.errors",
    "kamsync.testing.faults",
    "kamsync.testing.flags",
    "kamsync.testing.harness",
    "kamsync.testing.reading",
    "kamsync.testing.setup",
    "kamsync.testing.tasks",
)

from kamsync.testing.errors import ErrorPromises  # noqa: E402  # after the registration above, on purpose
from kamsync.testing.faults import FaultPromises  # noqa: E402
from kamsync.testing.flags import FlagPromises  # noqa: E402
from kamsync.testing.harness import Harness, People, RunningCrm  # noqa: E402
from kamsync.testing.reading import ReadingPromises  # noqa: E402
from kamsync.testing.setup import SetupPromises  # noqa: E402
from kamsync.testing.tasks import TaskPromises  # noqa: E402

__all__ = ["ConnectorContract", "Harness", "People", "RunningCrm"]


class ConnectorContract(ReadingPromises, FlagPromises, TaskPromises, SetupPromises, FaultPromises, ErrorPromises):
    """Every promise. Subclass it as `Test…` with a `harness`; a subclass may add tests of its own over the same fixtures."""

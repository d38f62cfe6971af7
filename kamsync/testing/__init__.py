"""The contract as tests that anybody can run, and a CRM in memory: every promise of `kamsync.contract`, held against a connector.

A connector's author writes a `Harness` and a class:

    class TestAcme(ConnectorContract):
        harness = HARNESS

`docs/writing-a-connector.md`, "Holding it to the promises", shows the whole file. The suite needs pytest, which the installed
program does not, so nothing else in kamsync imports it; `kamsync.testing.memory` needs nothing, so the suite is loaded when it is
asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kamsync.testing.harness import Harness, People, RunningCrm
    from kamsync.testing.suite import ConnectorContract, NeutralContract

__all__ = ["ConnectorContract", "Harness", "NeutralContract", "People", "RunningCrm"]

_PROMISES = ("broken_answers", "errors", "faults", "flags", "harness", "leases", "reading", "setup", "tasks")


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # Before the modules are loaded: otherwise a failing promise would say "AssertionError" and nothing else.
    pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _PROMISES))
    module = "suite" if name.endswith("Contract") else "harness"
    return getattr(import_module(f"{__name__}.{module}"), name)

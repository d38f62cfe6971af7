"""What goes wrong between us and a CRM, on any call, in order and countable.

A call goes through `Faults.run`; the first rule that matches it fires. Refusals and failing associations are faults of single
records, which the CRM asks for by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from kamsync.errors import TryLater

FaultKind = Literal["raise", "lose", "kill_before", "kill_after"]
T = TypeVar("T")


class Killed(BaseException):
    """The process ended here. No `except Exception` sees it, as none would see a SIGKILL."""


class AnswerLost(TryLater):
    """The CRM did what was asked, and its answer never came."""


@dataclass
class Fault:
    """One rule. It fires on calls named `call` ("" any), after letting `skip` of them pass, `times` times (None: for ever).

    `raise`: the CRM is down, nothing was done. `lose`: done, but the answer is lost. `kill_before`, `kill_after`: the process
    ends before or after the call. `seen` and `fired` count.
    """

    kind: FaultKind
    call: str = ""
    skip: int = 0
    times: int | None = 1
    seen: int = 0
    fired: int = 0

    def takes(self, call: str) -> bool:
        """Whether this call gets the fault; counts the call."""
        if self.call not in ("", call):
            return False
        self.seen += 1
        if self.seen <= self.skip or (self.times is not None and self.fired >= self.times):
            return False
        self.fired += 1
        return True


class Faults:
    """The rules of one CRM. `refused`: the CRM's words by account id or task key, for records that it will not take."""

    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._failing_associations = 0
        self.refused: dict[str, str] = {}

    def add(self, kind: FaultKind, *, call: str = "", skip: int = 0, times: int | None = 1) -> Fault:
        """A further rule, to watch or to wait for."""
        fault = Fault(kind, call, skip, times)
        self._rules.append(fault)
        return fault

    def refuse(self, ref: str, message: str = "FIELD_CUSTOM_VALIDATION_EXCEPTION: not this one") -> None:
        """The CRM rejects writes to that account, or the creation of that task, until `clear`."""
        self.refused[ref] = message

    def fail_association(self, times: int = 1) -> None:
        """The next `times` tasks that are to be hung on an account are not."""
        self._failing_associations = times

    def association_fails(self) -> bool:
        """Whether the association that is being made now fails; counts it."""
        fails = self._failing_associations > 0
        self._failing_associations -= fails
        return fails

    def clear(self) -> None:
        """The world is whole again."""
        self._rules.clear()
        self.refused.clear()
        self._failing_associations = 0

    def run(self, call: str, work: Callable[[], T]) -> T:
        """`work`, with the fault that is due. Raises TryLater, AnswerLost or Killed."""
        fault = next((rule for rule in self._rules if rule.takes(call)), None)
        if fault is None:
            return work()
        match fault.kind:
            case "raise":
                raise TryLater(f"The CRM is down ({call}).", fix="Run the command again later.")
            case "kill_before":
                raise Killed(call)
        answer = work()
        if fault.kind == "lose":
            raise AnswerLost(f"The answer to {call} was lost.", fix="Run the command again: the next run looks what was done.")
        raise Killed(f"{call}, done: {answer!r:.80}")

"""What the tasks of an account plan are made of and compared with: values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from kamsync.decide.decision import Decision
from kamsync.decide.fact import FactValue
from kamsync.decide.plan import AttachTask, CloseTask, CreateTask, HeldBack, ReassignTask


@dataclass(frozen=True, slots=True)
class Firing:
    """A playbook that fires for an account, with what its tasks need to know.

    `facts` are the facts and DECIDED_NAMES. `stay_began` is the first day whose tasks can be of the present stay in the tier,
    None where the CRM shows no date (decide.moves). `merged_on`: the day on which it was seen that another was merged into the
    account. `moved_on`: this run does not see the move that the playbook asks for, it was decided on that earlier day. Tasks that
    were made for it exist; those that no run came to are wanted again.
    """

    playbook: str
    account_id: str
    name: str
    decision: Decision
    facts: Mapping[str, FactValue]
    stay_began: date | None = None
    merged_on: date | None = None
    moved_on: date | None = None


@dataclass(frozen=True, slots=True)
class ExistingTask:
    """A task with this program's key, as the CRM shows it."""

    key: str
    task_id: str
    account_id: str
    owner_id: str
    subject: str
    due: date | None
    is_open: bool


@dataclass(frozen=True, slots=True)
class CreatedTask:
    """A task as this program created it, from the ledger."""

    owner_id: str
    subject: str
    due: date


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """What becomes of tasks: changes, and what was held back."""

    changes: tuple[CreateTask | AttachTask | ReassignTask | CloseTask, ...] = ()
    held_back: tuple[HeldBack, ...] = ()

    @property
    def creates(self) -> tuple[CreateTask, ...]:
        """The tasks to make."""
        return tuple(change for change in self.changes if isinstance(change, CreateTask))

    @property
    def closes(self) -> tuple[CloseTask, ...]:
        """The tasks to close."""
        return tuple(change for change in self.changes if isinstance(change, CloseTask))

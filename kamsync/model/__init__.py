"""The words that every part of the program shares: the streams of a CRM, and what is written to it and what it answers.

A connector finds all of them here. Of the second half nothing is loaded until it is asked for: who only reads the cache asks for
none of it, and pays for none.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from kamsync.model.streams import (
    PLAN_TEXTS,
    STAKEHOLDER_ROLES,
    STREAMS,
    Column,
    CrmMapping,
    Kind,
    PlanMapping,
    Priority,
    Stream,
    StreamRecord,
    TaskType,
    Value,
    roles_text,
)

if TYPE_CHECKING:
    from kamsync.model.exchange import (
        AccountUpdate,
        Identity,
        Measure,
        NewNote,
        NewTask,
        NoteRef,
        NoteSeen,
        Objective,
        Outcome,
        OutcomeStatus,
        TaskHandOver,
        TaskRef,
        TaskSeen,
        Usage,
    )

__all__ = [
    "PLAN_TEXTS",
    "STAKEHOLDER_ROLES",
    "STREAMS",
    "AccountUpdate",
    "Column",
    "CrmMapping",
    "Identity",
    "Kind",
    "Measure",
    "NewNote",
    "NewTask",
    "NoteRef",
    "NoteSeen",
    "Objective",
    "Outcome",
    "OutcomeStatus",
    "PlanMapping",
    "Priority",
    "Stream",
    "StreamRecord",
    "TaskHandOver",
    "TaskRef",
    "TaskSeen",
    "TaskType",
    "Usage",
    "Value",
    "roles_text",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("kamsync.model.exchange"), name)

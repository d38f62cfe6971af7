"""The whole contract as classes to subclass: every promise, with and without those that only a connector over HTTP can keep."""

from __future__ import annotations

from kamsync.testing.broken_answers import BrokenAnswerPromises
from kamsync.testing.errors import ErrorPromises
from kamsync.testing.faults import FaultPromises
from kamsync.testing.flags import FlagPromises
from kamsync.testing.goals import GoalPromises
from kamsync.testing.leases import LeasePromises
from kamsync.testing.notes import NoteFaultPromises, NotePromises
from kamsync.testing.reads import ReadingPromises
from kamsync.testing.setup import SetupPromises
from kamsync.testing.tasks import TaskPromises


class NeutralContract(
    ReadingPromises, FlagPromises, TaskPromises, NotePromises, GoalPromises, SetupPromises, LeasePromises, ErrorPromises
):
    """What any connector promises, however it reaches its CRM. Subclass it as `Test…` with a `harness`."""


class ConnectorContract(NoteFaultPromises, NeutralContract, FaultPromises, BrokenAnswerPromises):
    """Every promise, of a connector that speaks HTTP. Subclass it as `Test…` with a `harness`; a subclass may add tests of its
    own over the same fixtures."""

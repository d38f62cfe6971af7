"""How many API calls a plan will take, for the person who is asked whether to write it."""

from __future__ import annotations

from math import ceil

from kamsync.contract import Connection, TellsItsCost, Writes
from kamsync.decide.plan import (
    AttachTask,
    Change,
    CloseTask,
    CreateTask,
    DeleteNote,
    DeleteTask,
    Plan,
    ReassignTask,
    UpdateAccount,
    WriteNote,
)


def calls_to_write(connection: Connection, plan: Plan) -> int:
    """About as many calls as `apply` makes after its pull; by the batch size alone where the connector does not tell."""
    if not plan.changes:
        return 0
    writes = _writes_of(plan)
    if isinstance(connection, TellsItsCost):
        return connection.calls_for(writes)
    size = connection.capabilities.batch_size
    looks = (writes.accounts, writes.closes + writes.deletes + writes.reassigns, writes.notes)
    tasks = (writes.creates, writes.attaches, writes.reassigns, writes.closes, writes.deletes)
    kinds = (writes.updates, *tasks, writes.notes)
    return sum(ceil(count / size) for count in (*looks, *kinds))


def _writes_of(plan: Plan) -> Writes:
    def count(kind: type[Change]) -> int:
        return sum(isinstance(change, kind) for change in plan.changes)

    touched = {change.account_id for change in plan.changes if isinstance(change, UpdateAccount | CreateTask)}
    return Writes(
        accounts=len(touched),
        updates=count(UpdateAccount),
        creates=count(CreateTask),
        attaches=count(AttachTask),
        closes=count(CloseTask),
        deletes=count(DeleteTask),
        reassigns=count(ReassignTask),
        notes=count(WriteNote) + count(DeleteNote),
    )

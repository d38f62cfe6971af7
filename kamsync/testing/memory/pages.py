"""Pages of the in-memory CRM: a stream whole, or what changed since a cursor.

A cursor names a stamp. Owners and rates are always read whole; a cursor that is not ours means the whole stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from kamsync import contract
from kamsync.contract import GoalsKept, Page, PeopleShown, PullRequest
from kamsync.errors import AccessDenied
from kamsync.flags import FLAG_PREFIX
from kamsync.model import Column, PlanMapping, Stream
from kamsync.testing.memory.crm import MemoryCrm, plain
from kamsync.testing.memory.mapping import TASK_KEY
from kamsync.testing.memory.records import Record

ALWAYS_WHOLE = (Stream.OWNERS, Stream.RATES)
_CURSOR = re.compile(r"<(?P<stream>[a-z_]+) (?P<stamp>\d{1,12})>")


def pull_stream(crm: MemoryCrm, request: PullRequest) -> Page:
    """The one page of a stream. Raises AccessDenied for a field that the org lacks, unless setup makes it."""
    lacking = lacking_flags(crm, request)
    if lacking:
        return replace(pull_shown(crm, request), cursor=None, lacking=lacking)
    return pull_shown(crm, request)


def pull_shown(crm: MemoryCrm, request: PullRequest) -> Page:
    """The page with null for what the org lacks of the program's own fields."""
    check_fields(crm, request)
    since = None if request.stream in ALWAYS_WHOLE else _stamp_of(request)
    until = crm.indexed_until
    if since is None:
        shown = [record for record in _shown(crm, request.stream) if _wanted(record, request)]
        # A whole read looks at the records themselves; the cursor must not claim what an index has not seen.
        merged = tuple(_merged_since(crm, 0)) if request.stream is Stream.ACCOUNTS else ()
        return _page(
            crm, request, shown, Page(request.stream, merged=merged, last=True, full=True, cursor=_cursor(request, until))
        )
    changed = [r for r in _shown(crm, request.stream) if since < r.changed <= until and _wanted(r, request)]
    merged = tuple(_merged_since(crm, since)) if request.stream is Stream.ACCOUNTS else ()
    gone = tuple(_gone_since(crm, request.stream, since))
    page = Page(request.stream, deleted_ids=gone, merged=merged, last=True, cursor=_cursor(request, max(since, until)))
    return _page(crm, request, changed, page)


def people_of(crm: MemoryCrm, account_id: str, request: PullRequest) -> PeopleShown:
    """The ties of the account's living contacts, and what they are called."""
    shown = crm.contacts(account_id)
    rows = [[_value(record, column) for column in request.columns] for record in shown]
    return PeopleShown(rows, {record.id: (record.text("name"), record.text("title")) for record in shown})


def goals_of(crm: MemoryCrm, plan: PlanMapping, account_id: str) -> GoalsKept:
    """What people keep of the account's goals."""
    record = crm.records.find(Stream.ACCOUNTS, account_id)
    if record is None:
        return GoalsKept()
    said = {name: record.text(field) for name, field in plan.texts.items()}
    goals, ours = said.get("customer_goals", ""), said.get("our_objectives", "")
    objectives = tuple(crm.objectives.get(account_id, ())) if plan.account_plans else ()
    return GoalsKept((("", goals),) if goals else (), (ours,) if ours else (), objectives)


def check_fields(crm: MemoryCrm, request: PullRequest) -> None:
    """Raises AccessDenied, naming the first field that accounts, or tasks, lack."""
    ours = {column.field for column in request.columns if column.name.startswith(FLAG_PREFIX)} | {TASK_KEY}
    missing = [name for name in missing_fields(crm, request) if name not in ours]
    if missing:
        raise AccessDenied(
            f"This org has no field {missing[0]} on {request.stream}.",
            fix="Run `kamsync setup` for the fields of kamsync; correct the mapping for any other.",
        )


def lacking_flags(crm: MemoryCrm, request: PullRequest) -> frozenset[str]:
    """Of what setup makes, what the org lacks: names of flags, or the task key."""
    missing = set(missing_fields(crm, request))
    if request.stream is Stream.TASKS:
        return frozenset({contract.TASK_KEY} if missing else ())
    flags = (column for column in request.columns if column.name.startswith(FLAG_PREFIX))
    return frozenset(column.name.removeprefix(FLAG_PREFIX) for column in flags if column.field in missing)


def missing_fields(crm: MemoryCrm, request: PullRequest) -> list[str]:
    """Names of the asked fields that the org lacks."""
    if request.stream is Stream.TASKS:
        return [] if crm.has_task_key else [TASK_KEY]
    if request.stream is Stream.ACCOUNTS:
        return [column.field for column in request.columns if column.field and column.field not in crm.kinds]
    return []


def _page(crm: MemoryCrm, request: PullRequest, records: list[Record], page: Page) -> Page:
    rows = [[_value(record, column) for column in request.columns] for record in records]
    return Page(request.stream, rows, page.deleted_ids, page.merged, page.last, page.full, page.cursor)


def _shown(crm: MemoryCrm, stream: Stream) -> Iterator[Record]:
    """Of tasks those with our key, deleted ones too; of all others the living."""
    if stream is Stream.TASKS:
        return (task for task in crm.records.tables[stream].values() if task.get(TASK_KEY))
    return crm.records.living(stream)


def _wanted(record: Record, request: PullRequest) -> bool:
    day = record.get("activity_date")
    return request.stream is not Stream.ACTIVITIES or request.since is None or str(day) >= request.since.isoformat()


def _value(record: Record, column: Column) -> Any:
    if column.name == "id":
        return record.id
    if column.name == "is_deleted":
        return record.deleted
    if column.name == "key":
        return record.get(TASK_KEY)
    return plain(record.get(column.field or column.name))


def _gone_since(crm: MemoryCrm, stream: Stream, since: int) -> Iterator[str]:
    """Deleted records that are not shown, and those that are gone for good; a merged account is told as merged."""
    yield from (record_id for record_id, stamp in crm.records.gone[stream].items() if stamp > since)
    for record in crm.records.tables[stream].values():
        hidden = record.deleted or (stream is Stream.TASKS and not record.get(TASK_KEY))
        shown = stream is Stream.TASKS and record.get(TASK_KEY)
        if hidden and not shown and record.changed > since and not _lives_on(crm, record.id):
            yield record.id


def _merged_since(crm: MemoryCrm, since: int) -> Iterator[tuple[str, str]]:
    for old, (_, stamp) in crm.records.merges.items():
        if stamp > since and _lives_on(crm, old):
            yield old, crm.records.living_id(old)


def _lives_on(crm: MemoryCrm, account_id: str) -> bool:
    living = crm.records.living_id(account_id)
    return living != account_id and crm.records.find(Stream.ACCOUNTS, living) is not None


def _cursor(request: PullRequest, stamp: int) -> str | None:
    return None if request.stream in ALWAYS_WHOLE else f"<{request.stream} {stamp}>"


def _stamp_of(request: PullRequest) -> int | None:
    match = _CURSOR.fullmatch(request.cursor or "")
    return int(match["stamp"]) if match and match["stream"] == request.stream else None

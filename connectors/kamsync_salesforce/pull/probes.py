"""The queries of a pull, each asked for one record: what doctor finds before a night's run does."""

from __future__ import annotations

from collections.abc import Iterator

from kamsync.contract import Context, Finding, PullRequest
from kamsync.model import Stream
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import REFUSALS, fault_of, means_unavailable
from kamsync_salesforce.api.mends import DENIED
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.pull.source import Source
from kamsync_salesforce.pull.sources import only_currency, sources_for
from kamsync_salesforce.translate import STAMP, select


def probe(client: Client, org: Org, context: Context, request: PullRequest) -> Iterator[Finding]:
    """Findings on the reading of one stream, with exactly the fields and the filter of a whole pull.

    Fields that are missing are left to the checks of fields, which know why. Raises PlanRefused and TryLater.
    """
    if request.stream is Stream.RATES:
        return
    user_id = org.user_id if request.stream is Stream.TASKS else ""
    sources = sources_for(request, context.mapping, only_currency(request, org), user_id)
    found = [finding for source in sources for finding in _probe_source(client, source)]
    yield from found
    if not found:
        yield Finding(f"reading {request.stream}", "ok", f"The query for {request.stream} works.")


def _probe_source(client: Client, source: Source) -> Iterator[Finding]:
    check = f"reading {source.stream}"
    soql = select(source.sobject, [name for name in (*source.fields, STAMP) if name not in source.absent], source.full_where)
    try:
        client.query(f"{soql} LIMIT 1", include_deleted=source.full_reads_deleted, doing=f"reading {source.sobject}")
        return
    except REFUSALS as error:
        fault = fault_of(error)
        missing = fault.missing_field.lower() if fault else ""
        dropped = next((name for name in source.droppable - source.absent if name.lower() == missing), None)
        if fault is not None and fault.is_too_large_operation:
            message = f"{source.sobject} is read in slices, which costs more calls: {fault.message} ({fault.code})."
            yield Finding(check, "warning", message, DENIED["OPERATION_TOO_LARGE"])
        elif dropped is None and not missing:
            optional = bool(source.absent_problem) and means_unavailable(error)
            message = source.absent_problem if optional else error.message
            if optional:
                yield Finding(check, "ok" if source.is_often_absent else "warning", message)
            else:
                yield Finding(check, "failed", message, error.fix)
    if dropped is not None:
        if dropped in source.absent_field_problems:
            mend = f"Grant 'Read' on {source.sobject}.{dropped} in a permission set of our user."
            yield Finding(check, "warning", source.absent_field_problems[dropped], mend)
        yield from _probe_source(client, source.dropping(dropped))

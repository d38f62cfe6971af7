"""`/crm/v3/exports`: an asynchronous CSV of one object type, one at a time, its file behind an unsigned short-lived URL.

Shapes: HubSpot's OpenAPI document of Exports. Labels instead of values unless internal ones are asked for. Small files come
plain; the zipped parts of very large ones are not imitated.
"""

from __future__ import annotations

import csv
import io
import secrets
from typing import Any

from kamsync_hubspot.sandbox.store import Export

from .kinds import object_kind
from .portal import Portal
from .routes import Route
from .wire import PUBLIC_HOST, Answer, Refusal, Request, bad_request, iso, not_found

URL_LIFETIME_MS = 300_000  # unsourced: the file's URL lives five minutes
DAILY_EXPORTS = 30


def start(portal: Portal, request: Request) -> Answer:
    """Begins an export: 202 with `{id, links}`. Raises Refusal 400 for what is missing or not CSV, 409 beside another one,
    429 past 30 in 24 hours."""
    given = request.json()
    missing = [
        one for one in ("exportType", "format", "exportName", "objectType", "objectProperties", "language") if not given.get(one)
    ]
    if missing:
        raise bad_request(f"Some required fields were not set: [{', '.join(missing)}]", context={"missingFields": missing})
    if given["format"] != "CSV":
        raise bad_request(f"Export format {given['format']} is not supported by the sandbox: use CSV")
    now = request.now_ms
    if any(export.ready_ms > now for export in portal.exports.values()):
        raise Refusal(409, "Another export is running: only one export can run at a time.", category="CONFLICT")
    if sum(export.requested_ms > now - 86_400_000 for export in portal.exports.values()) >= DAILY_EXPORTS:
        raise Refusal(429, f"The limit of {DAILY_EXPORTS} exports in 24 hours has been reached.", category="RATE_LIMITS")
    internal = given.get("exportInternalValuesOptions") or []
    export = Export(
        str(len(portal.exports) + 1),
        object_kind(str(given["objectType"]).lower()),
        tuple(str(name) for name in given["objectProperties"]),
        "NAMES" in internal,
        "VALUES" in internal,
        now + round(portal.options.export_seconds * 1000),
        now,
        secrets.token_urlsafe(24),
    )
    portal.exports[export.id] = export
    return Answer(
        202, {"id": export.id, "links": {"status": f"{PUBLIC_HOST}/crm/v3/exports/export/async/tasks/{export.id}/status"}}
    )


def status(portal: Portal, request: Request, export_id: str) -> Answer:
    """`status`: `PROCESSING`, then `COMPLETE` with the file's address in `result`. Raises Refusal 404 for an unknown id."""
    export = portal.exports.get(export_id)
    if export is None:
        raise not_found()
    answer: dict[str, Any] = {
        "status": "PROCESSING",
        "requestedAt": iso(export.requested_ms),
        "startedAt": iso(export.requested_ms),
        "completedAt": iso(max(export.ready_ms, export.requested_ms + 1)),
        "numErrors": 0,
        "errors": [],
    }
    if export.ready_ms <= request.now_ms:
        scheme = request.headers.get("x-forwarded-proto", "http")
        answer |= {"status": "COMPLETE", "result": f"{scheme}://{request.headers.get('host', 'localhost')}/_exports/{export.key}"}
    return Answer(200, answer)


def download(portal: Portal, request: Request, key: str) -> Answer:
    """The CSV behind an address, which needs no token. Raises Refusal 403 once its five minutes are over."""
    for export in portal.exports.values():
        if secrets.compare_digest(export.key, key) and export.ready_ms <= request.now_ms < export.ready_ms + URL_LIFETIME_MS:
            return Answer(200, raw=_csv(portal, export), media_type="text/csv;charset=utf-8")
    raise Refusal(403, "The link has expired.")


def _csv(portal: Portal, export: Export) -> bytes:
    table = portal.table(export.kind)
    known = [table.definitions[name] for name in export.names if name in table.definitions]
    labels = {one.name: {option["value"]: option["label"] for option in one.options} for one in known}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    id_title = "hs_object_id" if export.internal_names else "Record ID"
    writer.writerow([id_title, *(one.name if export.internal_names else one.label for one in known)])
    for record in table.records.values():
        values = [table.get(record, one.name) or "" for one in known]
        if not export.internal_values:
            values = [labels[one.name].get(value, value) for one, value in zip(known, values, strict=True)]
        writer.writerow([record.id, *values])
    return text.getvalue().encode()


ROUTES = (
    Route("POST", "/crm/v3/exports/export/async", start, "crm.export"),
    Route("GET", "/crm/v3/exports/export/async/tasks/*/status", status, "crm.export"),
)

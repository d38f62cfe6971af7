"""Write flags to accounts: collections of 200, or one Bulk API 2.0 job where that costs fewer calls.

Records go in the order of their ids, one call after the other, so that two of our writes never wait for the same account's lock.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from kamsync.errors import AccessDenied, BadAnswer, ConfigError, TryLater
from kamsync.model.exchange import AccountUpdate, Outcome
from kamsync_salesforce.api.bulk import wait_for_job
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import depends_on_size, fault_of
from kamsync_salesforce.api.writes import Result, outcome, write_updates
from kamsync_salesforce.translate import flag_to_csv, flag_to_json

BULK_ABOVE_RECORDS = 2_000  # ten collections calls; a job costs about as many, polls included
RECORDS_PER_JOB = 100_000  # at 600 bytes a record well below the 100 MB of CSV that one upload takes
DOING = "updating accounts"
_FOR_COLLECTIONS = frozenset({"UNABLE_TO_LOCK_ROW", "DUPLICATES_DETECTED"})


def push_accounts(
    client: Client, updates: Sequence[AccountUpdate], flags: Mapping[str, str], url_of: Callable[[str], str]
) -> Iterator[Outcome]:
    """One outcome an update; `flags` maps canonical names to field names.

    Raises AccessDenied where our user may not write one.
    """
    left: Sequence[AccountUpdate] = sorted(updates, key=lambda update: update.account_id)
    try:
        if len(left) > BULK_ABOVE_RECORDS:
            unsettled: list[AccountUpdate] = []
            for start in range(0, len(left), RECORDS_PER_JOB):
                unsettled += yield from _by_bulk(client, left[start : start + RECORDS_PER_JOB], flags, url_of)
            left = unsettled
        yield from _by_collections(client, left, flags, url_of)
    except ConfigError as error:
        fault = fault_of(error)
        if fault is None or not fault.missing_field:
            raise
        raise AccessDenied(
            f"Salesforce does not let our user write {fault.missing_field} on Account: {fault.message}",
            fix="Run `kamsync setup`: it creates the fields and grants them to our user.",
        ) from error


def _by_collections(
    client: Client, updates: Sequence[AccountUpdate], flags: Mapping[str, str], url_of: Callable[[str], str]
) -> Iterator[Outcome]:
    records = [
        {"Id": update.account_id, **{flags[name]: flag_to_json(value) for name, value in update.fields.items()}}
        for update in updates
    ]
    for position, result in write_updates(client, "Account", records, doing=DOING):
        yield outcome(updates[position].account_id, updates[position].account_id, result, url_of)


def _by_bulk(
    client: Client, updates: Sequence[AccountUpdate], flags: Mapping[str, str], url_of: Callable[[str], str]
) -> Generator[Outcome, None, Sequence[AccountUpdate]]:
    """One ingest job. Returns the updates that it did not settle, for collections to finish: a job that broke, locked rows,
    batches too large for the org's Apex, and duplicate rules that only alert, whose header the Bulk API does not take.

    JobComplete does not mean that all succeeded, and Failed may leave a part applied; every update can be repeated, so whatever
    is not known to be done or refused is simply written again.
    """
    job = _run_job(client, _csv(updates, flags))
    if job is None or job["state"] != "JobComplete":
        client.log("bulk_job_failed", state=str(job and job["state"]), error=str(job and job.get("errorMessage")))
        return updates
    failed = _failures(client, str(job["id"])) if job.get("numberRecordsFailed") != 0 else {}
    if job.get("numberRecordsProcessed") != len(updates):
        return updates
    again: list[AccountUpdate] = []
    for update in updates:
        code, _, rest = failed.get(update.account_id, "").partition(":")
        message, _, field = rest.rpartition(":")
        if code in _FOR_COLLECTIONS or depends_on_size(code, message or rest):
            again.append(update)
        elif code:
            refused = Result("refused", code=code, message=(message or rest) + _field_note(field))
            yield outcome(update.account_id, update.account_id, refused, url_of)
        else:
            yield Outcome(update.account_id, "done", update.account_id)
    return again


def _field_note(field: str) -> str:
    """`sf__Error` ends in the fields at fault and two hyphens: "CODE:message:KAM_Tier__c --"."""
    names = field.removesuffix("--").strip()
    return f" [{names}]" if names else ""


def _csv(updates: Sequence[AccountUpdate], flags: Mapping[str, str]) -> bytes:
    """One CSV for all: an empty cell means "leave it", so updates of different fields may share a job."""
    names = [name for name in flags if any(name in update.fields for update in updates)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["Id", *(flags[name] for name in names)])
    for update in updates:
        cells = (flag_to_csv(update.fields[name]) if name in update.fields else "" for name in names)
        writer.writerow([update.account_id, *cells])
    return text.getvalue().encode()


def _run_job(client: Client, body: bytes) -> Mapping[str, Any] | None:
    """The job's last state; None where it could not be started or its upload got lost."""
    job = {"object": "Account", "operation": "update", "contentType": "CSV", "lineEnding": "LF", "columnDelimiter": "COMMA"}
    # An empty job that nobody closes is dropped by Salesforce after a week, so creating it twice does no harm.
    created = client.rest("POST", "jobs/ingest", json=job, doing=DOING, repeatable=True)
    job_id = str(created.get("id") or "") if isinstance(created, Mapping) else ""
    if not job_id:
        return None
    path = f"jobs/ingest/{job_id}"
    try:
        client.upload(f"{path}/batches", body, "text/csv; charset=UTF-8", doing=DOING)
        client.rest("PATCH", path, json={"state": "UploadComplete"}, doing=DOING)
    except (TryLater, BadAnswer) as error:
        # An answer was lost, or the repeated call was refused because the first had arrived: the job itself knows.
        client.log("bulk_upload_unclear", error=str(error))
        state = client.rest("GET", path, doing=DOING)
        if isinstance(state, Mapping) and state.get("state") == "Open":
            client.rest("PATCH", path, json={"state": "Aborted"}, doing=DOING)
            return None
    return wait_for_job(client, path, DOING)


def _failures(client: Client, job_id: str) -> dict[str, str]:
    """`sf__Error` by account id. Order of results is not that of the upload, and sf__Id may be empty: our Id column is there."""
    with tempfile.TemporaryFile(prefix="kamsync-") as file:
        client.download(f"jobs/ingest/{job_id}/failedResults", file, doing=DOING)
        file.seek(0)
        with io.TextIOWrapper(file, encoding="utf-8", newline="") as text:
            return {row.get("Id") or row.get("sf__Id") or "": row.get("sf__Error") or "" for row in csv.DictReader(text)}

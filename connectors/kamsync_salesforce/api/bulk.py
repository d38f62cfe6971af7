"""Bulk API 2.0: start a query job, wait for it, fetch its result pages five at a time, read them as CSV rows.

Bulk API 2.0 Developer Guide. simple-salesforce's `bulk2` sleeps five seconds before it looks, holds results as text and knows no
resultPages, hence this module on the same session. Pages go through temporary files, so memory stays flat.
"""

from __future__ import annotations

import csv
import io
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO, Any

from kamsync.errors import BadAnswer, KamsyncError, TryLater
from kamsync_salesforce.api.client import Client, never_twice
from kamsync_salesforce.api.errors import JobFailed, fault_of, translate

RESULT_PAGES_VERSION = 58.0
PARALLEL_DOWNLOADS = 5  # resultPages names up to five addresses at a time
SERIAL_PAGE_RECORDS = 50_000
FIRST_POLL_SECONDS = 0.5
LONGEST_POLL_SECONDS = 10.0
LONGEST_JOB_SECONDS = 3600.0
DOWNLOAD_ATTEMPTS = 3

# Bulk API 2.0 allows 131,072 characters in a field, which is where Python's csv would stop.
csv.field_size_limit(1 << 20)


class NotForBulk(Exception):
    """This query cannot be a bulk job (an object or a field outside the Bulk API): read it by REST pages."""


@dataclass(frozen=True, slots=True)
class QueryJob:
    """A query job that Salesforce has accepted."""

    id: str
    sobject: str


@dataclass(frozen=True, slots=True)
class ResultPage:
    """One downloaded page: CSV with its header, and how many records Salesforce says are in it (None where it does not)."""

    file: IO[bytes]
    records: int | None


def start_query(client: Client, soql: str, sobject: str, *, include_deleted: bool) -> QueryJob:
    """Creates a query job. Two of them by a repeated call do no harm, so the call is repeatable.

    Raises NotForBulk where the object or a field is outside the Bulk API, BadAnswer where no job is named.
    """
    body = {"operation": "queryAll" if include_deleted else "query", "query": soql, "contentType": "CSV", "lineEnding": "LF"}
    try:
        answer = client.rest("POST", "jobs/query", json=body, doing=f"the bulk query on {sobject}", repeatable=True)
    except KamsyncError as error:
        fault = fault_of(error)
        if fault is not None and _outside_bulk(fault.code, fault.message):
            raise NotForBulk(fault.message) from error
        raise
    if not isinstance(answer, Mapping) or not answer.get("id"):
        raise BadAnswer("Salesforce accepted a bulk query without naming the job.", fix="Run again; report this if it stays.")
    return QueryJob(str(answer["id"]), sobject)


def _outside_bulk(code: str, message: str) -> bool:
    return code == "INVALIDENTITY" or "compound data" in message or "not supported by the Bulk API" in message


def wait_for_job(client: Client, path: str, doing: str) -> Mapping[str, Any]:
    """Polls, 0.5 s doubling to 10 s, until the job has ended; its last state.

    Raises TryLater where that takes an hour, BadAnswer where no state is told.
    """
    wait, waited = FIRST_POLL_SECONDS, 0.0
    while True:
        state = client.rest("GET", path, doing=doing)
        if not isinstance(state, Mapping) or "state" not in state:
            raise BadAnswer(f"Salesforce does not tell the state of {doing}.", fix="Run again; report this if it stays.")
        if state["state"] in ("JobComplete", "Failed", "Aborted"):
            return state
        if waited >= LONGEST_JOB_SECONDS:
            raise TryLater(
                f"Salesforce has not finished {doing} in an hour.", fix="Setup → Bulk Data Load Jobs shows it; run again later."
            )
        time.sleep(wait)
        waited += wait
        wait = min(wait * 2, LONGEST_POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class CsvPage:
    """One result page as it is read: header, rows, and how many rows Salesforce says there are."""

    header: list[str]
    rows: Iterator[list[str]]
    told: int | None


def result_pages(client: Client, job: QueryJob) -> Iterator[CsvPage]:
    """The finished job's pages, one after the other; a page must be read before the next is asked for."""
    doing = f"the bulk query on {job.sobject}"
    state = wait_for_job(client, f"jobs/query/{job.id}", doing)
    if state["state"] != "JobComplete":
        message = str(state.get("errorMessage") or f"the job is {state['state']}")
        if _outside_bulk("", message):
            raise NotForBulk(message)
        failure = JobFailed(message)
        raise translate(failure, doing=doing, host="Salesforce") from failure
    for page in _pages(client, job, doing):
        with page.file, io.TextIOWrapper(page.file, encoding="utf-8", newline="") as text:
            reader = csv.reader(text)
            yield CsvPage(next(reader, []), reader, page.records)


def _pages(client: Client, job: QueryJob, doing: str) -> Iterator[ResultPage]:
    if float(client.api_version) >= RESULT_PAGES_VERSION:
        try:
            yield from _parallel_pages(client, job, doing)
            return
        except _NoResultPages:
            pass
    yield from _serial_pages(client, job, doing)


class _NoResultPages(Exception):
    """The org has no resultPages resource."""


def _addresses(client: Client, job: QueryJob, doing: str) -> Iterator[str]:
    path: str | None = f"jobs/query/{job.id}/resultPages"
    first, asked = True, set[str]()
    while path:
        never_twice(path, asked, doing)
        try:
            answer = client.rest("GET", _below_base(client, path), doing=doing)
        except KamsyncError as error:
            fault = fault_of(error)
            if first and fault is not None and fault.status in (404, 405):
                raise _NoResultPages from error
            raise
        first = False
        if not isinstance(answer, Mapping):
            raise BadAnswer(f"Salesforce does not list the result pages of {doing}.", fix="Run again; report this if it stays.")
        for page in answer.get("resultPages") or ():
            yield str(page["resultUrl"])
        following = answer.get("nextRecordsUrl") or answer.get("nextRecordUrl")
        path = str(following) if following and not answer.get("done") else None


def _below_base(client: Client, path: str) -> str:
    """A path under the versioned base, from one that may begin with it."""
    return path.removeprefix(client.base_path)


def _parallel_pages(client: Client, job: QueryJob, doing: str) -> Iterator[ResultPage]:
    addresses = _addresses(client, job, doing)
    pending: deque[Future[ResultPage]] = deque()
    pool = ThreadPoolExecutor(PARALLEL_DOWNLOADS, thread_name_prefix="salesforce-download")
    try:
        while True:
            while len(pending) < PARALLEL_DOWNLOADS:
                address = next(addresses, None)
                if address is None:
                    break
                pending.append(pool.submit(_download, client, address, doing))
            if not pending:
                return
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()
        pool.shutdown(wait=True)
        for future in pending:
            if not future.cancelled() and future.exception() is None:
                future.result().file.close()


def _download(client: Client, address: str, doing: str) -> ResultPage:
    page, _ = _fetch(client, address, doing)
    return page


def _serial_pages(client: Client, job: QueryJob, doing: str) -> Iterator[ResultPage]:
    locator, asked = "", set[str]()
    while locator != "null":
        never_twice(locator, asked, doing)
        suffix = f"&locator={locator}" if locator else ""
        address = f"jobs/query/{job.id}/results?maxRecords={SERIAL_PAGE_RECORDS}{suffix}"
        page, locator = _fetch(client, address, doing)
        yield page


def _fetch(client: Client, address: str, doing: str) -> tuple[ResultPage, str]:
    file = tempfile.TemporaryFile(prefix="kamsync-")  # noqa: SIM115  # closed by whoever reads the page
    try:
        for _ in range(DOWNLOAD_ATTEMPTS):
            headers = client.download(address, file, doing=doing)
            told = headers.get("sforce-numberofrecords", "")
            records = int(told) if told.isdigit() else None
            # Values may hold line ends too, so more lines prove nothing, but fewer than records prove a cut.
            if records is None or _line_ends(file) >= records:
                break
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return ResultPage(file, records), headers.get("sforce-locator") or "null"


def _line_ends(file: IO[bytes]) -> int:
    file.seek(0)
    return sum(chunk.count(b"\n") for chunk in iter(lambda: file.read(1 << 20), b""))

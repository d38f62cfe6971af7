"""Bulk API 2.0 (Bulk API 2.0 Developer Guide): query jobs with result pages, ingest jobs with their three kinds of results."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from .answers import csv_pages
from .ids import normal_id
from .org import Org
from .problems import ApiProblem, malformed
from .schema import SObject
from .soql import Item, Query, parse
from .soql_to_sql import Compiled
from .writes import Writer

RESULT_PAGE = 50_000
PARALLEL_PAGES = 5
TRANSACTION = 200  # records that triggers see at a time, also in a bulk job (Apex Developer Guide, "Triggers and Bulk Requests")
DELIMITERS = {"COMMA": ",", "SEMICOLON": ";", "TAB": "\t", "PIPE": "|", "CARET": "^", "BACKQUOTE": "`"}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}


@dataclass
class Job:
    """A job. Work is done when it is due: a query when it is first polled, an ingest when its upload is complete."""

    id: str
    kind: str  # query | ingest
    details: dict[str, Any]
    state: str
    created: str
    compiled: Compiled | None = None
    count: int = 0
    ids: list[Any] = dataclass_field(default_factory=list)
    pages: dict[int, tuple[bytes, int]] = dataclass_field(default_factory=dict)
    upload: str | None = None
    successes: list[list[str]] = dataclass_field(default_factory=list)
    failures: list[list[str]] = dataclass_field(default_factory=list)
    header: list[str] = dataclass_field(default_factory=list)
    error: str = ""


class Bulk:
    """Jobs of one org."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def create_query(self, body: Mapping[str, Any]) -> Job:
        """A query job that is ready to run. Raises ApiProblem for what the Bulk API does not read: entities outside it
        (INVALIDENTITY), aggregates, OFFSET, subqueries and compound fields (FEATURENOTENABLED)."""
        query = parse(str(body.get("query", "")))
        if query.sobject.lower() in self._org.objects and not self._org.objects[query.sobject.lower()].bulk:
            raise ApiProblem("INVALIDENTITY", f"Entity '{query.sobject}' is not supported by the Bulk API.")
        if (
            query.group_by
            or query.offset
            or any(isinstance(i, Query) or i.function not in ("", "tolabel", "convertcurrency") for i in query.items)
        ):
            raise ApiProblem("FEATURENOTENABLED", "Aggregate relationships, subqueries and functions not supported in Bulk Query")
        for item in query.items:
            if isinstance(item, Item) and item.path.lower() in ("billingaddress", "shippingaddress", "mailingaddress"):
                raise ApiProblem("FEATURENOTENABLED", "Selecting compound data not supported in Bulk Query")
        compiled = self._org.compile(query, include_deleted=body.get("operation") == "queryAll")
        details = {"operation": body.get("operation", "query"), "object": compiled.sobject.name, "contentType": "CSV",
                   "lineEnding": "LF", "columnDelimiter": "COMMA"}  # fmt: skip
        job = Job(self._org.next_id("750"), "query", details, "UploadComplete", self._org.stamp(), compiled)
        self._org.jobs[job.id] = job
        return job

    def finish_query(self, job: Job) -> None:
        """Runs it: pages of CSV are made once, from one reading of the records."""
        if job.state != "UploadComplete" or job.compiled is None:
            return
        try:
            self._org.check_activities(job.compiled)
        except ApiProblem as problem:
            job.state, job.error = "Failed", f"{problem.code}: {problem.message}"
            return
        rows = self._org.db.execute(job.compiled.sql, job.compiled.parameters)
        for number, page in enumerate(csv_pages(job.compiled, rows, RESULT_PAGE)):
            job.pages[number] = page
            job.count += page[1]
        if not job.pages:
            header = ",".join(f'"{".".join(output.path)}"' for output in job.compiled.outputs) + "\n"
            job.pages[0] = (header.encode(), 0)
        job.state = "JobComplete"

    def result(self, job: Job, locator: str | None, most: int | None) -> tuple[bytes, int, str]:
        """CSV, its number of records, and the next locator ("null" at the end). Raises ApiProblem (INVALIDLOCATOR)."""
        self._must_be_complete(job)
        number = _page_number(locator)
        if number not in job.pages:
            raise ApiProblem("INVALIDLOCATOR", "The locator is not valid.")
        body, count = job.pages[number]
        if most is not None and most < count:
            rows = body.decode().split("\n")  # the sample's values hold no line breaks in bulk tests with maxRecords
            body, count = ("\n".join(rows[: most + 1]) + "\n").encode(), most
        following = f"MTAw{number + 1:04d}" if number + 1 in job.pages else "null"
        return body, count, following

    def result_pages(self, job: Job, locator: str | None, version: str) -> dict[str, Any]:
        """Up to five addresses of result pages at a time ("Get Parallel Results", version 58 and later)."""
        self._must_be_complete(job)
        first = _page_number(locator)
        numbers = [n for n in range(first, first + PARALLEL_PAGES) if n in job.pages]
        url = f"/services/data/{version}/jobs/query/{job.id}"
        pages = [{"resultUrl": f"{url}/results?locator=MTAw{n:04d}"} for n in numbers]
        following = first + PARALLEL_PAGES
        if following in job.pages:
            return {"resultPages": pages, "nextRecordsUrl": f"{url}/resultPages?locator=MTAw{following:04d}", "done": False}
        return {"resultPages": pages, "done": True}

    @staticmethod
    def _must_be_complete(job: Job) -> None:
        if job.state != "JobComplete":
            raise ApiProblem("INVALIDJOBSTATE", "Job must be in state JobComplete")

    def create_ingest(self, body: Mapping[str, Any]) -> Job:
        """An open ingest job. Raises ApiProblem for an unknown entity or operation, or an upsert that names no external id."""
        sobject = self._org.objects.get(str(body.get("object", "")).lower())
        if sobject is None:
            raise ApiProblem("INVALIDENTITY", f"Entity '{body.get('object')}' is not supported by the Bulk API.")
        operation = body.get("operation")
        if operation not in ("insert", "update", "upsert", "delete", "hardDelete"):
            raise ApiProblem("INVALIDJOB", f"Unknown operation: {operation}")
        if operation == "upsert" and not body.get("externalIdFieldName"):
            raise ApiProblem("INVALIDJOB", "External ID field name is required for upsert")
        details = {"operation": operation, "object": sobject.name, "contentType": "CSV", "lineEnding": body.get("lineEnding", "LF"),
                   "columnDelimiter": body.get("columnDelimiter", "COMMA")}  # fmt: skip
        if body.get("externalIdFieldName"):
            details["externalIdFieldName"] = body["externalIdFieldName"]
        job = Job(self._org.next_id("750"), "ingest", details, "Open", self._org.stamp())
        self._org.jobs[job.id] = job
        return job

    def upload(self, job: Job, text: str) -> None:
        """Takes the one CSV of an open job. Raises ApiProblem (INVALIDJOBSTATE) for a second."""
        if job.state != "Open" or job.upload is not None:
            raise ApiProblem("INVALIDJOBSTATE", "Found multiple contents for job: one upload is allowed")
        job.upload = text

    def set_state(self, job: Job, state: str) -> None:
        """`UploadComplete` or `Aborted`, as clients may set it. Raises ApiProblem (INVALIDJOBSTATE) for any other step."""
        if state == "Aborted" and job.state in ("Open", "UploadComplete", "InProgress"):
            job.state = "Aborted"
        elif state == "UploadComplete" and job.state == "Open":
            job.state = "UploadComplete"
        else:
            raise ApiProblem("INVALIDJOBSTATE", f"Invalid job state transition: {job.state} to {state}")

    def finish_ingest(self, job: Job) -> None:
        """Carries an uploaded job out, row by row; one with wrong line ends or an unknown column fails as a whole."""
        if job.state != "UploadComplete":
            return
        sobject = self._org.objects[job.details["object"].lower()]
        text = job.upload or ""
        ending = LINE_ENDINGS.get(job.details["lineEnding"], "\n")
        if (ending == "\n" and "\r\n" in text) or (ending == "\r\n" and "\r\n" not in text.strip()):
            job.state, job.error = "Failed", "InvalidBatch : LineEnding is invalid on user data. Current LineEnding setting is " + job.details["lineEnding"]  # fmt: skip
            return
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=DELIMITERS[job.details["columnDelimiter"]]) if row]
        job.header = rows[0] if rows else []
        for name in job.header:
            field = sobject.field(name)
            if field is None or not self._org.visible(sobject, field):
                job.state, job.error = "Failed", f"InvalidBatch : Field name not found : {name}"
                return
        self._org.db.execute("BEGIN")
        for row in rows[1:]:
            self._one(job, sobject, row, min(TRANSACTION, len(rows) - 1))
        self._org.db.execute("COMMIT")
        job.count = len(rows) - 1
        job.state = "JobComplete"

    def _one(self, job: Job, sobject: SObject, row: list[str], transaction: int) -> None:
        given = {name: value for name, value in zip(job.header, row, strict=False) if value != ""}  # empty means: leave
        values = {name: None if value == "#N/A" else value for name, value in given.items()}
        record_id = str(next((v for n, v in values.items() if n.lower() == "id"), "") or "")
        writer = Writer(self._org)
        writer.transaction = transaction
        created = False
        try:
            match job.details["operation"]:
                case "insert":
                    record_id, created = writer.create(sobject, values), True
                case "update":
                    writer.update(sobject, record_id, values)
                case "upsert":
                    key = job.details["externalIdFieldName"]
                    own = {n: v for n, v in values.items() if n.lower() != key.lower()}
                    value = next((v for n, v in values.items() if n.lower() == key.lower()), None)
                    record_id, created = writer.upsert(sobject, key, value, own)
                case "delete":
                    writer.delete(sobject, record_id)
                case "hardDelete":
                    writer.hard_delete(sobject, record_id)
        except ApiProblem as problem:
            fields = ",".join(problem.fields)
            job.failures.append([record_id, f"{problem.code}:{problem.message}:{fields} --", *row])
            return
        job.successes.append([normal_id(record_id) or record_id, "true" if created else "false", *row])

    def results_csv(self, job: Job, kind: str) -> bytes:
        """successfulResults, failedResults or unprocessedrecords."""
        if kind == "unprocessedrecords":
            return _csv([job.header])
        if kind == "successfulResults":
            return _csv([["sf__Id", "sf__Created", *job.header], *job.successes])
        return _csv([["sf__Id", "sf__Error", *job.header], *job.failures])

    def info(self, job: Job, version: str, *, created: bool = False) -> dict[str, Any]:
        """The job as the API tells it; `created` as in the answer to its creation, which tells less."""
        answer: dict[str, Any] = {
            "id": job.id,
            **job.details,
            "createdById": self._org.agent_id,
            "createdDate": job.created.replace("Z", "+0000"),
            "systemModstamp": job.created.replace("Z", "+0000"),
            "state": job.state,
            "concurrencyMode": "Parallel",
            "apiVersion": float(version.removeprefix("v")),
        }
        if job.kind == "ingest":
            answer["contentUrl"] = f"services/data/{version}/jobs/ingest/{job.id}/batches"
        if created:
            return answer
        answer |= {"jobType": "V2Query" if job.kind == "query" else "V2Ingest", "numberRecordsProcessed": job.count,
                   "retries": 0, "totalProcessingTime": 10}  # fmt: skip
        if job.kind == "ingest":
            answer |= {"numberRecordsFailed": len(job.failures), "apexProcessingTime": 0, "apiActiveProcessingTime": 10}
        if job.error:
            answer["errorMessage"] = job.error
        return answer


def _csv(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(row for row in rows if row)
    return text.getvalue().encode()


def _page_number(locator: str | None) -> int:
    if not locator or locator == "null":
        return 0
    if not locator.startswith("MTAw") or not locator[4:].isdigit():
        raise malformed("The locator is not valid.")
    return int(locator[4:])

"""The org's HTTP interface: one raw ASGI app that finds the resource, checks the session, counts the call and answers.

REST API Developer Guide; Bulk API 2.0 Developer Guide; SOAP login as both jsforce and simple-salesforce send it.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, unquote

import orjson

from .answers import Queries, json_value, retrieved
from .bulk import Bulk, Job
from .custom_fields import Customizing
from .describe import basic_information, describe, describe_global
from .ids import normal_id
from .org import Org
from .problems import ApiProblem, no_such_type
from .records import Records
from .sign_in import LATEST_VERSION, OLDEST_VERSION, soap_login, token_answer

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
URI_LIMIT = 16_384
GZIP_ABOVE = 2_048


class Call:
    """One request, read."""

    def __init__(self, scope: Scope, body: bytes) -> None:
        self.method: str = scope["method"]
        self.path: str = unquote(scope["path"])
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self.raw_query: str = scope.get("query_string", b"").decode("latin-1")
        self.query = {name: values[0] for name, values in parse_qs(self.raw_query, keep_blank_values=True).items()}
        self.body = body
        self.base = f"{scope.get('scheme', 'http')}://{self.headers.get('host', '127.0.0.1')}"
        self.version = ""

    def json(self) -> Any:
        """The body, {} where there is none. Raises ApiProblem (JSON_PARSER_ERROR) where it is no JSON."""
        if not self.body:
            return {}
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise ApiProblem("JSON_PARSER_ERROR", str(error)) from error


class Answer(Exception):
    """A finished answer of another kind than JSON 200."""

    def __init__(
        self, status: int, body: Any = None, content_type: str = "application/json", headers: Mapping[str, str] | None = None
    ):
        super().__init__(status)
        self.status, self.body, self.content_type, self.headers = status, body, content_type, dict(headers or {})


class SalesforceApp:
    """ASGI app over one org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._bulk = Bulk(org)
        self._customizing = Customizing(org)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        call = Call(scope, body)
        try:
            answer = self._answer(call)
        except Answer as other:
            answer = other
        except ApiProblem as problem:
            answer = Answer(problem.status, problem.as_rest())
        await self._send(call, answer, send)

    def _answer(self, call: Call) -> Answer:
        if len(call.path) + len(call.raw_query) > URI_LIMIT:
            return Answer(414, b"<html><body>Request-URI Too Long</body></html>", "text/html")
        if call.path == "/services/oauth2/token":
            status, body = token_answer(self.org, call.body, call.headers, call.base)
            return Answer(status, body)
        soap = re.fullmatch(r"/services/Soap/([ucm])/(\d+\.\d)(?:/\w*)?", call.path)
        if soap is not None:
            return self._soap(call, soap[1], soap[2])
        if call.path.rstrip("/") == "/services/data":
            return Answer(200, [_version(n) for n in range(OLDEST_VERSION, LATEST_VERSION + 1)])
        match = re.fullmatch(r"/services/data/(v\d+\.0)(?:/(.*))?", call.path)
        if match is None:
            return self._other(call)
        if int(match[1][1:-2]) < OLDEST_VERSION:
            return Answer(410, [{"message": "The requested API version is retired", "errorCode": "UNSUPPORTED_API_VERSION"}])
        if int(match[1][1:-2]) > LATEST_VERSION:
            return Answer(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])
        call.version = match[1]
        self._admit(call)
        return Answer(200, self._resource(call, (match[2] or "").strip("/").split("/")))

    def _admit(self, call: Call) -> None:
        token = call.headers.get("authorization", "").partition(" ")[2]
        if not self.org.session_is_open(token):
            raise ApiProblem("INVALID_SESSION_ID", "Session expired or invalid", 401)
        if not self.org.options.api_enabled:
            raise ApiProblem("API_DISABLED_FOR_ORG", "The REST API is not enabled for this Organization.", 403)
        if self.org.calls >= self.org.daily_limit:
            raise ApiProblem("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", 403)
        self.org.calls += 1

    def _soap(self, call: Call, endpoint: str, version: str) -> Answer:
        if b"login" in call.body and endpoint != "m":
            status, xml = soap_login(self.org, call.body.decode(), version, call.base)
            return Answer(status, xml.encode(), "text/xml; charset=UTF-8")
        token = re.search(rb"<(?:\w+:)?sessionId>([^<]+)<", call.body)
        if token is None or not self.org.session_is_open(token[1].decode()):
            fault = "<soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session</faultstring></soapenv:Fault>"  # fmt: skip
            return Answer(500, _soap_body(fault), "text/xml; charset=UTF-8")
        self.org.calls += 1
        try:
            return Answer(200, self._customizing.soap(call.body).encode(), "text/xml; charset=UTF-8")
        except ApiProblem as problem:
            fault = f"<soapenv:Fault><faultcode>sf:{problem.code}</faultcode><faultstring>{problem.message}</faultstring></soapenv:Fault>"
            return Answer(500, _soap_body(fault), "text/xml; charset=UTF-8")

    def _other(self, call: Call) -> Answer:
        if call.path in ("/services/oauth2/userinfo", f"/id/{self.org.org_id}/{self.org.agent_id}"):
            self._admit(call)
            return Answer(200, {"user_id": self.org.agent_id, "organization_id": self.org.org_id, "sub": f"{call.base}/id/{self.org.org_id}/{self.org.agent_id}",
                                "username": "agent@kamsync.example", "preferred_username": "agent@kamsync.example", "name": "kamsync agent"})  # fmt: skip
        if call.path == "/services/oauth2/revoke":
            self.org.sessions.pop(parse_qs(call.body.decode()).get("token", [""])[0], None)
            return Answer(200, b"", "text/plain")
        return Answer(404, [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}])

    # -- resources -------------------------------------------------------------------------------------------------------------

    def _resource(self, call: Call, path: list[str]) -> Any:
        match path:
            case [""]:
                base = f"/services/data/{call.version}"
                return {
                    name: f"{base}/{name}" for name in ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
                }
            case ["limits"]:
                return {"DailyApiRequests": {"Max": self.org.daily_limit, "Remaining": self.org.daily_limit - self.org.calls},
                        "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000 - len(self.org.jobs)}}  # fmt: skip
            case ["limits", "recordCount"]:
                return self._record_count(call)
            case [("query" | "queryAll") as kind]:
                queries = Queries(self.org, call.base)
                return queries.first_page(
                    call.query.get("q", ""), call.version, include_deleted=kind == "queryAll", size=_batch(call)
                )
            case [("query" | "queryAll"), locator]:
                return Queries(self.org, call.base).next_page(locator, call.version, _batch(call))
            case ["tooling", *rest]:
                return self._tooling(call, rest)
            case ["sobjects", *rest]:
                return self._sobjects(call, rest)
            case ["composite", *rest]:
                return self._composite(call, rest)
            case ["jobs", "query", *rest]:
                return self._query_jobs(call, rest)
            case ["jobs", "ingest", *rest]:
                return self._ingest_jobs(call, rest)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    def _record_count(self, call: Call) -> Any:
        asked = call.query["sObjects"].split(",") if "sObjects" in call.query else [*self.org.objects]  # all, where none is named
        names = [name for name in asked if name.lower() in self.org.objects]
        counts = []
        for name in names:
            spelled = self.org.objects[name.lower()].name
            count = self.org.db.execute(f"SELECT count(*) FROM {spelled} WHERE IsDeleted = 0").fetchone()[0]
            counts.append({"name": spelled, "count": count})
        return {"sObjects": counts}

    def _tooling(self, call: Call, path: list[str]) -> Any:
        match path:
            case ["query"]:
                return self._customizing.query(call.query.get("q", ""), call.version)
            case ["sobjects", "CustomField"] if call.method == "POST":
                raise Answer(201, self._customizing.create_field(call.json()))
            case ["sobjects", "CustomField", field_id] if call.method == "PATCH":
                self._customizing.change_field(field_id, call.json())
                raise Answer(204)
            case ["sobjects", "CustomField", field_id]:
                return self._customizing.field(field_id)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    def _sobjects(self, call: Call, path: list[str]) -> Any:
        records = Records(self.org, call.version, call.headers)
        match path:
            case []:
                return describe_global(self.org, call.version)
            case [name, *rest]:
                sobject = self.org.objects.get(name.lower())
                if sobject is None:
                    raise (
                        no_such_type(name)
                        if rest == ["describe"]
                        else ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
                    )
                self.org.admit(sobject)
                if rest == ["describe"]:
                    if not self.org.has(sobject):
                        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
                    return describe(self.org, sobject, call.version)
                if not rest and call.method == "POST":
                    created = records.writer.create(sobject, call.json())
                    raise Answer(201, {"id": created, "success": True, "errors": []})
                if not rest:
                    return basic_information(self.org, sobject, call.version)
                if rest[0] in ("deleted", "updated"):
                    return records.changed(sobject, rest[0], call.query)
                return self._record(call, records, sobject.name, rest)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    def _record(self, call: Call, records: Records, name: str, path: list[str]) -> Any:
        sobject = self.org.objects[name.lower()]
        if len(path) == 2 and path[1] == "Content" and sobject.name == "ContentNote":
            raise Answer(200, str(records.writer.existing(sobject, path[0])["Content"] or "").encode(), "text/html")
        if len(path) == 2:
            if call.method == "PATCH":
                record_id, created = records.writer.upsert(sobject, path[0], path[1], call.json())
                raise Answer(201 if created else 200, {"id": record_id, "success": True, "errors": [], "created": created})
            record_id = records.by_external_id(sobject, path[0], path[1])
        else:
            record_id = path[0]
        match call.method:
            case "PATCH":
                records.writer.update(sobject, record_id, call.json())
                raise Answer(204)
            case "DELETE":
                records.writer.delete(sobject, record_id)
                raise Answer(204)
        if normal_id(record_id) is None:
            raise ApiProblem("NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + record_id, 404)
        try:
            record = records.writer.existing(sobject, record_id)
        except ApiProblem as problem:
            if problem.code == "INVALID_CROSS_REFERENCE_KEY":
                raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404) from problem
            raise
        fields = call.query["fields"].split(",") if "fields" in call.query else None
        return retrieved(self.org, record, sobject.name, call.version, fields)

    def _composite(self, call: Call, path: list[str]) -> Any:
        records = Records(self.org, call.version, call.headers)
        match path:
            case ["sobjects"]:
                return records.collection(call.method, call.json() if call.body else {}, call.query)
            case ["sobjects", name] if call.method in ("GET", "POST"):
                body = (
                    call.json() if call.body else {"ids": call.query["ids"].split(","), "fields": call.query["fields"].split(",")}
                )
                return records.retrieve(name, body["ids"], body["fields"], 2_000 if call.body else 800)
            case ["sobjects", name, field] if call.method == "PATCH":
                return records.upsert_collection(name, field, call.json())
            case [("batch" | "composite") as kind] if call.method == "POST":
                raise ApiProblem("NOT_FOUND", f"The {kind} resource is not part of the sandbox", 404)
            case []:
                return self._subrequests(call)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    def _subrequests(self, call: Call) -> Any:
        """POST composite: up to 25 subrequests, one API call; later ones may name what earlier ones answered (`@{note.id}`)."""
        body = call.json()
        requests = body.get("compositeRequest") or []
        if len(requests) > 25:
            raise ApiProblem("LIMIT_EXCEEDED", "The number of subrequests cannot exceed 25")
        together = bool(body.get("allOrNone"))
        answers: list[dict[str, Any]] = []
        if together:
            self.org.db.execute("BEGIN")
        for one in requests:
            halted = together and any(answer["httpStatusCode"] >= 400 for answer in answers)
            status, answer = (400, _HALTED) if halted else self._subrequest(call, _filled(one, answers))
            answers.append({"body": answer, "httpHeaders": {}, "httpStatusCode": status, "referenceId": one.get("referenceId")})
        failed = any(answer["httpStatusCode"] >= 400 for answer in answers)
        if together:
            self.org.db.execute("ROLLBACK" if failed else "COMMIT")
        if together and failed:
            answers = [
                answer if answer["httpStatusCode"] >= 400 else {**answer, "body": _HALTED, "httpStatusCode": 400}
                for answer in answers
            ]
        return {"compositeResponse": answers}

    def _subrequest(self, call: Call, one: Mapping[str, Any]) -> tuple[int, Any]:
        path, _, query = str(one.get("url", "")).partition("?")
        scope = {"method": one.get("method", "GET"), "path": path, "headers": [], "query_string": query.encode()}
        inner = Call(scope, orjson.dumps(one.get("body")) if one.get("body") else b"")
        inner.base, inner.version = call.base, call.version
        try:
            return 200, self._resource(inner, path.partition(f"/{call.version}/")[2].strip("/").split("/"))
        except Answer as other:
            return other.status, other.body
        except ApiProblem as problem:
            return problem.status, problem.as_rest()

    # -- bulk --------------------------------------------------------------------------------------------------------------------

    def _job(self, job_id: str, kind: str) -> Job:
        job: Job | None = self.org.jobs.get(job_id)
        if job is None or job.kind != kind:
            raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
        return job

    def _query_jobs(self, call: Call, path: list[str]) -> Any:
        if not path:
            if call.method == "POST":
                return self._bulk.info(self._bulk.create_query(call.json()), call.version, created=True)
            jobs = [self._bulk.info(job, call.version) for job in self.org.jobs.values() if job.kind == "query"]
            return {"done": True, "records": jobs, "nextRecordsUrl": None}
        job = self._job(path[0], "query")
        match path[1:]:
            case []:
                if call.method == "DELETE":
                    self.org.jobs.pop(job.id)
                    raise Answer(204)
                if call.method == "PATCH":
                    job.state = "Aborted"
                else:
                    self._bulk.finish_query(job)
                return self._bulk.info(job, call.version)
            case ["results"]:
                most = call.query.get("maxRecords")
                body, count, locator = self._bulk.result(job, call.query.get("locator"), int(most) if most else None)
                headers = {"Sforce-Locator": locator, "Sforce-NumberOfRecords": str(count)}
                raise Answer(200, body, "text/csv", headers)
            case ["resultPages"]:
                if int(call.version[1:-2]) >= 58:
                    return self._bulk.result_pages(job, call.query.get("locator"), call.version)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    def _ingest_jobs(self, call: Call, path: list[str]) -> Any:
        if not path:
            if call.method == "POST":
                return self._bulk.info(self._bulk.create_ingest(call.json()), call.version, created=True)
            jobs = [self._bulk.info(job, call.version) for job in self.org.jobs.values() if job.kind == "ingest"]
            return {"done": True, "records": jobs, "nextRecordsUrl": None}
        job = self._job(path[0], "ingest")
        match path[1:]:
            case ["batches"] if call.method == "PUT":
                self._bulk.upload(job, call.body.decode())
                raise Answer(201)
            case [("successfulResults" | "failedResults" | "unprocessedrecords") as kind]:
                raise Answer(200, self._bulk.results_csv(job, kind), "text/csv")
            case []:
                if call.method == "PATCH":
                    self._bulk.set_state(job, str(call.json().get("state")))
                elif call.method == "DELETE":
                    self.org.jobs.pop(job.id)
                    raise Answer(204)
                else:
                    self._bulk.finish_ingest(job)
                return self._bulk.info(job, call.version)
        raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)

    # -- answering ---------------------------------------------------------------------------------------------------------------

    async def _send(self, call: Call, answer: Answer, send: Send) -> None:
        body = b"" if answer.status == 204 else answer.body
        if not isinstance(body, bytes):
            pretty = orjson.OPT_INDENT_2 if call.headers.get("x-prettyprint") == "1" else 0
            body = b"" if body is None else orjson.dumps(body, option=pretty)
        headers = {
            "date": format_datetime(self.org.now(), usegmt=True),
            "sforce-limit-info": f"api-usage={self.org.calls}/{self.org.daily_limit}",
            **answer.headers,
        }
        if body:
            headers["content-type"] = answer.content_type + (
                ";charset=UTF-8" if answer.content_type == "application/json" else ""
            )
        if len(body) > GZIP_ABOVE and "gzip" in call.headers.get("accept-encoding", ""):
            body = gzip.compress(body, 1)
            headers["content-encoding"] = "gzip"
        headers["content-length"] = str(len(body))
        raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": body})


_HALTED = [{"errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation failed."}]
_REFERENCE = re.compile(r"@\{(\w+)\.(\w+)\}")


def _filled(request: Mapping[str, Any], answers: list[dict[str, Any]]) -> Mapping[str, Any]:
    """The subrequest with what it names of earlier answers."""
    told = {str(answer["referenceId"]): answer["body"] for answer in answers}

    def value(found: re.Match[str]) -> str:
        body = told.get(found[1])
        return str(body.get(found[2], "")) if isinstance(body, dict) else ""

    filled: Mapping[str, Any] = orjson.loads(_REFERENCE.sub(value, orjson.dumps(request).decode()))
    return filled


def _version(number: int) -> dict[str, str]:
    return {"label": f"Version {number}", "url": f"/services/data/v{number}.0", "version": f"{number}.0"}


def _batch(call: Call) -> int:
    match = re.search(r"batchSize=(\d+)", call.headers.get("sforce-query-options", ""))
    return min(max(int(match[1]), 200), 2_000) if match else 2_000


def _soap_body(content: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" '
        f'xmlns:sf="urn:fault.partner.soap.sforce.com"><soapenv:Body>{content}</soapenv:Body></soapenv:Envelope>'
    ).encode()


__all__ = ["SalesforceApp", "json_value"]

"""Collections of records: up to 200 a call, one result each in order, all or nothing when asked (REST, "sObject Collections")."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from .answers import retrieved
from .ids import normal_id
from .org import Org
from .problems import ApiProblem, no_such_column, no_such_type
from .schema import SObject
from .writes import Writer

MOST = 200
ROLLED_BACK = ApiProblem("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back because not all records were valid and the request was using AllOrNone header")  # fmt: skip


class Records:
    """Collections of one call; `Sforce-Duplicate-Rule-Header: allowSave=true` lets duplicates pass."""

    def __init__(self, org: Org, version: str, headers: Mapping[str, str]) -> None:
        self._org, self._version = org, version
        self.writer = Writer(org)
        self.writer.saves_duplicates = "allowsave=true" in headers.get("sforce-duplicate-rule-header", "").lower()

    def collection(self, method: str, body: Mapping[str, Any], query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Creates, updates or deletes: one result a record, in order. Raises ApiProblem for over 200, or for an unknown column."""
        if method == "DELETE":
            ids = [one for one in query.get("ids", "").split(",") if one]
            every = [partial(self._delete, one) for one in ids]
            return self._each(every, all_or_none=query.get("allOrNone", "false").lower() == "true")
        records = body.get("records") or []
        verb = self._create if method == "POST" else self._update
        self._refuse_unknown_columns(records)
        return self._each([partial(verb, record) for record in records], all_or_none=bool(body.get("allOrNone")))

    def upsert_collection(self, name: str, field: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The same by an external id; `created` says which. A record without a value for it fails alone."""
        sobject = self._object(name)
        records = body.get("records") or []
        self._refuse_unknown_columns(records)

        def one(record: Mapping[str, Any]) -> dict[str, Any]:
            values = {n: v for n, v in record.items() if n.lower() != field.lower()}
            key = next((v for n, v in record.items() if n.lower() == field.lower()), None)
            if key is None:
                raise ApiProblem("MISSING_ARGUMENT", f"{field} not specified")
            record_id, created = self.writer.upsert(sobject, field, key, values)
            return {"id": record_id, "success": True, "errors": [], "created": created}

        return self._each([partial(one, record) for record in records], all_or_none=bool(body.get("allOrNone")))

    def retrieve(self, name: str, ids: Sequence[str], fields: Sequence[str], most: int) -> list[dict[str, Any] | None]:
        """The `fields` of records by id, in order, null for one that is gone. Raises ApiProblem for over `most` ids."""
        sobject = self._object(name)
        if len(ids) > most:
            raise ApiProblem("EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {most} records into this call")
        for field in fields:
            found = sobject.field(field)
            if found is None or not self._org.visible(sobject, found):
                raise no_such_column(field, sobject.name)
        answers: list[dict[str, Any] | None] = []
        for one in ids:
            normal = normal_id(one)
            record = self._org.record(sobject, normal) if normal else None
            gone = record is None or record["IsDeleted"]
            answers.append(None if gone or record is None else retrieved(self._org, record, sobject.name, self._version, fields))
        return answers

    def by_external_id(self, sobject: SObject, field_name: str, value: str) -> str:
        """The id of the record with that value. Raises ApiProblem (NOT_FOUND) for no such record, or a field that is no external id."""
        field = sobject.field(field_name)
        if field is None or not field.external_id or not self._org.visible(sobject, field):
            raise ApiProblem("NOT_FOUND", "Provided external ID field does not exist or is not accessible: " + field_name, 404)
        row = self._org.db.execute(
            f"SELECT Id FROM {sobject.name} WHERE {field.name} = ? COLLATE NOCASE AND IsDeleted = 0", (value,)
        ).fetchone()
        if row is None:
            raise ApiProblem("NOT_FOUND", "The requested resource does not exist", 404)
        return str(row[0])

    def changed(self, sobject: SObject, kind: str, query: Mapping[str, str]) -> dict[str, Any]:
        """`sobjects/X/updated` and `…/deleted` between two moments: `{ids}` or `{deletedRecords}`, with `latestDateCovered`."""
        start, end = query.get("start", "")[:19], query.get("end", "")[:19]
        deleted = int(kind == "deleted")
        rows = self._org.db.execute(
            f"SELECT Id, SystemModstamp FROM {sobject.name} WHERE IsDeleted = ? AND SystemModstamp >= ? AND SystemModstamp < ?",
            (deleted, start, end),
        ).fetchall()
        covered = end + ".000+0000"
        if deleted:
            found = [{"id": one, "deletedDate": stamp.replace("Z", "+0000")} for one, stamp in rows]
            return {"deletedRecords": found, "earliestDateAvailable": start + ".000+0000", "latestDateCovered": covered}
        return {"ids": [one for one, _ in rows], "latestDateCovered": covered}

    def _each(self, calls: Sequence[Callable[[], dict[str, Any]]], *, all_or_none: bool) -> list[dict[str, Any]]:
        if len(calls) > MOST:
            raise ApiProblem("EXCEEDED_ID_LIMIT", "record limit reached. cannot submit more than 200 records into this call")
        self.writer.transaction = len(calls)
        results, failed = [], False
        self._org.db.execute("BEGIN")
        for call in calls:
            try:
                results.append(call())
            except ApiProblem as problem:
                failed = True
                results.append({"success": False, "errors": [problem.as_record()]})
        if failed and all_or_none:
            self._org.db.execute("ROLLBACK")
            return [r if not r["success"] else {"success": False, "errors": [ROLLED_BACK.as_record()]} for r in results]
        self._org.db.execute("COMMIT")
        return results

    def _create(self, record: Mapping[str, Any]) -> dict[str, Any]:
        sobject = self._object(_type_of(record))
        return {"id": self.writer.create(sobject, record), "success": True, "errors": []}

    def _update(self, record: Mapping[str, Any]) -> dict[str, Any]:
        sobject = self._object(_type_of(record))
        record_id = str(next((v for n, v in record.items() if n.lower() == "id"), ""))
        if not record_id:
            raise ApiProblem("MISSING_ARGUMENT", "Id not specified in an update call")
        self.writer.update(sobject, record_id, record)
        return {"id": normal_id(record_id), "success": True, "errors": []}

    def _delete(self, record_id: str) -> dict[str, Any]:
        normal = normal_id(record_id)
        sobject = self._org.object_of(normal) if normal else None
        if normal is None or sobject is None:
            raise ApiProblem("MALFORMED_ID", f"bad id {record_id}")
        self.writer.delete(sobject, normal)
        return {"id": normal, "success": True, "errors": []}

    def _object(self, name: str) -> SObject:
        sobject = self._org.objects.get(name.lower())
        if sobject is None:
            raise no_such_type(name)
        return sobject

    def _refuse_unknown_columns(self, records: Sequence[Mapping[str, Any]]) -> None:
        """A column that the org does not know fails the whole call, not its record."""
        for record in records:
            sobject = self._object(_type_of(record))
            for name in record:
                field = sobject.field(name)
                if name != "attributes" and (field is None or not self._org.visible(sobject, field)):
                    raise no_such_column(name, sobject.name)


def _type_of(record: Mapping[str, Any]) -> str:
    kind = (record.get("attributes") or {}).get("type")
    if not kind:
        raise ApiProblem("INVALID_INPUT", "Include an attribute of type for each record")
    return str(kind)

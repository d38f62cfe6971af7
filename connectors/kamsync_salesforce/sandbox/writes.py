"""Creating, changing and deleting records, with the refusals that the real service gives. One record at a time."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Mapping
from datetime import date, datetime
from html import unescape
from typing import Any

from .ids import normal_id
from .org import Org
from .plain_objects import parts_of
from .problems import ApiProblem, no_such_column, no_such_type
from .schema import STAGES, Field, SObject
from .soql_to_sql import stored_moment

# What goes to the recycle bin with its parent: SOAP API Developer Guide, "delete()", cascading deletes.
CASCADES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Account": (
        ("Opportunity", "AccountId"),
        ("Contact", "AccountId"),
        ("Task", "AccountId"),
        ("Event", "AccountId"),
        ("ContentDocumentLink", "LinkedEntityId"),
    ),
    "AccountPlan": (("AccountPlanObjective", "AccountPlanId"),),
    "AccountPlanObjective": (("AccountPlanObjectiveMeasure", "AccountPlanObjectiveId"),),
    "ContentNote": (("ContentDocumentLink", "ContentDocumentId"), ("ContentDocument", "Id")),
}


class Writer:
    """Writes on behalf of the running user (or of a person at the page)."""

    def __init__(self, org: Org, user_id: str = "") -> None:
        self._org = org
        self._user_id = user_id or org.agent_id
        self._person = bool(user_id)
        self.transaction = 1  # records that share the limits of one transaction
        self.saves_duplicates = False  # Sforce-Duplicate-Rule-Header: allowSave=true

    def object(self, name: str) -> SObject:
        """An object by its name in whatever case. Raises ApiProblem (INVALID_TYPE) where there is none."""
        sobject = self._org.objects.get(name.lower())
        if sobject is None:
            raise no_such_type(name)
        return sobject

    def create(self, sobject: SObject, values: Mapping[str, Any]) -> str:
        """Makes a record; its id. Raises ApiProblem with the code by which the org refuses it (permission, required, unique, …)."""
        if not sobject.writable:
            raise ApiProblem("INSUFFICIENT_ACCESS_OR_READONLY", f"entity type {sobject.name} cannot be inserted through the API")
        self._permitted(sobject, "Create")
        row = self._checked(sobject, values, creating=True)
        self._triggers(sobject, "")
        self._required(sobject, row)
        self._uniqueness(sobject, row, None)
        stamp, record_id = self._org.stamp(), self._org.next_id(sobject.prefix)
        row |= {
            "Id": record_id, "IsDeleted": 0, "CreatedDate": stamp, "CreatedById": self._user_id,
            "LastModifiedDate": stamp, "LastModifiedById": self._user_id, "SystemModstamp": stamp,
        }  # fmt: skip
        self._derive(sobject, row, {})
        if sobject.field("CurrencyIsoCode") and sobject.name != "CurrencyType":
            row["CurrencyIsoCode"] = row.get("CurrencyIsoCode") or self._users_currency()
        names = ", ".join(row)
        self._org.db.execute(f"INSERT INTO {sobject.name} ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))
        self._touch_parent(sobject, row)
        if sobject.name == "ContentNote":
            self._keep_document(row)
        return record_id

    def update(self, sobject: SObject, record_id: str, values: Mapping[str, Any]) -> None:
        """Changes the fields that are given; stamps move even where nothing else does. Raises ApiProblem as `create` does."""
        before = self.existing(sobject, record_id)
        self._permitted(sobject, "Edit")
        self._lock(before)
        row = self._checked(sobject, values, creating=False)
        self._triggers(sobject, before["Id"])
        self._uniqueness(sobject, row, before["Id"])
        stamp = self._org.stamp()
        row |= {"LastModifiedDate": stamp, "LastModifiedById": self._user_id, "SystemModstamp": stamp}
        self._derive(sobject, row, before)
        assignments = ", ".join(f"{name} = ?" for name in row)
        self._org.db.execute(f"UPDATE {sobject.name} SET {assignments} WHERE Id = ?", [*row.values(), before["Id"]])
        self._touch_parent(sobject, {**before, **row})
        if sobject.name == "ContentNote":
            self._keep_document({**before, **row})

    def upsert(self, sobject: SObject, field_name: str, value: Any, values: Mapping[str, Any]) -> tuple[str, bool]:
        """By external id: (record id, whether it was created).

        Raises ApiProblem for a field that is no key, and (MULTIPLE_CHOICES) where several records match.
        """
        field = sobject.field(field_name)
        if field is None or not self._org.visible(sobject, field) or not (field.external_id or field.name == "Id"):
            raise ApiProblem("INVALID_FIELD", f"Field name provided, {field_name} does not match an External ID, Salesforce Id, or "
                             f"indexed field for {sobject.name}")  # fmt: skip
        if field.name == "Id":
            self.update(sobject, str(value), values)
            return str(normal_id(value)), False
        found = self._org.db.execute(
            f"SELECT Id FROM {sobject.name} WHERE {field.name} = ? COLLATE NOCASE AND IsDeleted = 0", (value,)
        ).fetchall()
        if len(found) > 1:
            raise ApiProblem("MULTIPLE_CHOICES", f"{len(found)} records match", 300)
        if found:
            self.update(sobject, found[0][0], values)
            return found[0][0], False
        return self.create(sobject, {**values, field.name: value}), True

    def delete(self, sobject: SObject, record_id: str) -> None:
        """Puts the record into the recycle bin, with what hangs on it. Raises ApiProblem where it is gone or may not be deleted."""
        before = self.existing(sobject, record_id)
        self._permitted(sobject, "Delete")
        self._triggers(sobject, "")
        self._delete_with_children(sobject, before["Id"])

    def _delete_with_children(self, sobject: SObject, record_id: str) -> None:
        if sobject.has_bin:
            self._mark_deleted(sobject, record_id)
        else:
            self._org.db.execute(f"DELETE FROM {sobject.name} WHERE Id = ?", (record_id,))
        for child_name, parent_field in (*CASCADES.get(sobject.name, ()), *parts_of().get(sobject.name, ())):
            child = self._org.objects.get(child_name.lower())
            if child is None:  # an org without products
                continue
            rows = self._org.db.execute(
                f"SELECT Id FROM {child_name} WHERE {parent_field} = ? AND IsDeleted = 0", (record_id,)
            ).fetchall()
            for (child_id,) in rows:
                self._delete_with_children(child, child_id)

    def hard_delete(self, sobject: SObject, record_id: str) -> None:
        """Deletes for good: no query shows it any more. Raises ApiProblem for an unknown id."""
        before = self.existing(sobject, record_id, deleted_too=True)
        self._org.db.execute(f"DELETE FROM {sobject.name} WHERE Id = ?", (before["Id"],))

    def merge(self, winner_id: str, loser_id: str) -> None:
        """As in the merge dialogue: the loser is deleted and points at the winner; its children move."""
        accounts = self._org.objects["account"]
        stamp = self._org.stamp()
        self.existing(accounts, winner_id)
        for child in ("Opportunity", "Contact", "Task", "Event"):
            self._org.db.execute(
                f"UPDATE {child} SET AccountId = ?, SystemModstamp = ? WHERE AccountId = ?", (winner_id, stamp, loser_id)
            )
        self._org.db.execute("UPDATE ContentDocumentLink SET LinkedEntityId = ? WHERE LinkedEntityId = ?", (winner_id, loser_id))
        if "accountplan" in self._org.objects:
            self._org.db.execute("UPDATE AccountPlan SET AccountId = ? WHERE AccountId = ?", (winner_id, loser_id))
        self._org.db.execute(
            "UPDATE Account SET ParentId = ?, SystemModstamp = ? WHERE ParentId = ?", (winner_id, stamp, loser_id)
        )
        self._mark_deleted(accounts, loser_id)
        self._org.db.execute("UPDATE Account SET MasterRecordId = ? WHERE Id = ?", (winner_id, loser_id))

    def existing(self, sobject: SObject, record_id: str, *, deleted_too: bool = False) -> dict[str, Any]:
        """The record of that id. Raises ApiProblem: MALFORMED_ID, INVALID_CROSS_REFERENCE_KEY, or ENTITY_IS_DELETED in the bin."""
        normal = normal_id(record_id)
        if normal is None:
            raise ApiProblem("MALFORMED_ID", f"{sobject.name} ID: id value of incorrect type: {record_id}", 400, ["Id"])
        if normal[:3] != sobject.prefix:
            raise ApiProblem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", 400)
        record = self._org.record(sobject, normal)
        if record is None:
            raise ApiProblem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", 404)
        if record["IsDeleted"] and not deleted_too:
            raise ApiProblem("ENTITY_IS_DELETED", "entity is deleted", 404)
        return record

    def _permitted(self, sobject: SObject, verb: str) -> None:
        if not self._person and not self._org.may(sobject, verb):
            raise ApiProblem("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id", 403)

    # -- checks ----------------------------------------------------------------------------------------------------------------

    def _checked(self, sobject: SObject, values: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for name, value in values.items():
            if name == "attributes" or name.lower() == "id":
                continue
            field = sobject.field(name)
            if field is None or not (self._person or self._org.visible(sobject, field)):
                raise no_such_column(name, sobject.name)
            if not (creating or field.updateable) or (not self._person and not self._org.editable(sobject, field)):
                raise ApiProblem(
                    "INVALID_FIELD_FOR_INSERT_UPDATE",
                    f"Unable to create/update fields: {field.name}. Please check the security settings of this field and verify that "
                    "it is read/write for your profile or permission set.",
                    400,
                    [field.name],
                )
            row[field.name] = self._value(sobject, field, value)
        for rule_object, predicate, message in self._org.options.validation_rules:
            if rule_object == sobject.name and predicate(row):
                raise ApiProblem("FIELD_CUSTOM_VALIDATION_EXCEPTION", message)
        return row

    def _value(self, sobject: SObject, field: Field, value: Any) -> Any:
        if value is None or value == "":
            if field.type == "boolean":
                raise ApiProblem("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label or field.name}: value not of required type: ", 400, [field.name])  # fmt: skip
            return None
        match field.type:
            case "boolean":
                return int(value is True or str(value).lower() == "true")
            case "double" | "currency" | "percent" | "int":
                return self._number(field, value)
            case "date":
                return self._date(field, value)
            case "datetime":
                return self._moment(field, value)
            case "id" | "reference":
                return self._reference(sobject, field, value)
        text = str(value).strip()
        if len(text) > field.length:
            raise ApiProblem("STRING_TOO_LONG", f"{field.label or field.name}: data value too large: {text} (max length={field.length})", 400, [field.name])  # fmt: skip
        if field.restricted and text not in field.choices:
            raise ApiProblem("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"{field.label or field.name}: bad value for restricted picklist field: {text}", 400, [field.name])  # fmt: skip
        return text or None

    def _number(self, field: Field, value: Any) -> float | int:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise self._bad_type(field, value, "double") from None
        return int(number) if field.type == "int" else number

    def _date(self, field: Field, value: Any) -> str:
        try:
            return date.fromisoformat(str(value)[:10]).isoformat()
        except ValueError:
            raise self._bad_type(field, value, "xsd:date") from None

    def _moment(self, field: Field, value: Any) -> str:
        try:
            datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        except ValueError:
            raise self._bad_type(field, value, "xsd:dateTime") from None
        return stored_moment(str(value))

    @staticmethod
    def _bad_type(field: Field, value: Any, kind: str) -> ApiProblem:
        return ApiProblem(
            "JSON_PARSER_ERROR", f"Cannot deserialize instance of {kind} from VALUE_STRING value {value}", 400, [field.name]
        )

    def _reference(self, sobject: SObject, field: Field, value: Any) -> str:
        normal = normal_id(value)
        if normal is None:
            raise ApiProblem(
                "MALFORMED_ID", f"{field.label or field.name}: id value of incorrect type: {value}", 400, [field.name]
            )
        target = self._org.object_of(normal)
        record = self._org.record(target, normal) if target is not None else None
        if record is None or record["IsDeleted"]:
            raise ApiProblem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", 400, [field.name])
        if field.name == "OwnerId" and target is not None and target.name == "User" and not record["IsActive"]:
            raise ApiProblem("INACTIVE_OWNER_OR_USER", "operation performed with inactive user [" + normal + "] as owner of " + sobject.name.lower())  # fmt: skip
        return normal

    def _required(self, sobject: SObject, row: Mapping[str, Any]) -> None:
        missing = [f.name for f in sobject.fields.values() if f.required and row.get(f.name) is None]
        if sobject.name == "Task" and "Status" in missing:
            missing.remove("Status")
        if missing:
            raise ApiProblem("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", 400, missing)

    def _uniqueness(self, sobject: SObject, row: Mapping[str, Any], own_id: str | None) -> None:
        for name, value in row.items():
            field = sobject.field(name)
            if field is None or not field.unique or value is None:
                continue
            other = self._org.db.execute(
                f"SELECT Id FROM {sobject.name} WHERE {name} = ? COLLATE NOCASE AND IsDeleted = 0 AND Id <> ?",
                (value, own_id or ""),
            ).fetchone()
            if other:
                raise ApiProblem(
                    "DUPLICATE_VALUE", f"duplicate value found: {name} duplicates value on record with id: {other[0][:15]}", 400
                )
        if sobject.name == "PermissionSetAssignment" and own_id is None:
            self._no_second(sobject, row, "AssigneeId", "PermissionSetId")
        if sobject.name == "ObjectPermissions" and own_id is None:
            if str(row.get("SobjectType")).lower() not in self._org.objects:
                raise ApiProblem("INVALID_TYPE", f"Object type {row.get('SobjectType')} is not valid", 400, ["SobjectType"])
            self._no_second(sobject, row, "ParentId", "SobjectType")
        if sobject.name == "FieldPermissions" and own_id is None:
            self._no_second(sobject, row, "ParentId", "Field")

    def _no_second(self, sobject: SObject, row: Mapping[str, Any], *names: str) -> None:
        where = " AND ".join(f"{name} = ?" for name in names)
        found = self._org.db.execute(
            f"SELECT Id FROM {sobject.name} WHERE {where} AND IsDeleted = 0", [row.get(name) for name in names]
        ).fetchone()
        if found:
            raise ApiProblem("DUPLICATE_VALUE", f"Duplicate {sobject.name}. {' + '.join(names)} must be unique.", 400)

    def _triggers(self, sobject: SObject, record_id: str) -> None:
        """What the org's own automation says to one record of the transaction."""
        options = self._org.options
        if not self._person and self.transaction > options.apex_limits.get(sobject.name, self.transaction):
            raise ApiProblem(
                "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                f"{sobject.name}Trigger: System.LimitException: Apex CPU time limit exceeded",
            )
        if record_id in options.duplicate_alerts and not (self._person or self.saves_duplicates):
            raise ApiProblem("DUPLICATES_DETECTED", "Use one of these records?")

    def _lock(self, record: Mapping[str, Any]) -> None:
        left = self._org.options.locked.get(record["Id"], 0)
        if left:
            self._org.options.locked[record["Id"]] = left - 1
            raise ApiProblem("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")

    # -- what follows from a write -------------------------------------------------------------------------------------------------

    def _derive(self, sobject: SObject, row: dict[str, Any], before: Mapping[str, Any]) -> None:
        now = {**before, **row}
        match sobject.name:
            case "Account" | "Contact":
                if not now.get("OwnerId"):
                    row["OwnerId"] = self._user_id
            case "Opportunity":
                won, closed, probability = STAGES.get(str(now.get("StageName")), (False, False, 0))
                row["IsWon"], row["IsClosed"] = int(won), int(closed)
                if "StageName" in row and "Probability" not in row:
                    row["Probability"] = float(probability)
                row.setdefault("OwnerId", before.get("OwnerId") or self._user_id)
            case "Task":
                status = now.get("Status") or "Not Started"
                closed = status == "Completed"
                row["Status"], row["IsClosed"] = status, int(closed)
                if closed != bool(before.get("IsClosed")):
                    row["CompletedDateTime"] = self._org.stamp() if closed else None
                row.setdefault("OwnerId", before.get("OwnerId") or self._user_id)
                row.setdefault("TaskSubtype", before.get("TaskSubtype") or "Task")
                row.setdefault("Priority", before.get("Priority") or "Normal")
                row["AccountId"] = self._account_of(now.get("WhatId"))
                row.setdefault("IsArchived", before.get("IsArchived") or 0)
            case "ContentNote":
                self._derive_note(row, now)
            case "AccountPlan":
                row.setdefault("Status", before.get("Status") or "Not Started")
                row.setdefault("OwnerId", before.get("OwnerId") or self._user_id)
            case "AccountPlanObjective":
                row.setdefault("Status", before.get("Status") or "New")
            case "Event":
                row["AccountId"] = self._account_of(now.get("WhatId"))
                row.setdefault("IsArchived", before.get("IsArchived") or 0)
        for field in sobject.fields.values():
            if field.type == "boolean" and not before:
                row.setdefault(field.name, 0)

    def _users_currency(self) -> str | None:
        """The company's, as nobody here chose another for our user (Object Reference, "CurrencyIsoCode")."""
        row = self._org.db.execute("SELECT IsoCode FROM CurrencyType WHERE IsCorporate = 1").fetchone()
        return row[0] if row else None

    def _derive_note(self, row: dict[str, Any], now: Mapping[str, Any]) -> None:
        """The document beside the note, the text without line breaks and script, and its first 255 characters."""
        if "Content" in row:
            try:
                given = b64decode(str(row["Content"] or ""), validate=True).decode()
            except ValueError:
                raise ApiProblem("INVALID_BASE64_DATA", "Invalid Base64 data", 400, ["Content"]) from None
            row["Content"] = re.sub(r"[\r\n]|<script.*?</script>", "", given, flags=re.IGNORECASE)
            row["TextPreview"] = " ".join(unescape(re.sub(r"<[^>]*>", " ", row["Content"])).split())[:255]
        row["FileType"] = "SNOTE"
        row.setdefault("OwnerId", now.get("OwnerId") or self._user_id)

    def _keep_document(self, note: Mapping[str, Any]) -> None:
        names = ("Id", "Title", "FileType", "IsDeleted", "CreatedDate", "SystemModstamp")
        self._org.db.execute(
            f"INSERT OR REPLACE INTO ContentDocument ({', '.join(names)}) VALUES (?, ?, ?, ?, ?, ?)", [note.get(n) for n in names]
        )

    def _account_of(self, what_id: Any) -> str | None:
        if not what_id:
            return None
        if str(what_id).startswith("001"):
            return str(what_id)
        row = self._org.db.execute("SELECT AccountId FROM Opportunity WHERE Id = ?", (what_id,)).fetchone()
        return row[0] if row else None

    def _touch_parent(self, sobject: SObject, row: Mapping[str, Any]) -> None:
        """A completed task moves the account's last activity, and with it the account's stamp: an agent sees its own echo."""
        if sobject.name == "Task" and row.get("IsClosed") and row.get("AccountId"):
            day = row.get("ActivityDate") or self._org.stamp()[:10]
            self._org.db.execute(
                "UPDATE Account SET LastActivityDate = max(coalesce(LastActivityDate, ''), ?), SystemModstamp = ? WHERE Id = ?",
                (day, self._org.stamp(), row["AccountId"]),
            )

        if sobject.name in ("Task", "Event") and row.get("WhoId") and (row.get("IsClosed") or sobject.name == "Event"):
            # Of a contact the date alone moves: its stamp stays as it was.
            day = row.get("ActivityDate") or self._org.stamp()[:10]
            self._org.db.execute(
                "UPDATE Contact SET LastActivityDate = max(coalesce(LastActivityDate, ''), ?) WHERE Id = ?", (day, row["WhoId"])
            )

    def _mark_deleted(self, sobject: SObject, record_id: str) -> None:
        self._org.db.execute(
            f"UPDATE {sobject.name} SET IsDeleted = 1, SystemModstamp = ? WHERE Id = ?", (self._org.stamp(), record_id)
        )

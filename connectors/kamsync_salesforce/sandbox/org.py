"""The org: its objects, records, users, permissions, sessions and counters. One process, in memory (SQLite)."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, datetime, timedelta
from typing import Any

from kamsync.errors import ConfigError
from kamsync.sandbox.crm import SandboxOptions

from .ids import make_id
from .plain_objects import add_plain_objects
from .problems import ApiProblem, malformed, no_such_type
from .schema import SAMPLE_FIELDS, Field, SObject, objects, renamed
from .soql import Comparison, Junction, Query
from .soql_to_sql import Compiled, Compiler

DAILY_LIMIT = 100_000  # Enterprise Edition without counting licences (Limits Quick Reference)
CLIENT_ID, CLIENT_SECRET = "sandbox-consumer-key", "sandbox-consumer-secret"
# What an object that is not there, or not for our user, answers: [words, HTTP status].
REFUSALS = {
    "INVALID_TYPE": ("sObject type '{}' is not supported.", 400),
    "NOT_FOUND": ("The requested resource does not exist", 404),
    "FUNCTIONALITY_NOT_ENABLED": ("{} is not enabled for this organization", 403),
    "INSUFFICIENT_ACCESS": ("You do not have the level of access necessary to perform the operation you requested.", 403),
}
USERNAME, PASSWORD, SECURITY_TOKEN = "agent@kamsync.example", "sandbox-password", "sandboxtoken"


@dataclass
class OrgOptions:
    """Real differences between real orgs (`SandboxOptions.vendor`). `validation_rules`: (object, predicate over the values that are
    written, message). `locked`: how many times a record answers UNABLE_TO_LOCK_ROW, by id. `hidden_fields`: "Account.Industry".

    `refused_objects`: objects that our user or this edition has no access to, with the code of the refusal. `unseen_objects`:
    objects of which sharing shows our user no record, without an error. `advanced_currency`: whether dated rates hold; rows of
    them stay where it was switched off. `retired_stages`: stages that records still carry. `apex_limits`: how many records a
    transaction may hold before the triggers of an object run out of CPU time. `duplicate_alerts`: ids of accounts for which a
    duplicate rule alerts. `views_all_data`: without it a query on Task or Event may not meet more than `activity_limit` records
    that activities are about. `related_contacts`: Contacts to Multiple
    Accounts is switched on. `account_plans`: Account Plans are. `invalid_emails`: users of a sandbox whose addresses were made
    invalid.
    """

    multi_currency: bool = True
    person_accounts: bool = False
    products: bool = True
    related_contacts: bool = True
    account_plans: bool = False
    activity_external_id: bool = True
    hidden_fields: tuple[str, ...] = ()
    refused_objects: Mapping[str, str] = dataclass_field(default_factory=dict)
    unseen_objects: tuple[str, ...] = ()
    advanced_currency: bool = False
    retired_stages: tuple[str, ...] = ()
    apex_limits: Mapping[str, int] = dataclass_field(default_factory=dict)
    duplicate_alerts: tuple[str, ...] = ()
    views_all_data: bool = True
    activity_limit: int = 100_000
    api_enabled: bool = True
    soap_login: bool = True
    invalid_emails: bool = False
    validation_rules: tuple[tuple[str, Any, str], ...] = ()
    locked: dict[str, int] = dataclass_field(default_factory=dict)
    session_seconds: float = 7_200.0
    clock_skew_seconds: float = 0.0
    jwt_public_key: str = ""


def org_options(vendor: Mapping[str, Any]) -> OrgOptions:
    """`options.vendor` as a value. Raises ConfigError for an option that there is not."""
    known = OrgOptions.__dataclass_fields__
    unknown = sorted(set(vendor) - set(known))
    if unknown:
        raise ConfigError(f"The Salesforce sandbox has no option {unknown[0]!r}.", fix=f"Options: {', '.join(known)}.")
    return OrgOptions(**vendor)


class Org:
    """State and the rules about who sees what. Writing is in `writes`, answering in `app`."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = org_options(options.vendor)
        self.today = options.today
        self.objects = objects(
            multi_currency=self.options.multi_currency,
            person_accounts=self.options.person_accounts,
            products=self.options.products,
            related_contacts=self.options.related_contacts,
            account_plans=self.options.account_plans,
        )
        add_plain_objects(self.objects, multi_currency=self.options.multi_currency, products=self.options.products)
        self.daily_limit = DAILY_LIMIT if options.daily_limit is None else options.daily_limit
        self.calls = 0
        self.db = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        self.db.execute("PRAGMA temp_store = MEMORY")
        self.counters: dict[str, int] = {}
        self.custom_fields: dict[str, dict[str, Any]] = {}  # id → {"FullName", "Metadata", "TableEnumOrId", "DeveloperName"}
        self.sessions: dict[str, datetime] = {}
        self.locators: dict[str, Any] = {}
        self.jobs: dict[str, Any] = {}
        self.org_id = make_id("00D", 1)
        self.agent_id = ""
        self.rates: dict[str, float] = {}
        for sobject in self.objects.values():
            self._create_table(sobject)
        for field in SAMPLE_FIELDS:
            self.add_column(self.objects["account"], field)

    # -- time and ids ----------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The org's clock, which may go wrong by `clock_skew_seconds`."""
        return datetime.now(UTC) + timedelta(seconds=self.options.clock_skew_seconds)

    def stamp(self) -> str:
        """The present, in the store's form; stamps have whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def next_id(self, prefix: str) -> str:
        """The next id of 18 characters behind the key prefix of an object."""
        self.counters[prefix] = self.counters.get(prefix, 0) + 1
        return make_id(prefix, self.counters[prefix])

    # -- schema and visibility ---------------------------------------------------------------------------------------------------

    def _create_table(self, sobject: SObject) -> None:
        columns = ", ".join(
            f"{f.name} {f.sql_type}" + (" PRIMARY KEY" if f.name == "Id" else "") for f in sobject.fields.values()
        )
        self.db.execute(f"CREATE TABLE {sobject.name} ({columns}) WITHOUT ROWID")
        for field in sobject.fields.values():
            self._index(sobject, field)

    def _index(self, sobject: SObject, field: Field) -> None:
        """Keys are looked for at every write, in whatever case they come."""
        if field.unique or (field.external_id and field.name != "Id"):
            self.db.execute(f"CREATE INDEX {sobject.name}_{field.name} ON {sobject.name} ({field.name} COLLATE NOCASE)")

    def add_object(self, sobject: SObject) -> None:
        """Adds an object with its table; nobody but administrators sees a custom one before a grant."""
        self.objects[sobject.name.lower()] = sobject
        self._create_table(sobject)

    def add_column(self, sobject: SObject, field: Field) -> None:
        """Adds a field to an object; the records that are there have no value in it."""
        sobject.fields[field.name.lower()] = field
        self.db.execute(f"ALTER TABLE {sobject.name} ADD COLUMN {field.name} {field.sql_type}")
        self._index(sobject, field)

    def visible(self, sobject: SObject, field: Field) -> bool:
        """Field-level security: what an admin made by API nobody sees until a permission set grants it."""
        name = f"{sobject.name}.{field.name}"
        if name in self.options.hidden_fields:
            return False
        if not self._needs_grant(sobject, field) or field in SAMPLE_FIELDS:
            return True
        return self._granted(name, "PermissionsRead")

    @staticmethod
    def _needs_grant(sobject: SObject, field: Field) -> bool:
        """A field that was made by API; of an object that has to be granted each that is neither required nor the system's."""
        return field.custom or (sobject.is_granted and field.writable and not field.required and field.name != "OwnerId")

    def editable(self, sobject: SObject, field: Field) -> bool:
        """Whether our user may write the field: field-level security, and none for what is read-only."""
        if not self._needs_grant(sobject, field) or field in SAMPLE_FIELDS:
            return field.writable
        return self._granted(f"{sobject.name}.{field.name}", "PermissionsEdit")

    def _granted(self, name: str, right: str) -> bool:
        return self._is_granted("FieldPermissions", "Field", name, right)

    def may(self, sobject: SObject, verb: str) -> bool:
        """Whether our user may Read, Create, Edit or Delete records of the object. All may what every org has."""
        if not (sobject.custom or sobject.is_granted):
            return True
        return self._is_granted("ObjectPermissions", "SobjectType", sobject.name, f"Permissions{verb}")

    def _is_granted(self, kind: str, column: str, name: str, right: str) -> bool:
        row = self.db.execute(
            f"SELECT 1 FROM {kind} p JOIN PermissionSetAssignment a ON a.PermissionSetId = p.ParentId"
            f" WHERE p.{column} = ? COLLATE NOCASE AND p.{right} = 1 AND a.AssigneeId = ? AND p.IsDeleted = 0 AND a.IsDeleted = 0",
            (name, self.agent_id),
        ).fetchone()
        return row is not None

    def compiler(self) -> Compiler:
        """SOQL → SQL for our user, today."""
        return Compiler(self.objects, self.visible, self.now().date(), self.rates, self.options.unseen_objects)

    def compile(self, query: Query, *, include_deleted: bool = False) -> Compiled:
        """A query as SQL. Raises ApiProblem for what is not there, or not visible to our user, which reads the same."""
        sobject = self.objects.get(query.sobject.lower())
        if sobject is not None:
            self.admit(sobject)
            if sobject.name == "ContentDocumentLink" and not narrows(query.where, ("contentdocumentid", "linkedentityid")):
                raise malformed(
                    "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or "
                    "LinkedEntityId using the equals operator or multiple Id's using the IN operator."
                )
        return self.compiler().compile(query, include_deleted=include_deleted)

    def admit(self, sobject: SObject) -> None:
        """Refuses, with ApiProblem, an object that our user has no access to, or that this edition does not have."""
        if not self.may(sobject, "Read"):
            raise no_such_type(sobject.name)
        code = self.options.refused_objects.get(sobject.name)
        if code is not None:
            message, status = REFUSALS.get(code, ("insufficient access rights on entity", 403))
            raise ApiProblem(code, message.format(sobject.name), status)

    def has(self, sobject: SObject) -> bool:
        """Dated rates are an object of orgs with advanced currency management (Object Reference, "DatedConversionRate")."""
        return sobject.name != "DatedConversionRate" or self.options.advanced_currency

    def check_activities(self, compiled: Compiled) -> None:
        """Who may not view all data is checked against each record that an activity is about.

        Raises ApiProblem (OPERATION_TOO_LARGE) for too many of them.
        """
        if self.options.views_all_data or compiled.sobject.name not in ("Task", "Event"):
            return
        inner = compiled.sql.partition(" FROM ")[2]
        sql = f"SELECT count(DISTINCT t.WhatId) + count(DISTINCT t.WhoId) FROM {inner.partition(' ORDER BY ')[0]}"
        if self.db.execute(sql, compiled.parameters).fetchone()[0] > self.options.activity_limit:
            raise ApiProblem("OPERATION_TOO_LARGE", f"exceeded {self.options.activity_limit} distinct who/what's")

    # -- sessions and counting ---------------------------------------------------------------------------------------------------

    def open_session(self) -> str:
        """A new access token, good for `session_seconds`."""
        token = f"{self.org_id[:15]}!{secrets.token_urlsafe(24)}"
        self.sessions[token] = datetime.now(UTC) + timedelta(seconds=self.options.session_seconds)
        return token

    def session_is_open(self, token: str) -> bool:
        """Whether the token was given out here and its time is not over."""
        ends = self.sessions.get(token)
        return ends is not None and datetime.now(UTC) < ends

    # -- storage -----------------------------------------------------------------------------------------------------------------

    def insert_rows(self, sobject: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Bulk load, no rules: for the sample company."""
        marks = ", ".join("?" * len(columns))
        self.db.execute("BEGIN")
        self.db.executemany(f"INSERT INTO {sobject} ({', '.join(columns)}) VALUES ({marks})", rows)
        self.db.execute("COMMIT")

    def record(self, sobject: SObject, record_id: str) -> dict[str, Any] | None:
        """One record with all its fields, also from the recycle bin; None where there is none of that id (18 characters)."""
        cursor = self.db.execute(f"SELECT * FROM {sobject.name} WHERE Id = ?", (record_id,))
        row = cursor.fetchone()
        return None if row is None else dict(zip((c[0] for c in cursor.description), row, strict=True))

    def object_of(self, record_id: str) -> SObject | None:
        """The object that an id belongs to, by its first three characters; None for no object of this org."""
        return next((one for one in self.objects.values() if one.prefix == record_id[:3]), None)


def narrows(where: Any, names: Sequence[str]) -> bool:
    """Whether a condition holds for some values of one of these fields only."""
    match where:
        case Comparison(item, operator, _):
            return operator in ("=", "in") and item.path.lower() in names
        case Junction("and", parts):
            return any(narrows(part, names) for part in parts)
    return False


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PASSWORD", "SECURITY_TOKEN", "USERNAME", "Org", "OrgOptions", "renamed"]

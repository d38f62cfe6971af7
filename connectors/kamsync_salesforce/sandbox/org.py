"""The org: its objects, records, users, permissions, sessions and counters. One process, in memory (SQLite)."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from kamsync.errors import ConfigError
from kamsync.sandbox.crm import SandboxOptions

from .compiling import Compiler
from .ids import make_id
from .schema import SAMPLE_FIELDS, Field, SObject, objects, renamed

DAILY_LIMIT = 100_000  # Enterprise Edition without counting licences (Limits Quick Reference)
CLIENT_ID, CLIENT_SECRET = "sandbox-consumer-key", "sandbox-consumer-secret"
USERNAME, PASSWORD, SECURITY_TOKEN = "agent@kamsync.example", "sandbox-password", "sandboxtoken"


@dataclass
class OrgOptions:
    """Real differences between real orgs (`SandboxOptions.vendor`). `validation_rules`: (object, predicate over the values that are
    written, message). `locked`: how many times a record answers UNABLE_TO_LOCK_ROW, by id. `hidden_fields`: "Account.Industry"."""

    multi_currency: bool = True
    person_accounts: bool = False
    products: bool = True
    activity_external_id: bool = True
    hidden_fields: tuple[str, ...] = ()
    validation_rules: tuple[tuple[str, Any, str], ...] = ()
    locked: dict[str, int] = dataclass_field(default_factory=dict)
    session_seconds: float = 7_200.0
    clock_skew_seconds: float = 0.0
    jwt_public_key: str = ""


def org_options(vendor: Mapping[str, Any]) -> OrgOptions:
    known = OrgOptions.__dataclass_fields__
    unknown = sorted(set(vendor) - set(known))
    if unknown:
        raise ConfigError(f"The Salesforce sandbox has no option {unknown[0]!r}.", fix=f"Options: {', '.join(known)}.")
    return OrgOptions(**vendor)


class Org:
    """State and the rules about who sees what. Writing is in `writing`, answering in `app`."""

    def __init__(self, options: SandboxOptions) -> None:
        self.options = org_options(options.vendor)
        self.today = options.today
        self.objects = objects(
            multi_currency=self.options.multi_currency,
            person_accounts=self.options.person_accounts,
            products=self.options.products,
        )
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
        return datetime.now(UTC) + timedelta(seconds=self.options.clock_skew_seconds)

    def stamp(self) -> str:
        """The present, in the store's form; stamps have whole seconds."""
        return self.now().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def next_id(self, prefix: str) -> str:
        self.counters[prefix] = self.counters.get(prefix, 0) + 1
        return make_id(prefix, self.counters[prefix])

    # -- schema and visibility ---------------------------------------------------------------------------------------------------

    def _create_table(self, sobject: SObject) -> None:
        columns = ", ".join(
            f"{f.name} {f.sql_type}" + (" PRIMARY KEY" if f.name == "Id" else "") for f in sobject.fields.values()
        )
        self.db.execute(f"CREATE TABLE {sobject.name} ({columns}) WITHOUT ROWID")

    def add_column(self, sobject: SObject, field: Field) -> None:
        sobject.fields[field.name.lower()] = field
        self.db.execute(f"ALTER TABLE {sobject.name} ADD COLUMN {field.name} {field.sql_type}")

    def visible(self, sobject: SObject, field: Field) -> bool:
        """Field-level security: what an admin made by API nobody sees until a permission set grants it."""
        name = f"{sobject.name}.{field.name}"
        if name in self.options.hidden_fields:
            return False
        return not field.custom or field in SAMPLE_FIELDS or self._granted(name, "PermissionsRead")

    def editable(self, sobject: SObject, field: Field) -> bool:
        if not field.custom or field in SAMPLE_FIELDS:
            return field.writable
        return self._granted(f"{sobject.name}.{field.name}", "PermissionsEdit")

    def _granted(self, name: str, right: str) -> bool:
        row = self.db.execute(
            f"SELECT 1 FROM FieldPermissions p JOIN PermissionSetAssignment a ON a.PermissionSetId = p.ParentId"
            f" WHERE p.Field = ? COLLATE NOCASE AND p.{right} = 1 AND a.AssigneeId = ? AND p.IsDeleted = 0 AND a.IsDeleted = 0",
            (name, self.agent_id),
        ).fetchone()
        return row is not None

    def compiler(self) -> Compiler:
        return Compiler(self.objects, self.visible, self.now().date(), self.rates)

    # -- sessions and counting ---------------------------------------------------------------------------------------------------

    def open_session(self) -> str:
        token = f"{self.org_id[:15]}!{secrets.token_urlsafe(24)}"
        self.sessions[token] = datetime.now(UTC) + timedelta(seconds=self.options.session_seconds)
        return token

    def session_is_open(self, token: str) -> bool:
        ends = self.sessions.get(token)
        return ends is not None and datetime.now(UTC) < ends

    def expire_sessions(self) -> None:
        """As an admin who revokes them."""
        self.sessions.clear()

    # -- storage -----------------------------------------------------------------------------------------------------------------

    def insert_rows(self, sobject: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
        """Bulk load, no rules: for the sample company."""
        marks = ", ".join("?" * len(columns))
        self.db.execute("BEGIN")
        self.db.executemany(f"INSERT INTO {sobject} ({', '.join(columns)}) VALUES ({marks})", rows)
        self.db.execute("COMMIT")

    def record(self, sobject: SObject, record_id: str) -> dict[str, Any] | None:
        cursor = self.db.execute(f"SELECT * FROM {sobject.name} WHERE Id = ?", (record_id,))
        row = cursor.fetchone()
        return None if row is None else dict(zip((c[0] for c in cursor.description), row, strict=True))

    def object_of(self, record_id: str) -> SObject | None:
        return next((one for one in self.objects.values() if one.prefix == record_id[:3]), None)


def today_of(org: Org) -> date:
    return org.now().date()


__all__ = ["CLIENT_ID", "CLIENT_SECRET", "PASSWORD", "SECURITY_TOKEN", "USERNAME", "Org", "OrgOptions", "renamed"]

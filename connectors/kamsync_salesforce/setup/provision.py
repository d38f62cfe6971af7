"""`kamsync setup`: make the org have what metadata.py describes. Idempotent; a dry run writes nothing.

Fields by the Tooling API, permissions as plain records (a field created by API is invisible until a permission set grants it),
list views last: nothing depends on them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from kamsync.contract import Context, SetupStep
from kamsync.errors import KamsyncError
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import fault_of
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.api.writes import Result, Send, collection, write
from kamsync_salesforce.setup.lease_object import provide_object
from kamsync_salesforce.setup.list_views import provide_list_views
from kamsync_salesforce.setup.metadata import AGENT_SET, PLAN_OBJECTS, FieldSpec, Grant, PermissionSetSpec, wanted
from kamsync_salesforce.setup.sfdx import write_source
from kamsync_salesforce.translate import quote

# Of our own object: another user's lease that has expired must be removable (Object Reference, "ObjectPermissions").
_EVERY_RIGHT = tuple(
    f"Permissions{right}" for right in ("Read", "Create", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords")
)


PLANS_ARE_OFF = "Are Account Plans switched on (Setup → Account Plan Settings)?"


class Setup:
    """One setup of one connection."""

    def __init__(self, client: Client, org: Org, fields: Fields, context: Context, *, dry_run: bool) -> None:
        self._client = client
        self._org = org
        self._fields = fields
        self._wanted = wanted(context)
        self._dry_run = dry_run
        self._ungranted: set[str] = set()  # objects that could not be made or granted: their fields cannot be either

    def run(self, metadata_folder: Path | None) -> Iterator[SetupStep]:
        """Everything, in the order in which one thing needs another."""
        if metadata_folder is not None:
            files = write_source(metadata_folder, self._wanted, self._client.api_version)
            yield SetupStep("group", "source folder", "created", f"{len(files)} files in {metadata_folder}")
        yield from self._create_fields()
        made = list(provide_object(self._client, self._wanted.lease, dry_run=self._dry_run))
        yield from made
        if any(step.status == "failed" for step in made):
            self._ungranted.add(self._wanted.lease.name)
        self._fields.forget()
        for permission_set in self._wanted.permission_sets:
            yield from self._provide_permission_set(permission_set)
        yield from provide_list_views(self._client, self._wanted.list_views, dry_run=self._dry_run)

    def _status(self, done: Literal["created", "updated"]) -> Literal["created", "updated", "would_create", "would_update"]:
        if not self._dry_run:
            return done
        return "would_create" if done == "created" else "would_update"

    # --- fields --------------------------------------------------------------------------------------------------------------

    def _create_fields(self) -> Iterator[SetupStep]:
        existing = self._existing_fields()
        for spec in self._wanted.fields:
            field_id = existing.get((spec.sobject, spec.name.lower()))
            if field_id is None:
                yield self._create_field(spec)
            elif spec.choices:
                yield self._complete_choices(spec, field_id)
            else:
                yield SetupStep("field", spec.full_name, "exists")

    def _existing_fields(self) -> dict[tuple[str, str], str]:
        """Ids of our fields that exist, whether our user sees them or not."""
        names = ", ".join(quote(name) for name in sorted({spec.name.removesuffix("__c") for spec in self._wanted.fields}))
        soql = (
            "SELECT Id, DeveloperName, TableEnumOrId FROM CustomField "
            f"WHERE TableEnumOrId IN ('Account', 'Activity') AND DeveloperName IN ({names})"
        )
        answer = self._client.rest("GET", "tooling/query", params={"q": soql}, doing="the list of custom fields")
        return {
            (str(record["TableEnumOrId"]), f"{record['DeveloperName']}__c".lower()): str(record["Id"])
            for record in answer["records"]
        }

    def _create_field(self, spec: FieldSpec) -> SetupStep:
        if self._dry_run:
            return SetupStep("field", spec.full_name, "would_create", str(spec.metadata["label"]))
        refusal = ""
        for definition, note in _weaker_and_weaker(spec.metadata):
            body = {"FullName": spec.full_name, "Metadata": definition}
            try:
                # A second field of the same name is refused, so a lost answer does no harm.
                self._client.rest(
                    "POST", "tooling/sobjects/CustomField", json=body, doing=f"creating {spec.full_name}", repeatable=True
                )
                return SetupStep("field", spec.full_name, "created", note or str(definition["label"]))
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or fault.status == 0 or fault.status >= 500 or fault.status == 401:
                    raise
                if fault.code in ("DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"):
                    return SetupStep("field", spec.full_name, "exists")
                refusal = f"{fault.message} ({fault.code})"
        return SetupStep("field", spec.full_name, "failed", refusal)

    def _complete_choices(self, spec: FieldSpec, field_id: str) -> SetupStep:
        """Adds tiers that were configured since; never removes what people added or records still carry."""
        path = f"tooling/sobjects/CustomField/{field_id}"
        record = self._client.rest("GET", path, doing=f"reading {spec.full_name}")
        metadata = dict((record or {}).get("Metadata") or {})
        value_set = metadata.get("valueSet") or {}
        present = [dict(entry) for entry in (value_set.get("valueSetDefinition") or {}).get("value") or ()]
        known = {str(entry.get("valueName") or entry.get("fullName")) for entry in present}
        missing = [entry for entry in spec.metadata["valueSet"]["valueSetDefinition"]["value"] if entry["valueName"] not in known]
        if not missing or value_set.get("valueSetName"):  # a global value set belongs to the admin
            return SetupStep("field", spec.full_name, "exists")
        detail = "adds " + ", ".join(entry["valueName"] for entry in missing)
        if not self._dry_run:
            definition = {**(value_set.get("valueSetDefinition") or {"sorted": False}), "value": [*present, *missing]}
            metadata["valueSet"] = {**value_set, "valueSetDefinition": definition}
            body = {"FullName": spec.full_name, "Metadata": metadata}
            try:
                self._client.rest("PATCH", path, json=body, doing=f"changing {spec.full_name}")
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or fault.status >= 500:
                    raise
                return SetupStep("field", spec.full_name, "failed", f"{fault.message} ({fault.code})")
        return SetupStep("field", spec.full_name, self._status("updated"), detail)

    # --- permissions ---------------------------------------------------------------------------------------------------------

    def _provide_permission_set(self, spec: PermissionSetSpec) -> Iterator[SetupStep]:
        found = self._client.records(f"SELECT Id FROM PermissionSet WHERE Name = {quote(spec.name)}", doing="the permission sets")
        if not found and self._dry_run:
            yield SetupStep("permission", spec.label, "would_create", _what_is_left_to_do(spec))
            for name in spec.objects:
                yield SetupStep("permission", f"{spec.label}: {name}", "would_create")
            for grant in spec.grants:
                yield SetupStep("permission", f"{spec.label}: {grant.sobject}.{grant.field}", "would_create")
            if spec.name == AGENT_SET:
                yield SetupStep("permission", f"{spec.label}: assignment to our user", "would_create")
            return
        if found:
            set_id = str(found[0]["Id"])
            yield SetupStep("permission", spec.label, "exists")
        else:
            body = {"Name": spec.name, "Label": spec.label, "Description": spec.description}
            try:
                answer = self._client.rest(
                    "POST", "sobjects/PermissionSet", json=body, doing=f"creating {spec.name}", repeatable=True
                )
            except KamsyncError as error:
                fault = fault_of(error)
                if fault is None or fault.status >= 500:
                    raise
                yield SetupStep("permission", spec.label, "failed", f"{fault.message} ({fault.code})")
                return
            set_id = str(answer["id"])
            yield SetupStep("permission", spec.label, "created", _what_is_left_to_do(spec))
        if spec.objects:
            yield from self._grant_objects(spec, set_id)
        yield from self._grant(spec, set_id)
        if spec.name == AGENT_SET:
            yield self._assign(spec, set_id)

    def _grant_objects(self, spec: PermissionSetSpec, set_id: str) -> Iterator[SetupStep]:
        """Before the fields of these objects, which cannot be granted without."""
        soql = f"SELECT SobjectType FROM ObjectPermissions WHERE ParentId = {quote(set_id)}"
        present = {str(record["SobjectType"]).lower() for record in self._client.records(soql, doing="the object permissions")}
        missing = [name for name in spec.objects if name.lower() not in present and name not in self._ungranted]
        if self._dry_run:
            yield from (SetupStep("permission", f"{spec.label}: {name}", "would_create") for name in missing)
            return
        records = [{"ParentId": set_id, "SobjectType": name, **dict.fromkeys(_EVERY_RIGHT, True)} for name in missing]
        for position, result in write(self._sender("POST", "ObjectPermissions"), records):
            name = f"{spec.label}: {missing[position]}"
            if result.status == "done":
                yield SetupStep("permission", name, "created")
            elif result.code != "DUPLICATE_VALUE":  # granted by a lost answer's call before
                self._ungranted.add(missing[position])
                mend = f" {PLANS_ARE_OFF}" if missing[position] in PLAN_OBJECTS else ""
                yield SetupStep("permission", name, "failed", f"{_said(result)}{mend}")

    def _grant(self, spec: PermissionSetSpec, set_id: str) -> Iterator[SetupStep]:
        soql = f"SELECT Id, Field, PermissionsRead, PermissionsEdit FROM FieldPermissions WHERE ParentId = {quote(set_id)}"
        present = {str(record["Field"]).lower(): record for record in self._client.records(soql, doing="the field permissions")}
        new: list[Grant] = []
        weak: list[tuple[Grant, str]] = []
        for grant in spec.grants:
            if grant.sobject in self._ungranted:
                continue
            record = present.get(f"{grant.sobject}.{grant.field}".lower())
            if record is None:
                new.append(grant)
            elif grant.edit and not record["PermissionsEdit"]:
                weak.append((grant, str(record["Id"])))
        if self._dry_run:
            for grant in [*new, *(grant for grant, _ in weak)]:
                yield SetupStep("permission", f"{spec.label}: {grant.sobject}.{grant.field}", "would_create")
            return
        creates = [
            {
                "ParentId": set_id,
                "SobjectType": grant.sobject,
                "Field": f"{grant.sobject}.{grant.field}",
                "PermissionsRead": True,
                "PermissionsEdit": grant.edit,
            }
            for grant in new
        ]
        updates = [{"Id": record_id, "PermissionsRead": True, "PermissionsEdit": True} for _, record_id in weak]
        for grants, records, method in ((new, creates, "POST"), ([grant for grant, _ in weak], updates, "PATCH")):
            for position, result in write(self._sender(method), records):
                name = f"{spec.label}: {grants[position].sobject}.{grants[position].field}"
                if result.status == "done":
                    yield SetupStep("permission", name, "created" if method == "POST" else "updated")
                elif result.code != "DUPLICATE_VALUE":  # granted by a lost answer's call before
                    yield SetupStep("permission", name, "failed", _said(result))

    def _sender(self, method: str, sobject: str = "FieldPermissions") -> Send:
        def send(records: Sequence[Mapping[str, Any]]) -> Any:
            body = collection(sobject, records)
            return self._client.rest(method, "composite/sobjects", json=body, doing="granting fields", repeatable=True)

        return send

    def _assign(self, spec: PermissionSetSpec, set_id: str) -> SetupStep:
        name = f"{spec.label}: assignment to our user"
        user_id = self._org.user_id
        if not user_id:
            return SetupStep(
                "permission", name, "failed", "Salesforce does not tell our user's id: assign the permission set by hand"
            )
        soql = f"SELECT Id FROM PermissionSetAssignment WHERE PermissionSetId = {quote(set_id)} AND AssigneeId = {quote(user_id)}"
        if self._client.records(soql, doing="the permission set's assignments"):
            return SetupStep("permission", name, "exists")
        if self._dry_run:
            return SetupStep("permission", name, "would_create")
        body = {"AssigneeId": user_id, "PermissionSetId": set_id}
        try:
            self._client.rest(
                "POST", "sobjects/PermissionSetAssignment", json=body, doing="assigning the permission set", repeatable=True
            )
        except KamsyncError as error:
            fault = fault_of(error)
            if fault is None or fault.status >= 500:
                raise
            if fault.code == "DUPLICATE_VALUE":
                return SetupStep("permission", name, "exists")
            return SetupStep("permission", name, "failed", f"{fault.message} ({fault.code})")
        return SetupStep("permission", name, "created")


def _said(result: Result) -> str:
    return f"{result.message} ({result.code})" if result.code else result.message


def _what_is_left_to_do(spec: PermissionSetSpec) -> str:
    return "" if spec.name == AGENT_SET else "assign it to your key account managers"


def _weaker_and_weaker(metadata: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The definition, and where the org refuses a unique or external id on Activity, the same without."""
    yield dict(metadata), ""
    if metadata.get("unique"):
        plain = {key: value for key, value in metadata.items() if key not in ("unique", "caseSensitive")}
        yield plain, "not unique: this org does not allow it; keys are looked up before tasks are created"
        yield (
            {**plain, "externalId": False},
            "no external id: this org does not allow it; keys are looked up before tasks are created",
        )

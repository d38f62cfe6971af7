"""`kamsync setup`: make the portal have what metadata.py describes. Idempotent; a dry run writes nothing.

Saved views, record layouts and workflows cannot be made by API (no endpoint in HubSpot's OpenAPI documents): segments can.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kamsync.contract import Context, SetupStep
from kamsync.errors import KamsyncError
from kamsync.files import write_private
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import Fault, fault_of, is_refused
from kamsync_hubspot.api.portal import COMPANY_TYPE_ID
from kamsync_hubspot.setup.metadata import GROUP, PropertySpec, SegmentSpec, options, wanted_properties, wanted_segments
from kamsync_hubspot.setup.words import texts

PLAIN_KEY_NOTE = "This portal takes no unique task properties: tasks are looked up by search instead."


class Setup:
    """One setup of one connection."""

    def __init__(self, client: Client, context: Context, *, dry_run: bool) -> None:
        self._client = client
        self._properties = wanted_properties(context)
        self._segments = wanted_segments(context)
        self._group_label = texts(context.language)["group"]
        self._dry_run = dry_run

    def run(self, metadata_folder: Path | None) -> Iterator[SetupStep]:
        """Everything, in the order in which one thing needs another."""
        if metadata_folder is not None:
            yield self._write_definitions(metadata_folder)
        for object_type in ("companies", "tasks"):
            yield from self._provide_properties(object_type)
        for segment in self._segments:
            yield self._provide_segment(segment)

    def _provide_properties(self, object_type: str) -> Iterator[SetupStep]:
        """One object that HubSpot does not let us look at keeps us from no other."""
        specs = [one for one in self._properties if one.object_type == object_type]
        try:
            existing = self._existing(object_type)
            if any(one.name not in existing for one in specs):
                yield self._provide_group(object_type)
        except KamsyncError as error:
            if not is_refused(error):
                raise
            yield SetupStep("group", f"{object_type}.{GROUP}", "failed", _said(error))
            return
        for spec in specs:
            yield self._provide(spec, existing.get(spec.name))

    def _write_definitions(self, folder: Path) -> SetupStep:
        """The requests that setup would make, for an admin to review."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "hubspot-setup.json"
        body = {
            "group": {"name": GROUP, "label": self._group_label},
            "properties": {one.full_name: dict(one.body) for one in self._properties},
            "lists": [dict(one.body) for one in self._segments],
        }
        write_private(path, json.dumps(body, indent=2, ensure_ascii=False) + "\n", "definitions")
        return SetupStep("group", "definitions", "created", str(path))

    # --- properties ----------------------------------------------------------------------------------------------------------

    def _existing(self, object_type: str) -> dict[str, Mapping[str, Any]]:
        answer = self._client.call(self._client.properties.get_all, object_type, doing=f"the properties of {object_type}")
        return {str(one["name"]): one for one in answer.results}

    def _provide_group(self, object_type: str) -> SetupStep:
        name = f"{object_type}.{GROUP}"
        answer = self._client.call(self._client.groups.get_all, object_type, doing=f"the property groups of {object_type}")
        if any(one.get("name") == GROUP and not one.get("archived") for one in answer.results):
            return SetupStep("group", name, "exists")
        if self._dry_run:
            return SetupStep("group", name, "would_create", self._group_label)
        body = {"name": GROUP, "label": self._group_label, "displayOrder": -1}
        return self._created("group", name, self._group_label, self._client.groups.create, object_type, body)

    def _provide(self, spec: PropertySpec, found: Mapping[str, Any] | None) -> SetupStep:
        label = str(spec.body["label"])
        if found is not None:
            return self._complete(spec, found)
        if self._dry_run:
            return SetupStep("field", spec.full_name, "would_create", label)
        step = self._created("field", spec.full_name, label, self._client.properties.create, spec.object_type, dict(spec.body))
        if step.status == "failed" and spec.body.get("hasUniqueValue"):
            plain = {**spec.body, "hasUniqueValue": False}
            note = PLAIN_KEY_NOTE
            step = self._created("field", spec.full_name, note, self._client.properties.create, spec.object_type, plain)
        return step

    def _complete(self, spec: PropertySpec, found: Mapping[str, Any]) -> SetupStep:
        """Adds tiers that were configured since; never removes what people added or records still carry."""
        if spec.body.get("hasUniqueValue") and not found.get("hasUniqueValue"):
            return SetupStep("field", spec.full_name, "exists", PLAIN_KEY_NOTE)
        present = [dict(one) for one in found.get("options") or ()]
        known = {str(one.get("value")) for one in present}
        missing = [choice for choice in spec.choices if choice.name not in known]
        if not missing or found.get("type") != "enumeration":
            return SetupStep("field", spec.full_name, "exists")
        detail = "adds " + ", ".join(choice.name for choice in missing)
        if self._dry_run:
            return SetupStep("field", spec.full_name, "would_update", detail)
        kept = [{key: one[key] for key in ("label", "value", "displayOrder", "hidden") if key in one} for one in present]
        body = {"options": [*kept, *options(missing, first=len(kept))]}
        try:
            self._client.call(
                self._client.properties.update, spec.object_type, spec.name, body, doing=f"changing {spec.full_name}"
            )
        except KamsyncError as error:
            if not is_refused(error):
                raise
            return SetupStep("field", spec.full_name, "failed", _said(error))
        return SetupStep("field", spec.full_name, "updated", detail)

    def _created(self, kind: str, name: str, detail: str, send: Any, *arguments: Any) -> SetupStep:
        try:
            # What exists already is refused with 409, so a lost answer does no harm.
            self._client.call(send, *arguments, doing=f"creating {name}")
        except KamsyncError as error:
            fault = fault_of(error)
            if not is_refused(error):
                raise
            if fault is not None and fault.status == 409:
                return SetupStep(kind, name, "exists")
            return SetupStep(kind, name, "failed", _said(error))
        return SetupStep(kind, name, "created", detail)

    # --- segments --------------------------------------------------------------------------------------------------------------

    def _provide_segment(self, segment: SegmentSpec) -> SetupStep:
        try:
            self._client.call(
                self._client.lists.get_by_name, segment.name, COMPANY_TYPE_ID, doing=f"looking for the segment {segment.name}"
            )
            return SetupStep("view", segment.name, "exists")
        except KamsyncError as error:
            if not is_refused(error):
                raise
            if not _is_absent(fault_of(error)):
                return SetupStep("view", segment.name, "failed", _said(error))
        if self._dry_run:
            return SetupStep("view", segment.name, "would_create", "segment of companies")
        step = self._created("view", segment.name, "segment of companies", self._client.lists.create, dict(segment.body))
        if step.status == "failed" and "exist" in step.detail.lower():
            return SetupStep("view", segment.name, "exists")  # names are unique; the answer to an earlier call was lost
        return step


def _is_absent(fault: Fault | None) -> bool:
    return fault is not None and fault.status == 404


def _said(error: KamsyncError) -> str:
    fault = fault_of(error)
    scopes = f" (scope: {' or '.join(fault.scopes)})" if fault and fault.scopes else ""
    return f"{fault.message if fault else error.message}{scopes}"

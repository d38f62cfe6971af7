"""The object that holds the lease: by the Metadata API, the only one that makes objects. Doctor looks whether it is there.

An object of our own, because records of a custom setting are written by users with *Customize Application* alone (Salesforce
Help, "Create Custom Settings Records"), and of two machines that write the same field of a user at once none is told so.
"""

from __future__ import annotations

from collections.abc import Iterator

from kamsync.contract import Finding, SetupStep
from kamsync.errors import KamsyncError
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import REFUSALS, means_unavailable
from kamsync_salesforce.api.fields import Fields
from kamsync_salesforce.setup.metadata import ObjectSpec
from kamsync_salesforce.setup.sfdx import custom_object_metadata
from kamsync_salesforce.setup.soap import upsert_metadata
from kamsync_salesforce.translate import quote

UNKEPT = "two machines that write to this org are only noticed afterwards."


def provide_object(client: Client, spec: ObjectSpec, *, dry_run: bool) -> Iterator[SetupStep]:
    """Creates the object with its fields where it is not there; one that is stays as it is."""
    soql = f"SELECT Id FROM CustomObject WHERE DeveloperName = {quote(spec.name.removesuffix('__c'))}"
    try:
        found = client.rest("GET", "tooling/query", params={"q": soql}, doing="the list of custom objects")["records"]
    except KamsyncError as error:
        if not means_unavailable(error):
            raise
        yield SetupStep("object", spec.name, "failed", f"{error.message} {error.fix}")
        return
    if found:
        yield SetupStep("object", spec.name, "exists")
    elif dry_run:
        yield SetupStep("object", spec.name, "would_create", spec.label)
    else:
        refused = upsert_metadata(client, "CustomObject", [custom_object_metadata(spec)], doing=f"creating {spec.name}")
        yield SetupStep("object", spec.name, "failed" if refused else "created", refused.get(spec.name, spec.label))


def lease_finding(fields: Fields, spec: ObjectSpec) -> Finding:
    """Whether our user may keep the lease; without it the program works all the same."""
    try:
        present, shown = fields.object(spec.name), fields.of(spec.name)
    except REFUSALS:
        return Finding("lease", "warning", f"There is no {spec.name} for our user: {UNKEPT}", "Run `kamsync setup`.")
    rights = [right for right in ("createable", "updateable", "deletable") if not present.get(right, True)]
    hidden = [one.name for one in spec.fields if not shown.get(one.name.lower(), {}).get("updateable")]
    if rights or hidden:
        lacking = ", ".join([*rights, *hidden])
        return Finding("lease", "warning", f"Our user may not keep {spec.name} ({lacking}): {UNKEPT}", "Run `kamsync setup`.")
    return Finding("lease", "ok", f"{spec.name} keeps two machines from writing at once.")

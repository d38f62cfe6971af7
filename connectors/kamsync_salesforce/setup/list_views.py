"""List views: they cannot be created by REST, so one SOAP call to the Metadata API makes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kamsync.contract import SetupStep
from kamsync.errors import KamsyncError
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import means_unavailable
from kamsync_salesforce.setup.metadata import ListViewSpec
from kamsync_salesforce.setup.sfdx import list_view_metadata
from kamsync_salesforce.setup.soap import MOST_PER_CALL, upsert_metadata


def provide_list_views(client: Client, views: Sequence[ListViewSpec], *, dry_run: bool) -> Iterator[SetupStep]:
    """Creates the views that are not there. An existing one is left as people may have changed it."""
    if not views:
        return
    soql = "SELECT DeveloperName FROM ListView WHERE SobjectType = 'Account'"
    try:
        present = {str(record["DeveloperName"]).lower() for record in client.records(soql, doing="the list views")}
    except KamsyncError as error:
        if not means_unavailable(error):
            raise
        yield from (SetupStep("view", view.label, "failed", f"{error.message} {error.fix}") for view in views)
        return
    missing = [view for view in views if view.name.lower() not in present]
    failures: dict[str, str] = {}
    if not dry_run:
        for start in range(0, len(missing), MOST_PER_CALL):
            group = missing[start : start + MOST_PER_CALL]
            metadata = [{**list_view_metadata(view), "fullName": f"Account.{view.name}"} for view in group]
            failures |= upsert_metadata(client, "ListView", metadata, doing="creating list views")
    for view in views:
        if view not in missing:
            yield SetupStep("view", view.label, "exists")
        elif f"Account.{view.name}" in failures:
            yield SetupStep("view", view.label, "failed", failures[f"Account.{view.name}"])
        else:
            yield SetupStep("view", view.label, "would_create" if dry_run else "created")

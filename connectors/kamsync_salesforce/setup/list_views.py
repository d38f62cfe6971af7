"""List views: they cannot be created by REST, so one SOAP call to the Metadata API makes them.

Metadata API Developer Guide, "upsertMetadata()". simple-salesforce's `mdapi` would parse a WSDL of 1.5 MB for it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kamsync.contract import SetupStep
from kamsync.errors import KamsyncError
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.api.errors import means_unavailable
from kamsync_salesforce.setup.metadata import ListViewSpec
from kamsync_salesforce.setup.sfdx import list_view_metadata, xml_of

VIEWS_PER_CALL = 10  # the most that one upsertMetadata() takes


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
        for start in range(0, len(missing), VIEWS_PER_CALL):
            group = missing[start : start + VIEWS_PER_CALL]
            metadata = [{**list_view_metadata(view), "fullName": f"Account.{view.name}"} for view in group]
            failures |= _upsert(client, metadata)
    for view in views:
        if view not in missing:
            yield SetupStep("view", view.label, "exists")
        elif f"Account.{view.name}" in failures:
            yield SetupStep("view", view.label, "failed", failures[f"Account.{view.name}"])
        else:
            yield SetupStep("view", view.label, "would_create" if dry_run else "created")


def _upsert(client: Client, items: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Creates or overwrites list views; refusals by full name."""
    everything = [str(item["fullName"]) for item in items]
    try:
        root = ET.fromstring(client.soap_metadata(_envelope(items), doing="creating list views"))
    except KamsyncError as error:
        # Views are a convenience: fields and permissions must not fail with them.
        return dict.fromkeys(everything, f"{error} {error.fix}")
    except ET.ParseError:
        return dict.fromkeys(everything, "Salesforce's Metadata API gave an answer that is not XML.")
    fault = next((element.text for element in root.iter() if _local(element) == "faultstring"), None)
    if fault:
        return dict.fromkeys(everything, fault)
    failures: dict[str, str] = {}
    for result in (element for element in root.iter() if _local(element) == "result"):
        values = {_local(child): child.text or "" for child in result}
        if values.get("success") != "true":
            words = (element.text for element in result.iter() if _local(element) == "message")
            failures[values.get("fullName", "")] = next(words, None) or "refused without a reason"
    return failures


def _envelope(items: Sequence[Mapping[str, Any]]) -> str:
    """The client puts the session in place of {session}."""
    bodies = "".join(f'<m:metadata xsi:type="m:ListView">{_prefixed(xml_of(item))}</m:metadata>' for item in items)
    return (
        '<?xml version="1.0" encoding="utf-8"?><env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:m="http://soap.sforce.com/2006/04/metadata">'
        "<env:Header><m:SessionHeader><m:sessionId>{session}</m:sessionId></m:SessionHeader></env:Header>"
        f"<env:Body><m:upsertMetadata>{bodies}</m:upsertMetadata></env:Body></env:Envelope>"
    )


def _prefixed(xml: str) -> str:
    """Our metadata elements with the envelope's prefix."""
    return xml.replace("</", "\0").replace("<", "<m:").replace("\0", "</m:")


def _local(element: ET.Element) -> str:
    return element.tag.rpartition("}")[2]

"""What the Metadata API alone can make, in one SOAP call: list views, and objects.

Metadata API Developer Guide, "upsertMetadata()". simple-salesforce's `mdapi` would parse a WSDL of 1.5 MB for it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from typing import Any

from kamsync.errors import KamsyncError
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.setup.sfdx import xml_of

MOST_PER_CALL = 10  # components that one upsertMetadata() takes


def upsert_metadata(client: Client, kind: str, items: Sequence[Mapping[str, Any]], *, doing: str) -> dict[str, str]:
    """Creates or overwrites up to MOST_PER_CALL components of one kind; refusals by full name, in Salesforce's words.

    What is made so is a convenience without which fields and permissions still work: nothing is raised.
    """
    everything = [str(item["fullName"]) for item in items]
    try:
        root = ET.fromstring(client.soap_metadata(_envelope(kind, items), doing=doing))
    except KamsyncError as error:
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


def _envelope(kind: str, items: Sequence[Mapping[str, Any]]) -> str:
    """The client puts the session in place of {session}."""
    bodies = "".join(f'<m:metadata xsi:type="m:{kind}">{_prefixed(xml_of(item))}</m:metadata>' for item in items)
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

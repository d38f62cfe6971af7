"""What fields an object has, which of them this user sees, and why one that is mapped cannot be read.

A field created by API is invisible to everybody, administrators included, until a permission set grants it; describe and queries
then say that it does not exist. The Tooling API sees it regardless (Tooling API Developer Guide, "CustomField").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kamsync.contract import AccountField
from kamsync.errors import AccessDenied, BadAnswer, ConfigError, KamsyncError
from kamsync.model import Kind
from kamsync_salesforce.api.client import Client
from kamsync_salesforce.translate import quote

# Custom fields of tasks and events are defined on Activity, which can neither be described nor queried.
DEFINED_ON = {"Task": "Activity", "Event": "Activity"}
# Object Reference, "Field Types"
NUMBERS = ("int", "double", "currency", "percent", "long")
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(NUMBERS, "number"),
    "boolean": "boolean",
    "date": "date",
    "datetime": "instant",
}


class Fields:
    """Describes, remembered for the life of a connection."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._described: dict[str, dict[str, Mapping[str, Any]]] = {}
        self._objects: dict[str, Mapping[str, Any]] = {}

    def of(self, sobject: str) -> dict[str, Mapping[str, Any]]:
        """Visible fields by lower-case API name. Raises as the client does for no such object; BadAnswer."""
        if sobject not in self._described:
            answer = self._client.rest("GET", f"sobjects/{sobject}/describe", doing=f"the description of {sobject}")
            if not isinstance(answer, Mapping) or not isinstance(answer.get("fields"), list):
                raise BadAnswer(f"Salesforce does not describe {sobject}.", fix="Run again; report this if it stays.")
            self._objects[sobject] = answer
            self._described[sobject] = {str(field["name"]).lower(): field for field in answer["fields"]}
        return self._described[sobject]

    def object(self, sobject: str) -> Mapping[str, Any]:
        """The object's own description: `updateable`, `createable`, …"""
        self.of(sobject)
        return self._objects[sobject]

    def forget(self) -> None:
        """After a setup the org has other fields."""
        self._described.clear()
        self._objects.clear()

    def find(self, sobject: str, path: str) -> Mapping[str, Any] | None:
        """The description at a field or parent path, or None where it is not visible."""
        *parents, name = path.split(".")
        for parent in parents:
            fields = self.of(sobject).values()
            link = next((item for item in fields if str(item.get("relationshipName") or "").lower() == parent.lower()), None)
            if link is None or not link.get("referenceTo"):
                return None
            sobject = str(link["referenceTo"][0])
        return self.of(sobject).get(name.lower())

    def of_accounts(self) -> tuple[AccountField, ...]:
        """What a mapping could name: no compound fields (an address), whose parts are fields too, and no files."""
        return tuple(
            AccountField(
                str(field["name"]),
                str(field.get("label") or field["name"]),
                _KINDS.get(str(field.get("type")), "text"),
                bool(field.get("custom")),
            )
            for field in self.of("Account").values()
            if field.get("type") not in ("address", "location", "base64")
        )

    def exists_but_hidden(self, sobject: str, names: Iterable[str]) -> set[str] | None:
        """Of custom fields that describe does not show, those that exist; None where we may not ask."""
        wanted = {name.removesuffix("__c"): name for name in names if name.endswith("__c")}
        if not wanted:
            return set()
        soql = (
            f"SELECT DeveloperName FROM CustomField WHERE TableEnumOrId = {quote(DEFINED_ON.get(sobject, sobject))} "
            f"AND DeveloperName IN ({', '.join(quote(name) for name in wanted)})"
        )
        try:
            answer = self._client.rest("GET", "tooling/query", params={"q": soql}, doing="the list of custom fields")
        except (AccessDenied, ConfigError, BadAnswer):
            return None
        records = answer.get("records", []) if isinstance(answer, Mapping) else []
        return {wanted[record["DeveloperName"]] for record in records if record.get("DeveloperName") in wanted}


def missing_field_error(
    fields: Fields, sobject: str, asked: Iterable[str], ours: Iterable[str], cause: KamsyncError
) -> KamsyncError:
    """`cause` said that some field of a query is not there: all that are missing, by name, with the mend.

    `asked` are the query's field paths, `ours` those that `kamsync setup` creates.
    """
    missing = [path for path in dict.fromkeys(asked) if fields.find(sobject, path) is None]
    if not missing:
        return cause
    created_by_us = set(ours)
    names = ", ".join(missing)
    if created_by_us.intersection(missing):
        return AccessDenied(
            f"Salesforce does not show our user the fields of this program on {sobject}: {names}.",
            fix="Run `kamsync setup`: it creates the fields and grants them to our user.",
        )
    hidden = fields.exists_but_hidden(sobject, missing)
    if hidden:
        return AccessDenied(
            f"Salesforce hides the mapped field {', '.join(sorted(hidden))} of {sobject} from our user.",
            fix="Grant 'Read' on it in a permission set of our user (field-level security), then run `kamsync doctor`.",
        )
    if hidden is None:
        return ConfigError(
            f"Salesforce shows no field {names} on {sobject}: it does not exist, or our user may not see it.",
            fix="Correct the name in the mapping file, or grant 'Read' on it (field-level security) in a permission set.",
        )
    return ConfigError(f"{sobject} has no field {names}.", fix="Correct the name in the mapping file, or remove the line.")

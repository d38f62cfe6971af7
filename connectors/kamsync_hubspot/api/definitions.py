"""Property definitions of the portal, each object's asked for once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kamsync.errors import AccessDenied, KamsyncError
from kamsync_hubspot.api.client import Client
from kamsync_hubspot.api.errors import is_refused


class Definitions:
    """Definitions by object and name. Archived properties are not among them."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, dict[str, dict[str, Any]]] = {}

    def of(self, object_type: str) -> Mapping[str, Mapping[str, Any]]:
        """The object's properties by name; asked once."""
        if object_type not in self._known:
            answer = self._client.call(self._client.properties.get_all, object_type, doing=f"the properties of {object_type}")
            self._known[object_type] = {str(one.get("name")): one for one in answer.results}
        return self._known[object_type]

    def require(self, object_type: str, names: Iterable[str]) -> None:
        """Raises AccessDenied for properties that there are not.

        HubSpot leaves them out without an error: a slip in the mapping would read as "no values".
        """
        missing = self.missing(object_type, names)
        if missing:
            raise AccessDenied(
                f"This portal has no property {', '.join(missing)} on {object_type}, which the mapping names.",
                fix="Correct the name in the mapping file, or remove the line; `kamsync mapping` lists what the portal has.",
            )

    def missing(self, object_type: str, names: Iterable[str]) -> list[str]:
        """Of these properties those that the portal lacks; none where definitions may not be read: a right of its own."""
        try:
            known = self.of(object_type)
        except KamsyncError as error:
            if not is_refused(error):
                raise
            return []
        return [name for name in names if name and name not in known]

    def forget(self) -> None:
        """After a change."""
        self._known.clear()

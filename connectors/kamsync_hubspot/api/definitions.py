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
        if object_type not in self._known:
            answer = self._client.call(self._client.properties.get_all, object_type, doing=f"the properties of {object_type}")
            self._known[object_type] = {str(one.get("name")): one for one in answer.results}
        return self._known[object_type]

    def require(self, object_type: str, names: Iterable[str]) -> None:
        """HubSpot leaves unknown properties out without an error: a slip in the mapping would read as "no values"."""
        try:
            known = self.of(object_type)
        except KamsyncError as error:
            if is_refused(error):
                return  # reading definitions is a right of its own; records may be read without it
            raise
        missing = [name for name in names if name and name not in known]
        if missing:
            raise AccessDenied(
                f"This portal has no property {', '.join(missing)} on {object_type}, which the mapping names.",
                fix="Run `kamsync setup` for properties of this program (kam_…); otherwise correct the name in the mapping.",
            )

    def forget(self) -> None:
        """After a change."""
        self._known.clear()

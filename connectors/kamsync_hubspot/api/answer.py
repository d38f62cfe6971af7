"""What came back from a call: the decoded answer, and how often there was none. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kamsync.errors import BadAnswer
from kamsync.foreign import Unread


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer with a good status. `status` 207: part of a batch failed, so 2xx is not success."""

    status: int
    content: Any

    @property
    def results(self) -> list[dict[str, Any]]:
        """The tables in `results` of a list, search or batch, checked to be one."""
        return [one for one in self._listed if isinstance(one, dict)]

    @property
    def _listed(self) -> list[Any]:
        found = self.content.get("results") if isinstance(self.content, dict) else None
        if not isinstance(found, list):
            raise BadAnswer("HubSpot's answer has no results.", fix="Check `base_url` in [crm.hubspot]; run again.")
        return found

    def records(self, unread: Unread) -> list[dict[str, Any]]:
        """`results` that are CRM records: a number for an id and a table of properties. What is none is noted in `unread`."""
        found = self._listed
        if all(_is_record(one) for one in found):
            return found
        for one in found:
            if not _is_record(one):
                unread.note(one.get("id") if isinstance(one, dict) else "no record at all")
        return [one for one in found if _is_record(one)]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """`errors` of a batch."""
        found = self.content.get("errors") if isinstance(self.content, dict) else None
        return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []

    @property
    def after(self) -> str:
        """Where the next page begins, "" at the end."""
        paging = self.content.get("paging") if isinstance(self.content, dict) else None
        following = paging.get("next") if isinstance(paging, dict) else None
        return str(following.get("after") or "") if isinstance(following, dict) else ""


def _is_record(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("properties"), dict) and str(value.get("id") or "").isdigit()

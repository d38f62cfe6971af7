"""What came back from a call: the decoded answer, and how often there was none. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kamsync.errors import BadAnswer


@dataclass(frozen=True, slots=True)
class Answer:
    """A decoded answer with a good status. `status` 207: part of a batch failed, so 2xx is not success."""

    status: int
    content: Any

    @property
    def results(self) -> list[dict[str, Any]]:
        """`results` of a list, search or batch, checked to be one."""
        found = self.content.get("results") if isinstance(self.content, dict) else None
        if not isinstance(found, list):
            raise BadAnswer("HubSpot's answer has no results.", fix="Check `base_url` in [crm.hubspot]; run again.")
        return found

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


@dataclass
class Silences:
    """How many attempts of some calls got no answer: what they asked for may have been done."""

    count: int = 0

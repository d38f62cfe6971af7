"""Deals that count otherwise than people may think: counted, and told with the first of them (DECISIONS.md §2). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from kamsync_hubspot.translate import Stage, is_true, parse_moment

Oddity = Literal["unknown_stage", "untold_stage", "no_calendar_date"]
_SENTENCES: Mapping[Oddity, str] = {
    "unknown_stage": (
        "{count} deals are in a stage that no pipeline has (the first: {first}); whether they are closed and won is what "
        "HubSpot's own marks on them say."
    ),
    "untold_stage": (
        "{count} deals are in a stage that no pipeline has, and carry no mark of being open or closed (the first: {first}): they "
        "count for nobody."
    ),
    "no_calendar_date": (
        "{count} deals close in a year that no calendar goes to (the first: {first}), so they count as if they had no close date."
    ),
}


class Oddities:
    """What was met while one stream was read."""

    def __init__(self) -> None:
        self._found: dict[Oddity, tuple[int, str]] = {}

    def note(self, oddity: Oddity, record_id: str) -> None:
        """Counts one; the first record of each kind is remembered."""
        count, first = self._found.get(oddity, (0, record_id))
        self._found[oddity] = (count + 1, first)

    def sentences(self) -> Iterator[str]:
        """For the admin."""
        for oddity, (count, first) in self._found.items():
            yield _SENTENCES[oddity].format(count=count, first=first)


def stage_oddity(properties: Mapping[str, object], stages: Mapping[str, Stage]) -> Oddity | None:
    """What is odd about a deal's stage. No stages at all are told: then every deal goes by its own marks, and none is odd."""
    if not stages or str(properties.get("dealstage") or "") in stages:
        return None
    return "untold_stage" if own_mark(properties, CLOSED_MARK) is None else "unknown_stage"


def has_no_calendar_date(close_date: object) -> bool:
    """A date that is there and cannot be read: HubSpot takes year 20245, and writes it as +20245."""
    return close_date not in (None, "") and parse_moment(str(close_date)) is None


CLOSED_MARK = "hs_is_closed"
WON_MARK = "hs_is_closed_won"


def own_mark(properties: Mapping[str, object], name: str) -> bool | None:
    """A mark that HubSpot itself keeps on a deal; None where it is not told."""
    value = properties.get(name)
    return None if value in (None, "") else is_true(value)

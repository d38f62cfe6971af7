"""A type of object of the portal: what it is called, where its ids begin, what it shows and is found by unasked."""

from __future__ import annotations

from dataclasses import dataclass

ACTIVITIES = ("tasks", "notes", "meetings", "calls", "emails")


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """`first_id`: ids start above it, all of one width, so that text and number order agree. `stamp`: the change stamp.

    `scope_beside`: a scope that opens it as well as its own, "" for none.
    """

    plural: str
    singular: str
    type_id: str
    first_id: int
    defaults: tuple[str, ...]
    searchable: tuple[str, ...]
    created: str = "createdate"
    stamp: str = "hs_lastmodifieddate"
    scope_beside: str = ""

    @property
    def upper(self) -> str:
        """As messages name it: `COMPANY`."""
        return self.singular.upper()

    @property
    def inline_name(self) -> str:
        """The key of its associations inside a record."""
        return self.plural.replace("_", " ")  # "line items", as HubSpot keys inline associations

    @property
    def is_activity(self) -> bool:
        """Whether it is a task, note, meeting, call or email, which need `hs_timestamp`."""
        return self.plural in ACTIVITIES

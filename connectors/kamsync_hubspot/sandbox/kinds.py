"""The object types of the portal: their names, ids, default fields and association types.

Sources: object type ids and association type ids from developers.hubspot.com "Understanding the CRM" and "Associations v4";
the error for an unknown type as recorded in amp-labs/connectors.
"""

from __future__ import annotations

from dataclasses import dataclass

from .object_kind import ObjectKind
from .plain_objects import PLAIN_OBJECTS, PRODUCTS_FROM
from .wire import bad_request

KINDS = {
    kind.plural: kind
    for kind in (
        ObjectKind(
            "contacts",
            "contact",
            "0-1",
            2_000_000_000,
            ("createdate", "email", "firstname", "hs_object_id", "lastmodifieddate", "lastname"),
            ("firstname", "lastname", "email", "phone", "company"),
            stamp="lastmodifieddate",
        ),
        ObjectKind(
            "companies",
            "company",
            "0-2",
            1_000_000_000,
            ("createdate", "domain", "hs_lastmodifieddate", "hs_object_id", "name"),
            ("name", "domain", "website", "phone"),
        ),
        ObjectKind(
            "deals",
            "deal",
            "0-3",
            3_000_000_000,
            ("amount", "closedate", "createdate", "dealname", "dealstage", "hs_lastmodifieddate", "hs_object_id", "pipeline"),
            ("dealname", "pipeline", "dealstage", "description", "dealtype"),
        ),
        ObjectKind(
            "products",
            "product",
            "0-7",
            PRODUCTS_FROM,
            ("createdate", "description", "hs_lastmodifieddate", "hs_object_id", "name", "price"),
            ("name", "description", "hs_sku"),
        ),
        *(one.kind for one in PLAIN_OBJECTS),
        ObjectKind(
            "tasks",
            "task",
            "0-27",
            6_000_000_000,
            ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            ("hs_task_subject", "hs_task_body"),
            created="hs_createdate",
        ),
        ObjectKind(
            "notes",
            "note",
            "0-46",
            7_000_000_000,
            ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            ("hs_note_body",),
            created="hs_createdate",
        ),
        ObjectKind(
            "meetings",
            "meeting",
            "0-47",
            8_000_000_000,
            ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            ("hs_meeting_title",),
            created="hs_createdate",
        ),
        ObjectKind(
            "calls",
            "call",
            "0-48",
            9_000_000_000,
            ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            ("hs_call_title", "hs_call_body"),
            created="hs_createdate",
        ),
        ObjectKind(
            "emails",
            "email",
            "0-49",
            10_000_000_000,
            ("hs_createdate", "hs_lastmodifieddate", "hs_object_id"),
            ("hs_email_subject", "hs_email_text"),
            created="hs_createdate",
        ),
    )
}
# Products go by "e-commerce", activities by the scopes of contacts ("Tasks" guide).
WITH_SCOPES = tuple(name for name, kind in KINDS.items() if name != "products" and not kind.is_activity)
_BY_NAME = {name: kind for kind in KINDS.values() for name in (kind.plural, kind.singular, kind.type_id, kind.inline_name)}


def object_kind(name: str) -> ObjectKind:
    """The type that a path or body means by name, in the singular or plural, or by id (`0-2`). Raises Refusal 400 for none."""
    kind = _BY_NAME.get(name) or _BY_NAME.get(name.lower())
    if kind is None:
        raise bad_request(f"Unable to infer object type from: {name}")
    return kind


@dataclass(frozen=True, slots=True)
class AssociationType:
    """One direction of an association. `unique`: a record has at most one of these (Primary company, parent)."""

    type_id: int
    source: str
    target: str
    inverse: int
    name: str
    label: str | None = None
    unlabelled: int = 0  # the unlabelled type that comes with a labelled one
    unique: bool = False
    category: str = "HUBSPOT_DEFINED"


def _pair(
    forth: int, back: int, source: str, target: str, *, labels: tuple[str, str] | None = None, plain: tuple[int, int] = (0, 0),
    unique: bool = False, names: tuple[str, str] | None = None,
) -> tuple[AssociationType, AssociationType]:  # fmt: skip
    one, other = KINDS[source].singular, KINDS[target].singular
    forth_name, back_name = names or (f"{one}_to_{other}", f"{other}_to_{one}")
    forth_label, back_label = labels or (None, None)
    return (
        AssociationType(forth, source, target, back, forth_name, forth_label, plain[0], unique),
        AssociationType(back, target, source, forth, back_name, back_label, plain[1]),
    )


def _unlabelled(forth: int, back: int, source: str, target: str) -> tuple[AssociationType, AssociationType]:
    one, other = KINDS[source].singular, KINDS[target].singular
    return _pair(forth, back, source, target, names=(f"{one}_to_{other}_unlabeled", f"{other}_to_{one}_unlabeled"))


_PRIMARY = ("Primary", "Primary")
ASSOCIATION_TYPES = {
    association.type_id: association
    for pair in (
        _unlabelled(341, 342, "deals", "companies"),
        _pair(5, 6, "deals", "companies", labels=_PRIMARY, plain=(341, 342), unique=True),
        _unlabelled(279, 280, "contacts", "companies"),
        _pair(1, 2, "contacts", "companies", labels=_PRIMARY, plain=(279, 280), unique=True),
        _pair(3, 4, "deals", "contacts"),
        _pair(14, 13, "companies", "companies", labels=("Parent Company", "Child Company"), unique=True,
              names=("child_to_parent_company", "parent_to_child_company")),
        _pair(450, 450, "companies", "companies"),
        *(_pair(one.from_parent, one.to_parent, one.parent, one.kind.plural) for one in PLAIN_OBJECTS),
        *(
            _pair(to_target, to_target - 1, activity, target)
            for activity, ids in (("calls", (182, 194, 206)), ("emails", (186, 198, 210)), ("meetings", (188, 200, 212)),
                                  ("notes", (190, 202, 214)), ("tasks", (192, 204, 216)))
            for target, to_target in zip(("companies", "contacts", "deals"), ids, strict=True)
        ),
    )
    for association in pair
}  # fmt: skip

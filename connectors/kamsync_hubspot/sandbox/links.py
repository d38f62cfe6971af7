"""Making and breaking associations: which types fit, what a creation may ask for, and the counts that follow.

The ids of the types are in `kinds.py`; developers.hubspot.com "Associations v4". No HTTP here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .kinds import AssociationType
from .object_kind import ObjectKind
from .portal import Portal
from .store import Table
from .wire import bad_request


def resolve_types(portal: Portal, specs: Any, source: ObjectKind, target: ObjectKind | None) -> list[AssociationType]:
    """The association types of a request; one that does not fit both object types is refused."""
    if not isinstance(specs, Sequence) or not specs:
        raise bad_request("Some required fields were not set: [types]", context={"missingFields": ["types"]})
    found = []
    for spec in specs:
        type_id = spec.get("associationTypeId") if isinstance(spec, dict) else None
        kind = portal.associations.types.get(int(str(type_id))) if str(type_id).isdigit() else None
        category = spec.get("associationCategory") if isinstance(spec, dict) else None
        fits = kind is not None and kind.source == source.plural and (target is None or kind.target == target.plural)
        if kind is None or not fits or category != kind.category:
            raise bad_request(
                f"Association type id {type_id} of category {category} doesn't exist between the given object types "
                f"({source.type_id} to {target.type_id if target else 'any'})"
            )
        found.append(kind)
    return found


def attach_at_creation(portal: Portal, table: Table, given: Any) -> Callable[[str], None]:
    """Checks the `associations` of a creation, all before anything is written; the result attaches them to the new id."""
    wanted: list[tuple[list[AssociationType], str]] = []
    if not isinstance(given, list):
        raise bad_request("Invalid input JSON: associations must be a list")
    for one in given:
        kinds = resolve_types(portal, one.get("types"), table.kind, None)
        other_id = str((one.get("to") or {}).get("id", ""))
        other = portal.tables[kinds[0].target].find(other_id)
        if other is None:
            raise bad_request(
                f"One or more associations are not valid: {kinds[0].target} {other_id} does not exist",
                errors=[{"message": f"Object not found. objectId: {other_id}", "code": "OBJECT_NOT_FOUND"}],
            )
        wanted.append((kinds, other.id))

    def attach(record_id: str) -> None:
        for kinds, other_id in wanted:
            for kind in kinds:
                link(portal, kind, record_id, other_id)

    return attach


def link(portal: Portal, kind: AssociationType, source_id: str, target_id: str) -> None:
    """Joins two records by that type and its inverse; a type of which a record has one at most takes the place of another."""
    displaced = list(portal.associations.of(kind.source, source_id, kind.target)) if kind.unique else []
    portal.associations.add(kind, source_id, target_id)
    for other_id in displaced:
        portal.count_associations(kind.target, other_id)
    portal.count_associations(kind.source, source_id)
    portal.count_associations(kind.target, target_id)


def unlink(portal: Portal, source: ObjectKind, source_id: str, target: ObjectKind, target_id: str) -> None:
    """Takes every type between the two away, in both directions."""
    portal.associations.unlink(source.plural, source_id, target.plural, target_id)
    portal.count_associations(source.plural, source_id)
    portal.count_associations(target.plural, target_id)


def default_type(portal: Portal, source: ObjectKind, target: ObjectKind) -> AssociationType:
    """The unlabelled type from the one to the other. Raises Refusal 400 where HubSpot joins these two by no such type."""
    plain = [one for one in portal.associations.types_between(source.plural, target.plural) if one.label is None]
    if not plain:
        raise bad_request(f"No default association type exists between {source.type_id} and {target.type_id}")
    return plain[0]

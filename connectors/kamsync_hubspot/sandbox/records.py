"""A record as the API shows it: properties, stamps, inline associations, history.

Built for pages of a hundred: slots are looked up once a page. Shapes as recorded in amp-labs/connectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .catalog import LONG_AGO_MS
from .kinds import object_kind
from .object_kind import ObjectKind
from .portal import Portal
from .store import Record, Table
from .wire import PUBLIC_HOST, iso

INLINE_LIMIT = 100


class Renderer:
    """Shows records of one table with the same properties and associations."""

    def __init__(
        self,
        portal: Portal,
        table: Table,
        properties: Iterable[str] = (),
        *,
        history: Iterable[str] = (),
        associations: Sequence[str] = (),
    ) -> None:
        self.portal = portal
        self.table = table
        kind = table.kind
        # createdate, the stamp and hs_object_id always come along; unknown names are left out without an error.
        names = [*(list(properties) or kind.defaults), kind.created, kind.stamp, "hs_object_id"]
        if kind.created == "hs_createdate":
            names = [name for name in names if name != "createdate"]
        self.columns = [
            (name, table.slots[name])
            for name in sorted(set(names))
            if name in table.definitions and not table.definitions[name].archived_ms
        ]
        self.history = [name for name in history if name in table.definitions]
        self.targets: list[ObjectKind] = [object_kind(name) for name in associations]
        self.created_slot = table.slots[kind.created]
        self.stamp_slot = table.slots[kind.stamp]
        self.url = f"https://app.hubspot.com/contacts/{portal.options.portal_id}/record/{kind.type_id}/"

    def show(self, record: Record) -> dict[str, Any]:
        """One record: `{id, properties, createdAt, updatedAt, archived, url, …}`; what has no value is null."""
        values = record.values
        size = len(values)
        answer: dict[str, Any] = {
            "id": record.id,
            "properties": {name: values[slot] if slot < size else None for name, slot in self.columns},
            "createdAt": values[self.created_slot] or iso(LONG_AGO_MS),
            "updatedAt": values[self.stamp_slot],
            "archived": record.archived > 0,
            "url": self.url + record.id,
        }
        if record.archived:
            answer["archivedAt"] = iso(record.archived)
        if self.history:
            answer["propertiesWithHistory"] = {name: self._history(record, name) for name in self.history}
        if self.targets:
            inline = {kind.inline_name: self._inline(record, kind) for kind in self.targets}
            shown = {name: block for name, block in inline.items() if block["results"]}
            if shown:
                answer["associations"] = shown
        return answer

    def _history(self, record: Record, name: str) -> list[dict[str, Any]]:
        past = (record.history or {}).get(name, [])
        entries = [(self.table.get(record, name) or "", record.updated), *past]
        return [
            {"value": value, "timestamp": iso(moment), "sourceType": "INTEGRATION", "sourceId": "sandbox"}
            for value, moment in entries
        ]

    def _inline(self, record: Record, kind: ObjectKind) -> dict[str, Any]:
        graph = self.portal.associations
        linked = graph.of(self.table.kind.plural, record.id, kind.plural)
        entries = [
            # One entry a type, labelled first: a primary company appears twice (dlt-hub/verified-sources#593).
            {"id": other, "type": graph.types[type_id].name}
            for other, type_ids in (list(linked.items())[:INLINE_LIMIT] if len(linked) > INLINE_LIMIT else linked.items())
            for type_id in sorted(type_ids)
        ]
        block: dict[str, Any] = {"results": entries}
        if len(linked) > INLINE_LIMIT:
            after = list(linked)[INLINE_LIMIT]
            path = f"/crm/v3/objects/{self.table.kind.plural}/{record.id}/associations/{kind.plural}?after={after}&limit=500"
            block["paging"] = {"next": {"after": after, "link": PUBLIC_HOST + path}}
        return block

"""Tasks and companies for the tests of this folder."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from kamsync.model.exchange import NewTask


def new_task(world: Any, key: str = "k1", **more: Any) -> NewTask:
    """A task for the portal's first company and first owner."""
    task = NewTask(
        key, world.first_company, world.first_owner, "Call <them>", "Ask & listen\n<b>now</b>", date(2026, 12, 1), "high"
    )
    return replace(task, **more)


def company_ids(world: Any, count: int) -> list[str]:
    return [one["id"] for one in world.call("GET", "/crm/v3/objects/companies", limit=count)["results"]]

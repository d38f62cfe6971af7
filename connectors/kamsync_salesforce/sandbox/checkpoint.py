"""Keeps the whole state of an org and puts it back: for tests that begin often from the same org.

Only between calls. Sessions, cursors and jobs stay open, counters of calls go on.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass

from .org import Org

_KEPT = ("counters", "custom_fields", "rates", "agent_id")


@dataclass(frozen=True, slots=True)
class KeptOrg:
    """What an org held at one moment."""

    database: bytes
    rest: bytes


def keep(org: Org) -> KeptOrg:
    """What the org holds now."""
    return KeptOrg(org.db.serialize(), pickle.dumps(({name: getattr(org, name) for name in _KEPT}, org.objects)))


def put_back(org: Org, kept: KeptOrg) -> None:
    """The org as it was then, down to its ids."""
    org.db.deserialize(kept.database)
    values, objects = pickle.loads(kept.rest)
    for name, value in values.items():
        setattr(org, name, value)
    org.objects.clear()
    org.objects.update(objects)

"""Keeps the whole state of a portal and puts it back: for tests that begin often from the same portal.

Only between calls. Tokens stay valid, counters of calls go on.
"""

from __future__ import annotations

import pickle

from .portal import Portal

_KEPT = ("groups", "segments", "exports", "pipelines")


def keep(portal: Portal) -> bytes:
    """What the portal holds now."""
    tables = {name: vars(table) for name, table in portal.tables.items()}
    return pickle.dumps((tables, vars(portal.associations), {name: getattr(portal, name) for name in _KEPT}))


def put_back(portal: Portal, kept: bytes) -> None:
    """The portal as it was then, down to its ids."""
    tables, associations, rest = pickle.loads(kept)
    for name, table in portal.tables.items():
        vars(table).update(tables[name])
    vars(portal.associations).update(associations)
    for name, value in rest.items():
        setattr(portal, name, value)

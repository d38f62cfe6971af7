"""Two configurations as one document: the common one's under a file's own. Values only; `inheritance` reads the files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

INHERIT = "inherit"  # the key that names the common configuration


def merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Both documents as one: tables key by key, everything else the own one's where it says anything."""
    found = dict(base)
    for key, value in own.items():
        before = found.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping) and not _is_reference(value)
        found[key] = merged(before, value) if both and isinstance(before, Mapping) else value
    return found


def _is_reference(value: Mapping[str, Any]) -> bool:
    """`{ env = … }` and its like name one thing: half of one and half of another would name none."""
    return len(value) == 1 and next(iter(value)) in ("env", "file", "keyring")

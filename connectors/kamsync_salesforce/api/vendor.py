"""simple-salesforce, loaded without what only those parts of it need that nobody here uses.

Its Metadata API reads SOAP through zeep and lxml, its sign-in signs JWTs through cryptography: sixteen megabytes and a tenth of a
second of every command. Both come when somebody asks for them. All of this connector takes the package from here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

# Modules that the package imports, and the one name that it uses of each.
_LATER: Mapping[str, str] = {"simple_salesforce.metadata": "SfdcMetadataApi", "jwt": "encode"}


def _later(module: str, name: str) -> Callable[..., Any]:
    """Calls the real one, which is loaded then."""

    def call(*arguments: Any, **named: Any) -> Any:
        return getattr(import_module(module), name)(*arguments, **named)

    return call


@contextmanager
def _stand_ins() -> Iterator[None]:
    """While the package is imported, stand-ins have those names; whoever imports the modules afterwards gets the real ones."""
    made = {}
    for module, name in _LATER.items():
        if module not in sys.modules:
            made[module] = sys.modules[module] = ModuleType(module)
            vars(made[module])[name] = _later(module, name)
    try:
        yield
    finally:
        for module in made:
            del sys.modules[module]


with _stand_ins():
    from simple_salesforce import exceptions
    from simple_salesforce.api import Salesforce
    from simple_salesforce.util import call_salesforce

__all__ = ["Salesforce", "call_salesforce", "exceptions"]

"""`kamsync facts`: every fact with its definition and type, from the source that computes them."""

from __future__ import annotations

from kamsync.cli.console import show, show_json
from kamsync.cli.options import JsonOption
from kamsync.decide.facts import FACTS


def facts(json: JsonOption = False) -> None:
    """List every fact that an expression may read, beside the mapped account fields."""
    if json:
        show_json([{"name": f.name, "type": f.kind, "definition": f.definition, "none": f.none, "from": f.source} for f in FACTS])
        return
    for fact in FACTS:
        show(f"{fact.name:<26}{fact.kind:<8}{fact.definition} (none: {fact.none})")
    show("and every account field under its canonical name: id, name, owner_id, parent_id, type, industry, country, employees, …")

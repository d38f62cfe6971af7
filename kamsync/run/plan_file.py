"""Plans as JSON: the shape that `plan --json` prints, `plan --out` saves and `apply` reads back (DESIGN.md, commands)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from kamsync.decide.plan import Plan
from kamsync.errors import ConfigError
from kamsync.report.plan_json import VERSION, _plan, plan_to_json


def save_plan(plan: Plan, path: Path) -> None:
    """Writes the plan for its owner's eyes only: it names accounts."""
    text = json.dumps(plan_to_json(plan), ensure_ascii=False, indent=2) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def load_plan(path: Path) -> Plan:
    """A saved plan; ConfigError where the file is none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read as a plan: {error}", fix="Make one with `kamsync plan --out plan.json`."
        ) from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ConfigError(f"{path} is no plan of version {VERSION}.", fix="Make one with `kamsync plan --out plan.json`.")
    try:
        return _plan(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is a damaged plan: {error!r}", fix="Make one with `kamsync plan --out plan.json`.") from error

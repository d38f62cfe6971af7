"""Plans as JSON: the shape that `plan --json` prints, `plan --out` saves and `apply` reads back (DESIGN.md, commands)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from kamsync.decide.plan import Plan
from kamsync.errors import ConfigError, PlanRefused
from kamsync.report.plan_json import DIGEST, VERSION, plan_from_json, plan_to_json, seal


def save_plan(plan: Plan, path: Path) -> None:
    """Writes the plan, sealed by a digest, for its owner's eyes only: it names accounts."""
    document = plan_to_json(plan)
    text = json.dumps({**document, DIGEST: seal(document)}, ensure_ascii=False, indent=2) + "\n"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)


def load_plan(path: Path) -> Plan:
    """A saved plan. Raises ConfigError where the file is none, PlanRefused where it was altered since it was written."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} cannot be read as a plan: {error}", fix="Make one with `kamsync plan --out plan.json`."
        ) from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ConfigError(f"{path} is no plan of version {VERSION}.", fix="Make one with `kamsync plan --out plan.json`.")
    if document.get(DIGEST) != seal(document):
        raise PlanRefused(
            f"{path} was altered after `kamsync plan` wrote it. Nothing was written.",
            fix="A plan is applied as it was made, or not at all: make a new one with `kamsync plan --out plan.json`.",
        )
    try:
        return plan_from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError(f"{path} is a damaged plan: {error!r}", fix="Make one with `kamsync plan --out plan.json`.") from error

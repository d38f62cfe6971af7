"""Saved plans: what `plan --out` writes and `apply` reads back, in the shape of `plan --json` (DESIGN.md, commands)."""

from __future__ import annotations

import json
from pathlib import Path

from kamsync.decide.plan import Plan
from kamsync.errors import ConfigError, PlanRefused
from kamsync.files import PLAN_LIMIT_BYTES, read_text, write_private
from kamsync.printable import one_line, printable_json
from kamsync.report.plan_json import DIGEST, VERSION, plan_from_json, plan_to_json, seal

_FIX = "Make one with `kamsync plan --out plan.json`."


def save_plan(plan: Plan, path: Path) -> None:
    """Writes the plan, sealed by a digest, for its owner's eyes only: it names accounts."""
    document = plan_to_json(plan)
    text = json.dumps({**document, DIGEST: seal(document)}, ensure_ascii=False, indent=2)
    write_private(path, printable_json(text) + "\n", "plan")


def load_plan(path: Path) -> Plan:
    """A saved plan. Raises ConfigError where the file is none, PlanRefused where it was altered since it was written."""
    try:
        document = json.loads(read_text(path, "plan", limit_bytes=PLAN_LIMIT_BYTES))
    except FileNotFoundError:
        raise ConfigError(f"There is no plan {path}.", fix=_FIX) from None
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path}:{error.lineno}: this is not a whole plan: {error.msg} in column {error.colno}.", fix=_FIX
        ) from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list of thousands of lists
        raise ConfigError(f"{path} cannot be read as a plan.", fix=_FIX) from error
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise ConfigError(f"{path} is no plan of version {VERSION}.", fix=_FIX)
    if document.get(DIGEST) != seal(document):
        raise PlanRefused(
            f"{path} was altered after `kamsync plan` wrote it. Nothing was written.",
            fix="A plan is applied as it was made, or not at all: make a new one with `kamsync plan --out plan.json`.",
        )
    try:
        return plan_from_json(document)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is a damaged plan: {one_line(str(error))}.", fix=_FIX) from error

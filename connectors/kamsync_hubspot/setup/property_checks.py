"""Doctor's checks of properties: what the mapping names, what the program writes, the key of tasks. Pure, over definitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kamsync.contract import Context, Finding, PullRequest
from kamsync.flags import FLAGS
from kamsync.model import STREAMS, PlanMapping
from kamsync_hubspot.mirror import IDEAL_PROFILE, TARGET_ACCOUNT, mirrors
from kamsync_hubspot.setup.choices import lacking_in
from kamsync_hubspot.setup.metadata import STANDARD_PREFIX
from kamsync_hubspot.translate import MAY_BE_MISSING, OBJECTS, is_flag

Definitions = Mapping[str, Mapping[str, Any]]
# Property types that hold values of a kind.
_TYPES: Mapping[str, frozenset[str]] = {
    "number": frozenset({"number"}),
    "boolean": frozenset({"bool", "enumeration"}),
    "date": frozenset({"date", "datetime"}),
    "instant": frozenset({"datetime"}),
}
_FLAG_TYPES = {**_TYPES, "text": frozenset({"string", "enumeration"})}
# Names that the program can do without: where the property is missing, something sensible stands in.


def mapped(pull: PullRequest, known: Definitions) -> Iterator[Finding]:
    """Whether the portal has what the mapping names, and of the type that the mapping says."""
    object_type, defaults = OBJECTS[pull.stream].name, OBJECTS[pull.stream].properties
    bad = False
    for column in pull.columns:
        name = column.field or defaults.get(column.name, "")
        if not name or name == "hs_object_id" or is_flag(column):
            continue
        if name not in known:
            if column.name in MAY_BE_MISSING:
                continue
            bad = True
            # HubSpot leaves unknown names out without an error, so the value would silently be unknown for everyone.
            yield Finding(
                f"{object_type}.{name}",
                "failed" if STREAMS[pull.stream].is_always_pulled else "warning",
                f"The portal has no property {name} on {object_type} (mapped as {column.name}).",
                "Correct the mapping file, or create the property (Settings → Properties).",
            )
        elif column.field and column.kind in _TYPES and known[name].get("type") not in _TYPES[column.kind]:
            bad = True
            yield Finding(
                f"{object_type}.{name}",
                "warning",
                f"{column.name} is mapped as {column.kind}, but {name} is of type {known[name].get('type')}.",
                "Correct the type in the mapping file, or map another property.",
            )
    if not bad:
        yield Finding(f"{object_type} properties", "ok", f"Every mapped property of {object_type} exists.")


def goals(plan: PlanMapping, known: Definitions) -> Iterator[Finding]:
    """Whether the properties with people's goals are there; pages come without the others."""
    for name, field in plan.texts.items():
        if field not in known:
            message = f"The portal has no property {field} on companies (mapped as {name}): pages come without it."
            yield Finding(f"companies.{field}", "warning", message, "Correct [plan] in the mapping file, or create the property.")


def flags(context: Context, known: Definitions) -> Iterator[Finding]:
    """Whether every property that the program writes is there, writable, of its kind and with every tier."""
    trouble = [*_missing(context, known), *_unfit(context, known), *_locked(context, known)]
    lacking = lacking_in(known, context)
    if lacking:
        names = context.mapping.flags
        said = "; ".join(f"{names[flag]} lacks {', '.join(missing)}" for flag, missing in lacking.items())
        trouble.append(Finding("tier values", "failed", f"Options are missing: {said}.", "Run `kamsync setup`: it adds them."))
    yield from trouble or [Finding("flag properties", "ok", "Every property that the program writes exists.")]
    if mirrors(context.mapping):
        yield _mirror(known)


def _missing(context: Context, known: Definitions) -> Iterator[Finding]:
    for name in context.mapping.flags.values():
        if name not in known:
            mend = "Correct [flags] in the mapping file." if name.startswith(STANDARD_PREFIX) else "Run `kamsync setup`."
            yield Finding(f"companies.{name}", "failed", f"The property {name} does not exist on companies yet.", mend)


def _unfit(context: Context, known: Definitions) -> Iterator[Finding]:
    for flag, name in context.mapping.flags.items():
        kind, found = FLAGS[flag].kind, str(known.get(name, {}).get("type") or "")
        if found and found not in _FLAG_TYPES[kind]:
            yield Finding(
                f"companies.{name}",
                "failed",
                f"{flag} is a {kind}, but {name} is of type {found}: what the program writes there would be refused.",
                "Map another property in [flags], or delete this one and run `kamsync setup`.",
            )


def _locked(context: Context, known: Definitions) -> Iterator[Finding]:
    locked = [
        name
        for name in context.mapping.flags.values()
        if (known.get(name, {}).get("modificationMetadata") or {}).get("readOnlyValue")
    ]
    if locked:
        yield Finding("flag properties", "failed", f"{', '.join(locked)} cannot be written.", "Map other properties in [flags].")


def _mirror(known: Definitions) -> Finding:
    missing = [name for name in (TARGET_ACCOUNT, IDEAL_PROFILE) if name not in known]
    if missing:
        return Finding(
            "target accounts",
            "failed",
            f"The portal has no property {', '.join(missing)}, which mirror_target_account fills.",
            "Switch target accounts on (Settings → Objects → Companies → Target accounts), or leave the option out.",
        )
    return Finding("target accounts", "ok", "Tiers also fill HubSpot's own target account properties.")


def task_key(context: Context, known: Definitions) -> Iterator[Finding]:
    """Whether the property of the tasks' key is there and unique."""
    key = context.mapping.task_key
    if key not in known:
        yield Finding(f"tasks.{key}", "failed", f"The task property {key} does not exist yet.", "Run `kamsync setup`.")
    elif not known[key].get("hasUniqueValue"):
        yield Finding(
            f"tasks.{key}",
            "warning",
            f"The task property {key} is not unique, so HubSpot itself cannot refuse a second task; keys are searched first.",
            "A property cannot be made unique afterwards: delete it for good (archived ones too), then run `kamsync setup`.",
        )
    else:
        yield Finding(f"tasks.{key}", "ok", f"{key} is unique: a task is never made twice.")

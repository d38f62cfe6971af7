"""Doctor's checks of fields: mapped ones exist, are readable and of their type; flags and the task's key can be written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kamsync.contract import Context, Finding, PullRequest
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column
from kamsync_salesforce.api.errors import REFUSALS
from kamsync_salesforce.api.fields import NUMBERS, Fields
from kamsync_salesforce.api.org import Org
from kamsync_salesforce.setup.choices import lacking_choices
from kamsync_salesforce.setup.metadata import is_custom
from kamsync_salesforce.translate import SOBJECTS

# What a mapped type may be in Salesforce: Object Reference, "Field Types". Any other kind of text may hold anything.
_FIELD_TYPES: Mapping[str, frozenset[str]] = {
    "number": frozenset(NUMBERS),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date", "datetime"}),
    "instant": frozenset({"datetime"}),
}
_TEXT_TYPES = frozenset({"string", "textarea", "picklist", "combobox"})
_YES_AND_NO = frozenset({"yes", "no", "true", "false", "1", "0"})


class FieldChecks:
    """The checks of one connection's fields."""

    def __init__(self, org: Org, fields: Fields, context: Context) -> None:
        self._org = org
        self._fields = fields
        self._context = context

    def mapped(self, pull: PullRequest) -> Iterator[Finding]:
        """The mapped fields of one stream; nothing for a stream that no mapping describes."""
        if pull.stream not in SOBJECTS:
            return
        sobject, defaults = SOBJECTS[pull.stream]
        try:
            bad = list(self._bad_columns(sobject, pull, defaults))
        except REFUSALS as error:
            optional = not STREAMS[pull.stream].is_always_pulled
            message = f"{sobject} cannot be read: {error.message}"
            yield Finding(f"{sobject} fields", "warning" if optional else "failed", message, "" if optional else error.fix)
            return
        yield from bad or [Finding(f"{sobject} fields", "ok", f"Every mapped field of {sobject} is readable.")]

    def _bad_columns(self, sobject: str, pull: PullRequest, defaults: Mapping[str, str]) -> Iterator[Finding]:
        missing: list[tuple[str, str]] = []
        for column in pull.columns:
            path = column.field or defaults.get(column.name, "")
            if not path or column.name.startswith(FLAG_PREFIX):
                continue
            if path.lower() == "currencyisocode" and not self._org.has_many_currencies:
                continue
            field = self._fields.find(sobject, path)
            if field is None:
                missing.append((column.name, path))
            elif column.field:
                yield from _type_finding(sobject, path, column, field)
        hidden = self._fields.exists_but_hidden(sobject, [path for _, path in missing]) if missing else set()
        for name, path in missing:
            if hidden and path in hidden:
                message = (
                    f"The field {sobject}.{path} (mapped as {name}) exists, but is hidden from our user by field-level security."
                )
                yield Finding(f"{sobject}.{path}", "failed", message, f"Grant 'Read' on {path} in a permission set of our user.")
            else:
                reason = "does not exist" if hidden is not None else "does not exist, or our user may not see it"
                message = f"The field {sobject}.{path} (mapped as {name}) {reason}."
                yield Finding(f"{sobject}.{path}", "failed", message, "Correct the mapping file, or create the field.")

    def flags(self) -> Iterator[Finding]:
        """Whether every flag's field is there, readable and writable."""
        flags = self._context.mapping.flags
        missing = {name: field for name, field in flags.items() if self._fields.find("Account", field) is None}
        if missing:
            hidden = self._fields.exists_but_hidden("Account", missing.values()) or set()
            for field in missing.values():
                if field in hidden:
                    message = f"Account.{field} exists, but is hidden from our user by field-level security."
                else:
                    message = f"Account.{field} does not exist yet."
                mend = "Run `kamsync setup`." if is_custom(field) else "Correct [flags] in the mapping file."
                yield Finding(f"Account.{field}", "failed", message, mend)
        # All of them: the override, too, where a tier that a person changed becomes one.
        locked = [
            flags[name]
            for name in FLAGS
            if name in flags
            and name not in missing
            and not (self._fields.find("Account", flags[name]) or {}).get("updateable", True)
        ]
        if locked:
            yield Finding(
                "flag fields",
                "failed",
                f"Our user may read but not edit {', '.join(locked)} on Account.",
                "Run `kamsync setup`, or grant 'Edit' on them in a permission set of our user.",
            )
        if not missing and not locked:
            yield Finding("flag fields", "ok", "All flag fields exist and can be written.")

    def task_key(self) -> Finding:
        """Whether the field of the tasks' key is there, and whether it is a unique external id."""
        name = self._context.mapping.task_key
        try:
            field = self._fields.find("Task", name)
        except REFUSALS as error:
            return Finding("task key", "failed", error.message, error.fix)
        if field is None:
            hidden = self._fields.exists_but_hidden("Task", [name])
            state = "is hidden from our user by field-level security" if hidden else "does not exist yet"
            return Finding("task key", "failed", f"Activity.{name} {state}.", "Run `kamsync setup`.")
        if not field.get("createable", True) or not field.get("updateable", True):
            return Finding("task key", "failed", f"Our user may not write Task.{name}.", "Run `kamsync setup`.")
        if not (field.get("unique") and field.get("externalId")):
            return Finding(
                "task key",
                "ok",
                f"Activity.{name} is not a unique external id in this org: keys are looked up before a task is created.",
            )
        return Finding("task key", "ok", f"Activity.{name} is a unique external id.")

    def tier_choices(self) -> Iterator[Finding]:
        """Pick lists that lack a tier: where they are restricted, each write of it would be refused."""
        refused = lacking_choices(self._fields, self._context)
        for flag, missing in lacking_choices(self._fields, self._context, restricted_only=False).items():
            field = self._context.mapping.flags[flag]
            yield Finding(
                "tier values" if flag == "tier" else f"{flag} values",
                "failed" if flag in refused else "warning",
                f"The picklist {field} has no value {', '.join(missing)}.",
                "Run `kamsync setup`: it adds the missing values.",
            )


def _type_finding(sobject: str, path: str, column: Column, field: Mapping[str, object]) -> Iterator[Finding]:
    """A warning where the field's type is not, or need not be, the mapped one."""
    field_type = str(field.get("type") or "")
    if column.kind not in _FIELD_TYPES or not field_type or field_type in _FIELD_TYPES[column.kind]:
        return
    says = f"{column.name} is mapped as {column.kind}, but {sobject}.{path} is of type {field_type}"
    mend = "Correct the type in the mapping file, or map another field."
    if field_type not in _TEXT_TYPES:
        yield Finding(f"{sobject}.{path}", "warning", f"{says}.", mend)
        return
    entries = field.get("picklistValues")
    values = {str(entry.get("value", "")).lower() for entry in entries} if isinstance(entries, list) else set()
    if column.kind == "boolean" and values and values <= _YES_AND_NO:
        return
    yield Finding(f"{sobject}.{path}", "warning", f"{says}: what is no {column.kind} counts as unknown.", mend)

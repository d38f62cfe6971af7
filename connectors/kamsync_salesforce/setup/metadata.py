"""What `kamsync setup` wants to exist in an org: fields, permission sets, list views. Values only, one description for two uses.

The same values become Tooling and Metadata API calls (provision.py) and a source folder (source_folder.py). Types and properties:
Metadata API Developer Guide, "CustomField", "PermissionSet", "ListView".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kamsync import words
from kamsync.contract import Context, TierChoice
from kamsync.flags import FLAGS, Flag
from kamsync_salesforce.settings import LEASE_KEY, LEASE_MACHINE, LEASE_OBJECT, LEASE_RUN, LEASE_UNTIL
from kamsync_salesforce.translate import MEASURE, OBJECTIVE, PLAN

REASONS_LENGTH = 255  # a text area: longer ones cannot be shown in list views
KEY_LENGTH = 255
KAM_SET = "Key_Account_Management"
AGENT_SET = "Key_Account_Management_Agent"

_ENGLISH = words.texts("en", {"en": {}})
# Beside or in place of kamsync's words: Salesforce writes English labels with capitals.
_OWN: Mapping[str, Mapping[str, str]] = {
    "en": {
        **{name: _ENGLISH[name].title() for name in (*FLAGS, "task_key")},
        "changed": "Key accounts – changed this month",
        "set": "Key account management",
        "agent_set": "Key account management: agent",
        "set_help": "See the key account fields on accounts, and edit the override.",
        "agent_set_help": "For the user that kamsync signs in as: write the key account fields.",
        "lease": "Key Account Lease",
        "leases": "Key Account Leases",
        "lease_help": "While kamsync writes, one record says which run does, so that no second machine writes beside it.",
        "lease_key": "What is written",
        "lease_run": "Run",
        "lease_machine": "Machine",
        "lease_until": "Until",
    },
    "pt_BR": {
        "changed": "Contas-chave – alteradas neste mês",
        "set": "Gestão de contas-chave",
        "agent_set": "Gestão de contas-chave: agente",
        "set_help": "Ver os campos de conta-chave nas contas e editar a exceção de categoria.",
        "agent_set_help": "Para o usuário com que o kamsync entra: preencher os campos de conta-chave.",
        "lease": "Reserva de contas-chave",
        "leases": "Reservas de contas-chave",
        "lease_help": "Enquanto o kamsync grava, um registro diz qual execução o faz, para que outra máquina não grave ao lado.",
        "lease_key": "O que é gravado",
        "lease_run": "Execução",
        "lease_machine": "Máquina",
        "lease_until": "Até",
    },
    "es": {
        "changed": "Cuentas clave – cambiadas este mes",
        "set": "Gestión de cuentas clave",
        "agent_set": "Gestión de cuentas clave: agente",
        "set_help": "Ver los campos de cuenta clave en las cuentas y editar la excepción de categoría.",
        "agent_set_help": "Para el usuario con el que entra kamsync: escribir los campos de cuenta clave.",
        "lease": "Reserva de cuentas clave",
        "leases": "Reservas de cuentas clave",
        "lease_help": "Mientras kamsync escribe, un registro dice qué ejecución lo hace, para que no escriba otra máquina.",
        "lease_key": "Qué se escribe",
        "lease_run": "Ejecución",
        "lease_machine": "Máquina",
        "lease_until": "Hasta",
    },
}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A custom field: `sobject` is where it is defined, `metadata` its definition, `choices` a picklist's values."""

    sobject: str
    name: str
    metadata: Mapping[str, Any]
    choices: tuple[TierChoice, ...] = ()

    @property
    def full_name(self) -> str:
        """As the Metadata API names it: object and field."""
        return f"{self.sobject}.{self.name}"

    @property
    def granted_on(self) -> tuple[str, ...]:
        """A field of Activity is granted on Task and on Event."""
        return ("Task", "Event") if self.sobject == "Activity" else (self.sobject,)


@dataclass(frozen=True, slots=True)
class Grant:
    """Access of a permission set to one field."""

    sobject: str
    field: str
    edit: bool


# Of Account Plans, which at first only administrators see (Salesforce Help, "Select Who Can Use Sales Account Plans"). What is
# required cannot be granted: everybody who sees the record sees it.
PLAN_OBJECTS = (PLAN, OBJECTIVE, MEASURE)
PLAN_GRANTS = (
    *(Grant(PLAN, name, True) for name in ("AccountId", "Status", "Notes")),
    *(Grant(PLAN, name, False) for name in ("AccountVision", "AccountStrategicPriorities", "AccountChallenges")),
    *(Grant(OBJECTIVE, name, True) for name in ("Status", "Description")),
    *(Grant(OBJECTIVE, name, False) for name in ("StartDate", "EndDate")),
    *(Grant(MEASURE, name, True) for name in ("ValueType", "TargetValue", "CurrentValue")),
)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """A custom object with its fields, seen by nobody but whom a permission set names."""

    name: str
    label: str
    plural: str
    description: str
    fields: tuple[FieldSpec, ...]


@dataclass(frozen=True, slots=True)
class PermissionSetSpec:
    """A permission set with what it grants: fields, and every right to all records of `objects`."""

    name: str
    label: str
    description: str
    grants: tuple[Grant, ...]
    objects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ListViewSpec:
    """A list view of accounts that everybody sees."""

    name: str
    label: str
    columns: tuple[str, ...]
    filter_field: str
    filter_value: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of it."""

    fields: tuple[FieldSpec, ...]
    permission_sets: tuple[PermissionSetSpec, ...]
    list_views: tuple[ListViewSpec, ...]
    lease: ObjectSpec


def wanted(context: Context) -> Wanted:
    """What the mapping, the tiers and the language of this programme ask for."""
    text = texts(context.language)
    flags = context.mapping.flags
    fields = tuple(
        FieldSpec("Account", flags[name], *_definition(flag, text, context.tiers))
        for name, flag in FLAGS.items()
        if is_custom(flags.get(name, ""))
    )
    key = context.mapping.task_key
    if is_custom(key):
        definition = {
            "type": "Text",
            "label": text["task_key"],
            "length": KEY_LENGTH,
            "externalId": True,
            "unique": True,
            "caseSensitive": True,
            "inlineHelpText": text["key_help"],
        }
        fields += (FieldSpec("Activity", key, definition),)
    lease = _lease(text)
    plans = context.mapping.plan.account_plans
    sets = _permission_sets(fields, flags, lease, text, plans=plans)
    return Wanted(fields, sets, _list_views(context.tiers, flags, text), lease)


def _lease(text: Mapping[str, str]) -> ObjectSpec:
    def a_field(name: str, **definition: Any) -> FieldSpec:
        label = text[f"lease_{name.split('_')[1].lower()}"]
        return FieldSpec(LEASE_OBJECT, name, {"label": label, "required": False, **definition})

    key = a_field(LEASE_KEY, type="Text", length=KEY_LENGTH, externalId=True, unique=True, caseSensitive=True)
    names = (a_field(name, type="Text", length=255) for name in (LEASE_RUN, LEASE_MACHINE))
    fields = (key, *names, a_field(LEASE_UNTIL, type="DateTime"))
    return ObjectSpec(LEASE_OBJECT, text["lease"], text["leases"], text["lease_help"], fields)


def texts(language: str) -> Mapping[str, str]:
    """The texts of a language; of its base language, or English, where there are none."""
    return words.texts(language, _OWN)


def is_custom(name: str) -> bool:
    """Only fields of the org's own can be created: no standard ones, none of a package (`ns__X__c`)."""
    return name.endswith("__c") and "__" not in name.removesuffix("__c")


def _definition(
    flag: Flag, text: Mapping[str, str], tiers: Sequence[TierChoice]
) -> tuple[dict[str, Any], tuple[TierChoice, ...]]:
    base: dict[str, Any] = {
        "label": text[flag.name],
        "inlineHelpText": text.get(f"{flag.name}_help", text["written"]),
        "required": False,
    }
    choices = words.choices_of(flag, tiers, text)
    if choices:
        return base | {"type": "Picklist", "valueSet": value_set(choices)}, choices
    return base | _type(flag), ()


def _type(flag: Flag) -> dict[str, Any]:
    """What a field without choices is, by the kind of its values ("CustomField": a text area holds up to 255 characters)."""
    match flag.kind:
        case "number":
            return {"type": "Number", "precision": 5, "scale": 2}
        case "date":
            return {"type": "Date"}
        case "instant":
            return {"type": "DateTime"}
        case "boolean":
            return {"type": "Checkbox", "defaultValue": False}
        case "text":
            if flag.length > REASONS_LENGTH:
                return {"type": "LongTextArea", "length": flag.length, "visibleLines": 10}
            return {"type": "TextArea"} if flag.long else {"type": "Text", "length": flag.length}


def value_set(choices: Sequence[TierChoice]) -> dict[str, Any]:
    """In the Tooling API's spelling (`valueName`; files say `fullName`).

    Not restricted: a tier that was added to the configuration before the next setup must not make writes fail.
    """
    values = [{"valueName": choice.name, "label": choice.label, "default": False} for choice in choices]
    return {"restricted": False, "valueSetDefinition": {"sorted": False, "value": values}}


def _permission_sets(
    fields: Sequence[FieldSpec], flags: Mapping[str, str], lease: ObjectSpec, text: Mapping[str, str], *, plans: bool
) -> tuple[PermissionSetSpec, PermissionSetSpec]:
    by_people = {flags[name] for name, flag in FLAGS.items() if flag.by_people and name in flags}
    places = [(sobject, field) for field in fields for sobject in field.granted_on]
    people = tuple(Grant(sobject, field.name, field.name in by_people) for sobject, field in places)
    agent = tuple(Grant(sobject, field.name, True) for sobject, field in (*places, *((lease.name, one) for one in lease.fields)))
    agent += PLAN_GRANTS if plans else ()
    objects = (lease.name, *(PLAN_OBJECTS if plans else ()))
    return (
        PermissionSetSpec(KAM_SET, text["set"], text["set_help"], people),
        PermissionSetSpec(AGENT_SET, text["agent_set"], text["agent_set_help"], agent, objects),
    )


def _list_views(tiers: Sequence[TierChoice], flags: Mapping[str, str], text: Mapping[str, str]) -> tuple[ListViewSpec, ...]:
    shown = [flags[name] for name in ("tier", "score", "segment", "health", "reasons", "since") if name in flags]
    columns = ("ACCOUNT.NAME", "CORE.USERS.ALIAS", *shown)
    views: list[ListViewSpec] = []
    if "tier" in flags:
        views += [
            ListViewSpec(f"KAM_Tier_{_identifier(tier.name)}", text["list"].format(tier.name), columns, flags["tier"], tier.name)
            for tier in tiers
        ]
    if "evaluated_at" in flags:
        # The field is written together with any change of the flags and never alone.
        views.append(ListViewSpec("KAM_Changed_This_Month", text["changed"], columns, flags["evaluated_at"], "THIS_MONTH"))
    return tuple(views)


def _identifier(name: str) -> str:
    """Letters, digits and single underscores, as API names want them."""
    kept = "".join(letter if letter.isascii() and letter.isalnum() else " " for letter in name)
    return "_".join(kept.split()) or "x" + name.encode().hex()[:20]

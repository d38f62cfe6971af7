"""What `kamsync setup` writes into a CRM for people to read, by language: the same words whatever the CRM.

A connector adds the words for what only its CRM has, or puts its own in place of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kamsync.contract import TierChoice
from kamsync.flags import LIGHTS, SEGMENTS, Flag
from kamsync.glossary import HEALTH as HEALTH_WORDS
from kamsync.glossary import SEGMENTS as SEGMENT_WORDS
from kamsync.glossary import known_language

_TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "tier": "Key account tier",
        "score": "Key account score",
        "segment": "Key account segment",
        "health": "Key account health",
        "reasons": "Key account reasons",
        "since": "Key account since",
        "evaluated_at": "Key account evaluated at",
        "override": "Key account tier override",
        "override_until": "Key account override until",
        "decided_tier": "Key account decided tier",
        "receipt": "Key account decision",
        "task_key": "Key account task key",
        "written": "Written by kamsync; changes made by hand are overwritten or treated as an override.",
        "override_help": "Choose a tier, or none, to overrule the calculated one. kamsync keeps to it.",
        "override_until_help": "Last day on which the override counts. Empty: until it is cleared.",
        "decided_tier_help": "What kamsync decided when it last wrote the tier. Do not edit: it tells a tier changed by hand.",
        "key_help": "Marks a task of the account plan, so that it is never created twice. Do not edit.",
        "none": "No key account",
        **SEGMENT_WORDS["en"],
        **HEALTH_WORDS["en"],
        "list": "Key accounts – {0}",
    },
    "pt_BR": {
        "tier": "Categoria da conta-chave",
        "score": "Pontuação da conta-chave",
        "segment": "Segmento da conta-chave",
        "health": "Saúde da conta-chave",
        "reasons": "Motivos da conta-chave",
        "since": "Conta-chave desde",
        "evaluated_at": "Conta-chave avaliada em",
        "override": "Exceção de categoria da conta-chave",
        "override_until": "Exceção de categoria até",
        "decided_tier": "Categoria calculada da conta-chave",
        "receipt": "Decisão da conta-chave",
        "task_key": "Chave da tarefa de conta-chave",
        "written": "Preenchido pelo kamsync; alterações manuais são sobrescritas ou tratadas como exceção de categoria.",
        "override_help": "Escolha uma categoria, ou nenhuma, para prevalecer sobre a calculada. O kamsync a respeita.",
        "override_until_help": "Último dia em que a exceção vale. Vazio: até ser removida.",
        "decided_tier_help": "O que o kamsync decidiu ao gravar a categoria. Não editar: revela uma categoria alterada à mão.",
        "key_help": "Identifica uma tarefa do plano de conta, para que nunca seja criada duas vezes. Não editar.",
        "none": "Não é conta-chave",
        **SEGMENT_WORDS["pt_BR"],
        **HEALTH_WORDS["pt_BR"],
        "list": "Contas-chave – {0}",
    },
    "es": {
        "tier": "Categoría de cuenta clave",
        "score": "Puntuación de cuenta clave",
        "segment": "Segmento de cuenta clave",
        "health": "Salud de cuenta clave",
        "reasons": "Motivos de cuenta clave",
        "since": "Cuenta clave desde",
        "evaluated_at": "Cuenta clave evaluada el",
        "override": "Excepción de categoría de cuenta clave",
        "override_until": "Excepción de categoría hasta",
        "decided_tier": "Categoría calculada de cuenta clave",
        "receipt": "Decisión de cuenta clave",
        "task_key": "Clave de tarea de cuenta clave",
        "written": "Lo escribe kamsync; los cambios a mano se sobrescriben o se tratan como excepción de categoría.",
        "override_help": "Elija una categoría, o ninguna, para que prevalezca sobre la calculada. kamsync la respeta.",
        "override_until_help": "Último día en que vale la excepción. Vacío: hasta que se quite.",
        "decided_tier_help": "Lo que kamsync decidió al escribir la categoría. No editar: revela una categoría cambiada a mano.",
        "key_help": "Identifica una tarea del plan de cuenta, para que nunca se cree dos veces. No editar.",
        "none": "No es cuenta clave",
        **SEGMENT_WORDS["es"],
        **HEALTH_WORDS["es"],
        "list": "Cuentas clave – {0}",
    },
}


def texts(language: str, own: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The texts of a language with the connector's `own`; of its base language, or English, where there are none."""
    name = known_language(language)
    return {**_TEXTS["en"], **own["en"], **_TEXTS[name], **own[name]}


def choices_of(flag: Flag, tiers: Sequence[TierChoice], text: Mapping[str, str]) -> tuple[TierChoice, ...]:
    """The words that a flag takes, with their labels from `text`; nothing where it takes any."""
    match flag.choices:
        case "tiers":
            return tuple(tiers)
        case "tiers_or_none":
            return (*tiers, TierChoice("none", text["none"]))
        case "segments":
            return tuple(TierChoice(name, text[name]) for name in SEGMENTS)
        case "lights":
            return tuple(TierChoice(name, text[name]) for name in LIGHTS)
        case "":
            return ()

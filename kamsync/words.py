"""What `kamsync setup` writes into a CRM for people to read, by language: the same words whatever the CRM.

A connector adds the words for what only its CRM has, or puts its own in place of these.
"""

from __future__ import annotations

from collections.abc import Mapping

LANGUAGES = ("en", "pt_BR", "es")

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
        "task_key": "Key account task key",
        "written": "Written by kamsync; changes made by hand are overwritten or treated as an override.",
        "override_help": "Choose a tier, or none, to overrule the calculated one. kamsync keeps to it.",
        "override_until_help": "Last day on which the override counts. Empty: until it is cleared.",
        "key_help": "Marks a task of the account plan, so that it is never created twice. Do not edit.",
        "none": "No key account",
        "key": "Key",
        "development": "Development",
        "maintenance": "Maintenance",
        "opportunistic": "Opportunistic",
        "green": "Green",
        "amber": "Amber",
        "red": "Red",
        "list": "Key accounts – {0}",
    },
    "pt_BR": {
        "tier": "Nível da conta-chave",
        "score": "Pontuação da conta-chave",
        "segment": "Segmento da conta-chave",
        "health": "Saúde da conta-chave",
        "reasons": "Motivos da conta-chave",
        "since": "Conta-chave desde",
        "evaluated_at": "Conta-chave avaliada em",
        "override": "Nível definido manualmente",
        "override_until": "Definição manual até",
        "task_key": "Chave da tarefa de conta-chave",
        "written": "Preenchido pelo kamsync; alterações manuais são sobrescritas ou tratadas como definição manual.",
        "override_help": "Escolha um nível, ou nenhum, para prevalecer sobre o calculado. O kamsync o respeita.",
        "override_until_help": "Último dia em que a definição manual vale. Vazio: até ser removida.",
        "key_help": "Identifica uma tarefa do plano de conta, para que nunca seja criada duas vezes. Não editar.",
        "none": "Não é conta-chave",
        "key": "Chave",
        "development": "Desenvolvimento",
        "maintenance": "Manutenção",
        "opportunistic": "Oportunista",
        "green": "Verde",
        "amber": "Amarelo",
        "red": "Vermelho",
        "list": "Contas-chave – {0}",
    },
    "es": {
        "tier": "Nivel de cuenta clave",
        "score": "Puntuación de cuenta clave",
        "segment": "Segmento de cuenta clave",
        "health": "Salud de cuenta clave",
        "reasons": "Motivos de cuenta clave",
        "since": "Cuenta clave desde",
        "evaluated_at": "Cuenta clave evaluada el",
        "override": "Nivel fijado a mano",
        "override_until": "Nivel fijado hasta",
        "task_key": "Clave de tarea de cuenta clave",
        "written": "Lo escribe kamsync; los cambios a mano se sobrescriben o se tratan como nivel fijado.",
        "override_help": "Elija un nivel, o ninguno, para que prevalezca sobre el calculado. kamsync lo respeta.",
        "override_until_help": "Último día en que vale el nivel fijado. Vacío: hasta que se quite.",
        "key_help": "Identifica una tarea del plan de cuenta, para que nunca se cree dos veces. No editar.",
        "none": "No es cuenta clave",
        "key": "Clave",
        "development": "Desarrollo",
        "maintenance": "Mantenimiento",
        "opportunistic": "Oportunista",
        "green": "Verde",
        "amber": "Ámbar",
        "red": "Rojo",
        "list": "Cuentas clave – {0}",
    },
}


def texts(language: str, own: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """The texts of a language with the connector's `own`; of its base language, or English, where there are none."""
    base = language.replace("-", "_").split("_")[0]
    name = language if language in _TEXTS else next((one for one in LANGUAGES if one.split("_")[0] == base), "en")
    return {**_TEXTS["en"], **own["en"], **_TEXTS[name], **own[name]}

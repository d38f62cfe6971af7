"""The page's own words, by language; the names of fields and values are the CRM's. Data only."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kamsync import words

PAGE_WORDS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": {
            "accounts": "Accounts",
            "account": "Account",
            "search": "Search",
            "show": "Show",
            "all": "all accounts",
            "key_accounts": "key accounts",
            "owner": "Owner",
            "country": "Country",
            "none_found": "No account matches.",
            "more": "These are the first {}. Search for others.",
            "choice": "Your choice",
            "save": "Save",
            "tasks": "Tasks",
            "task": "Task",
            "due": "Due",
            "complete": "Complete",
            "no_tasks": "No tasks.",
            "plan": "Account plan",
        },
        "pt_BR": {
            "accounts": "Contas",
            "account": "Conta",
            "search": "Pesquisar",
            "show": "Mostrar",
            "all": "todas as contas",
            "key_accounts": "contas-chave",
            "owner": "Proprietário",
            "country": "País",
            "none_found": "Nenhuma conta encontrada.",
            "more": "Estas são as primeiras {}. Pesquise para ver outras.",
            "choice": "Sua escolha",
            "save": "Salvar",
            "tasks": "Tarefas",
            "task": "Tarefa",
            "due": "Vencimento",
            "complete": "Concluir",
            "no_tasks": "Nenhuma tarefa.",
            "plan": "Plano da conta",
        },
        "es": {
            "accounts": "Cuentas",
            "account": "Cuenta",
            "search": "Buscar",
            "show": "Mostrar",
            "all": "todas las cuentas",
            "key_accounts": "cuentas clave",
            "owner": "Propietario",
            "country": "País",
            "none_found": "Ninguna cuenta coincide.",
            "more": "Estas son las primeras {}. Busque para ver otras.",
            "choice": "Su elección",
            "save": "Guardar",
            "tasks": "Tareas",
            "task": "Tarea",
            "due": "Vencimiento",
            "complete": "Completar",
            "no_tasks": "No hay tareas.",
            "plan": "Plan de la cuenta",
        },
    }
)


def language_of(tier_label: str) -> str:
    """The language that `kamsync setup` labelled the tier field in; English where it did not, or a person renamed it."""
    labelled = (name for name in PAGE_WORDS if words.texts(name, NONE_OF_ITS_OWN)["tier"].casefold() == tier_label.casefold())
    return next(labelled, "en")


NONE_OF_ITS_OWN: Mapping[str, Mapping[str, str]] = MappingProxyType({name: {} for name in PAGE_WORDS})

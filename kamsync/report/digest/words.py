"""The words of the digest in the three languages of the program. Data."""

from __future__ import annotations

from functools import partial
from types import MappingProxyType

from kamsync.report.words import Texts, say

# A pair is what is said of one and of several.
TEXTS: Texts = MappingProxyType(
    {
        "digest": ("Key account digest", "Resumo das contas-chave", "Resumen de cuentas clave"),
        "as_of": ("{0}, up to {1}", "{0}, até {1}", "{0}, hasta el {1}"),
        "entered": ("Entered or moved up", "Entraram ou subiram", "Entraron o subieron"),
        "left": ("Left or moved down", "Saíram ou desceram", "Salieron o bajaron"),
        "tasks": ("Tasks due this week", "Tarefas para esta semana", "Tareas para esta semana"),
        "at_risk": ("Accounts at risk", "Contas em risco", "Cuentas en riesgo"),
        "expiring": ("Overrides about to expire", "Exceções prestes a vencer", "Excepciones a punto de vencer"),
        "entered_short": ("{0} up", "{0} em alta", "{0} al alza"),
        "left_short": ("{0} down", "{0} em queda", "{0} a la baja"),
        "at_risk_short": ("{0} at risk", "{0} em risco", "{0} en riesgo"),
        "expiring_one": ("1 override ends soon", "1 exceção vence em breve", "1 excepción vence pronto"),
        "expiring_short": ("{0} overrides end soon", "{0} exceções vencem em breve", "{0} excepciones vencen pronto"),
        "tasks_one": ("1 task due", "1 tarefa a fazer", "1 tarea pendiente"),
        "tasks_short": ("{0} tasks due", "{0} tarefas a fazer", "{0} tareas pendientes"),
        "none": ("no tier", "sem categoria", "sin categoría"),
        "due": ("due {0}", "prazo {0}", "vence el {0}"),
        "late": ("overdue since {0}", "atrasada desde {0}", "atrasada desde el {0}"),
        "person_due": ("{0} due", "{0} a fazer", "{0} por hacer"),
        "person_late": ("{0} overdue", "{0} em atraso", "{0} con retraso"),
        "nobody": ("without an owner", "sem responsável", "sin propietario"),
        "red": ("tier {0}, health red", "categoria {0}, saúde vermelha", "categoría {0}, salud en rojo"),
        "renewal": ("renewal on {0}", "renovação em {0}", "renovación el {0}"),
        "until": ("kept as {0} until {1}", "mantida como {0} até {1}", "se mantiene como {0} hasta el {1}"),
        "more": ("… and {0} more in the CRM", "… e mais {0} no CRM", "… y {0} más en el CRM"),
    }
)  # fmt: skip

text = partial(say, TEXTS)
"""The text of a key, and of a language."""

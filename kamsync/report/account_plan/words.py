"""The words of an account's page in the three languages of the program. Data."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

LANGUAGES = ("en", "pt_BR", "es")
TEXTS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "title": ("Account plan", "Plano da conta", "Plan de la cuenta"),
        "as_of": ("As of {0}", "Posição em {0}", "A fecha de {0}"),
        "open_in_crm": ("Open in the CRM", "Abrir no CRM", "Abrir en el CRM"),
        "standing": ("Where it stands", "Situação atual", "Situación actual"),
        "tier": ("Tier", "Categoria", "Categoría"),
        "no_tier": ("no tier", "sem categoria", "sin categoría"),
        "since": ("since {0}", "desde {0}", "desde {0}"),
        "score": ("Score", "Pontuação", "Puntuación"),
        "attractiveness": ("Attractiveness", "Atratividade", "Atractivo"),
        "strength": ("Our position", "Nossa posição", "Nuestra posición"),
        "segment": ("Segment", "Segmento", "Segmento"),
        "health": ("Health", "Saúde", "Salud"),
        "owner": ("Owner", "Responsável", "Responsable"),
        "why": ("Why", "Por quê", "Por qué"),
        "next_tier": ("{0} points are missing for tier {1}.", "Faltam {0} pontos para a categoria {1}.",
                      "Faltan {0} puntos para la categoría {1}."),
        "override": ("A person's choice holds until {0}.", "A escolha de uma pessoa vale até {0}.",
                     "La elección de una persona vale hasta el {0}."),
        "matrix": ("Position in the matrix", "Posição na matriz", "Posición en la matriz"),
        "matrix_alt": ("{0}: attractiveness {1} of 100, our position {2} of 100.",
                       "{0}: atratividade {1} de 100, nossa posição {2} de 100.",
                       "{0}: atractivo {1} de 100, nuestra posición {2} de 100."),
        "goals": ("Goals", "Objetivos", "Objetivos"),
        "goal": ("Goal", "Objetivo", "Objetivo"),
        "this_account": ("This account", "Esta conta", "Esta cuenta"),
        "portfolio": ("All accounts", "Todas as contas", "Todas las cuentas"),
        "retention": ("Keep", "Manter", "Conservar"),
        "expansion": ("Grow", "Crescer", "Crecer"),
        "authority": ("Authority", "Autoridade", "Autoridad"),
        "market": ("New markets", "Novos mercados", "Nuevos mercados"),
        "figures": ("Key figures", "Indicadores", "Indicadores"),
        "figure": ("Figure", "Indicador", "Indicador"),
        "before": ("{0} days ago", "Há {0} dias", "Hace {0} días"),
        "now": ("Now", "Agora", "Ahora"),
        "revenue": ("Revenue, 12 months", "Receita, 12 meses", "Ingresos, 12 meses"),
        "growth": ("Growth on the year before", "Crescimento sobre o ano anterior", "Crecimiento sobre el año anterior"),
        "pipeline": ("Open pipeline", "Oportunidades em aberto", "Oportunidades abiertas"),
        "win_rate": ("Win rate, 24 months", "Taxa de ganho, 24 meses", "Tasa de éxito, 24 meses"),
        "engagement": ("Activities, 90 days", "Atividades, 90 dias", "Actividades, 90 días"),
        "satisfaction": ("Satisfaction", "Satisfação", "Satisfacción"),
        "white_space": ("White space", "Espaço em branco", "Espacio en blanco"),
        "family": ("Product family", "Família de produtos", "Familia de productos"),
        "state": ("Here", "Aqui", "Aquí"),
        "bought": ("bought", "comprada", "comprada"),
        "open": ("in an open opportunity", "em oportunidade aberta", "en una oportunidad abierta"),
        "never": ("never", "nunca", "nunca"),
        "deals": ("Open opportunities", "Oportunidades em aberto", "Oportunidades abiertas"),
        "opportunity": ("Opportunity", "Oportunidade", "Oportunidad"),
        "amount": ("Amount", "Valor", "Importe"),
        "close_date": ("Close date", "Data de fechamento", "Fecha de cierre"),
        "stage": ("Stage", "Fase", "Etapa"),
        "people": ("People", "Pessoas", "Personas"),
        "people_known": ("People known: {0}.", "Pessoas conhecidas: {0}.", "Personas conocidas: {0}."),
        "gap": ("Nobody is noted as {0}.", "Ninguém está registrado como {0}.", "Nadie figura como {0}."),
        "filled": ("Somebody is noted as {0}.", "Há alguém registrado como {0}.", "Alguien figura como {0}."),
        "sponsor": ("executive sponsor", "patrocinador executivo", "patrocinador ejecutivo"),
        "decision_maker": ("decision maker", "decisor", "decisor"),
        "champion": ("champion", "aliado interno (champion)", "aliado interno (champion)"),
        "steps": ("Open tasks", "Tarefas em aberto", "Tareas abiertas"),
        "done": ("Done", "Concluídas", "Hechas"),
        "task": ("Task", "Tarefa", "Tarea"),
        "due": ("Due", "Prazo", "Vence"),
        "risks": ("Risks", "Riscos", "Riesgos"),
        "risk_red": ("Its health is red.", "A saúde está vermelha.", "La salud está en rojo."),
        "risk_amber": ("Its health is amber.", "A saúde está amarela.", "La salud está en ámbar."),
        "risk_renewal": ("The contract is up for renewal on {0}.", "O contrato renova em {0}.", "El contrato se renueva el {0}."),
        "risk_late": ("{0} tasks are overdue.", "Há {0} tarefas atrasadas.", "Hay {0} tareas atrasadas."),
        "no_risk": ("None that the data shows.", "Nenhum que os dados mostrem.", "Ninguno que muestren los datos."),
        "none": ("None.", "Nenhuma.", "Ninguna."),
        "unknown": ("not known", "não se sabe", "no se sabe"),
    }
)  # fmt: skip


def text(key: str, language: str) -> str:
    """The text of a key; an unknown language reads English."""
    return TEXTS[key][LANGUAGES.index(language) if language in LANGUAGES else 0]

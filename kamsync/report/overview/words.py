"""The words of the overview, its pictures and pages, in the three languages of the program. Data, and how a cell reads.

A key's texts are str.format patterns where a Note gives values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from types import MappingProxyType

from kamsync.decide.fact_words import say_value
from kamsync.decide.program import NO_TIER, Program
from kamsync.decide.reader import Reader, reader_of
from kamsync.decide.texts import language as texts_in
from kamsync.glossary import HEALTH, SEGMENTS, known_language
from kamsync.printable import one_line
from kamsync.report.overview.tables import Cell, ColumnKind, Figure, Note
from kamsync.report.words import Texts, say

DASH = "—"
TEXTS: Texts = MappingProxyType(
    {
        # -- sections: title, then what it shows ------------------------------------------------------------------------------
        "matrix": ("Portfolio matrix", "Matriz da carteira", "Matriz de la cartera"),
        "matrix_help": (
            "How attractive each account is against how well we are placed with it. Size: revenue of 12 months; colour and"
            " shape: tier. The ground counts the accounts without a tier.",
            "Quão atrativa é cada conta e quão bem estamos posicionados nela. Tamanho: receita de 12 meses; cor e forma:"
            " categoria. O fundo conta as contas sem categoria.",
            "Cuán atractiva es cada cuenta y cuán bien estamos situados en ella. Tamaño: ingresos de 12 meses; color y forma:"
            " categoría. El fondo cuenta las cuentas sin categoría.",
        ),
        "goals": ("Goals", "Objetivos", "Objetivos"),
        "goals_help": (
            "How the key accounts do for each goal that has a target: the median figure, beside the target.",
            "Como vão as contas-chave em cada objetivo com meta: o indicador da conta do meio, ao lado da meta.",
            "Cómo van las cuentas clave en cada objetivo con meta: el indicador de la cuenta del medio, junto a la meta.",
        ),
        "moves": ("Who entered and who left", "Quem entrou e quem saiu", "Quién entró y quién salió"),
        "moves_help": (
            "Every change of tier in the period, what settled it, and the criteria that moved most.",
            "Cada mudança de categoria no período, o que a decidiu e os critérios que mais mudaram.",
            "Cada cambio de categoría en el período, qué lo decidió y los criterios que más cambiaron.",
        ),
        "over_time": ("Tiers and score over time", "Categorias e pontuação ao longo do tempo",
                      "Categorías y puntuación en el tiempo"),
        "over_time_help": (
            "Accounts of each tier at each month's end, and the mean of their scores.",
            "Contas de cada categoria no fim de cada mês e a média das suas pontuações.",
            "Cuentas de cada categoría a fin de cada mes y la media de sus puntuaciones.",
        ),
        "revenue_by_tier": ("Revenue by tier", "Receita por categoria", "Ingresos por categoría"),
        "revenue_by_tier_help": (
            "What was won in the last 12 months, and each tier's share of it.",
            "O que foi ganho nos últimos 12 meses e a parte de cada categoria.",
            "Lo ganado en los últimos 12 meses y la parte de cada categoría.",
        ),
        "concentration": ("Concentration", "Concentração", "Concentración"),
        "concentration_help": (
            "What share of revenue the largest accounts bring.",
            "Que parte da receita trazem as maiores contas.",
            "Qué parte de los ingresos aportan las mayores cuentas.",
        ),
        "health_by_tier": ("Health by tier", "Saúde por categoria", "Salud por categoría"),
        "health_by_tier_help": (
            "How the key accounts are doing, and how it was when the period began.",
            "Como estão as contas-chave e como estavam no início do período.",
            "Cómo están las cuentas clave y cómo estaban al inicio del período.",
        ),
        "achievements": ("What the programme achieved", "O que o programa alcançou", "Qué logró el programa"),
        "achievements_help": (
            "Key accounts beside all other customers, this year beside the year before.",
            "Contas-chave ao lado dos demais clientes, este ano ao lado do anterior.",
            "Cuentas clave frente a los demás clientes, este año frente al anterior.",
        ),
        "managers": ("By key account manager", "Por gerente de contas-chave", "Por gestor de cuentas clave"),
        "managers_help": (
            "The same figures for each owner's key accounts.",
            "Os mesmos números para as contas-chave de cada responsável.",
            "Las mismas cifras para las cuentas clave de cada propietario.",
        ),
        "white_space": ("White space", "Espaço em branco", "Espacio en blanco"),
        "white_space_help": (
            "Which product families each key account buys, and which it could.",
            "Que famílias de produtos cada conta-chave compra e quais poderia comprar.",
            "Qué familias de productos compra cada cuenta clave y cuáles podría comprar.",
        ),
        "renewals": ("Renewals ahead", "Próximas renovações", "Próximas renovaciones"),
        "renewals_help": (
            "Key accounts whose renewal comes within half a year, or has passed.",
            "Contas-chave cuja renovação vem em até meio ano ou já passou.",
            "Cuentas clave cuya renovación llega en medio año o ya pasó.",
        ),
        "load": ("Owners' load", "Carga dos responsáveis", "Carga de los propietarios"),
        "load_help": (
            "Key accounts of each owner, by tier.",
            "Contas-chave de cada responsável, por categoria.",
            "Cuentas clave de cada propietario, por categoría.",
        ),
        "tasks": ("Tasks of the account plans", "Tarefas dos planos de conta", "Tareas de los planes de cuenta"),
        "tasks_help": (
            "Overdue, due within 30 days, later and done, by owner.",
            "Atrasadas, para os próximos 30 dias, depois e concluídas, por responsável.",
            "Atrasadas, para los próximos 30 días, después y hechas, por propietario.",
        ),
        "playbooks": ("Tasks by playbook", "Tarefas por roteiro", "Tareas por guion"),
        "playbooks_help": (
            "Which plans are carried out, and which lie.",
            "Quais planos são executados e quais estão parados.",
            "Qué planes se ejecutan y cuáles están parados.",
        ),
        "overrides": ("Tiers set by people", "Categorias definidas por pessoas", "Categorías fijadas por personas"),
        "overrides_help": (
            "Exceptions that hold against the calculated tier, and when they end.",
            "Exceções que prevalecem sobre a categoria calculada e quando terminam.",
            "Excepciones que prevalecen sobre la categoría calculada y cuándo terminan.",
        ),
        "coverage": ("What is known", "O que se sabe", "Lo que se sabe"),
        "coverage_help": (
            "For how many of the scored accounts each criterion knows a value; what is unknown is not zero.",
            "Para quantas das contas pontuadas cada critério tem um valor; o desconhecido não é zero.",
            "Para cuántas de las cuentas puntuadas cada criterio tiene un valor; lo desconocido no es cero.",
        ),
        # -- columns ----------------------------------------------------------------------------------------------------------
        "account": ("Account", "Conta", "Cuenta"),
        "account_id": ("Id", "Id", "Id"),
        "tier": ("Tier", "Categoria", "Categoría"),
        "tier_before": ("From", "De", "De"),
        "owner": ("Owner", "Responsável", "Propietario"),
        "attractiveness": ("Attractiveness", "Atratividade", "Atractivo"),
        "strength": ("Strength", "Posição", "Posición"),
        "score": ("Score", "Pontuação", "Puntuación"),
        "segment": ("Segment", "Segmento", "Segmento"),
        "health": ("Health", "Saúde", "Salud"),
        "revenue": ("Revenue, 12 months", "Receita, 12 meses", "Ingresos, 12 meses"),
        "revenue_before": ("Year before", "Ano anterior", "Año anterior"),
        "revenue_share": ("Share of revenue", "Parte da receita", "Parte de los ingresos"),
        "accounts": ("Accounts", "Contas", "Cuentas"),
        "before": ("At the start", "No início", "Al inicio"),
        "criterion": ("Criterion", "Critério", "Criterio"),
        "axis": ("Axis", "Eixo", "Eje"),
        "known": ("Known", "Conhecido", "Conocido"),
        "unknown": ("unknown", "desconhecido", "desconocido"),
        "moves_column": ("Moves the ranking", "Move o ranking", "Mueve el ranking"),
        "until": ("Until", "Até", "Hasta"),
        "left_days": ("Days left", "Dias restantes", "Días restantes"),
        "renewal": ("Renewal", "Renovação", "Renovación"),
        "day": ("Day", "Dia", "Día"),
        "move": ("Move", "Movimento", "Movimiento"),
        "code": ("Settled by", "Decidido por", "Decidido por"),
        "undo": ("Undone", "Desfeito", "Deshecho"),
        "why": ("What moved most", "O que mais mudou", "Lo que más cambió"),
        "largest": ("Largest accounts", "Maiores contas", "Mayores cuentas"),
        "pipeline": ("Open pipeline", "Oportunidades em aberto", "Oportunidades abiertas"),
        "group": ("Accounts", "Contas", "Cuentas"),
        "growth": ("Growth", "Crescimento", "Crecimiento"),
        "kept_revenue": ("Revenue kept", "Receita mantida", "Ingresos conservados"),
        "kept_customers": ("Customers kept", "Clientes mantidos", "Clientes conservados"),
        "silent_days": ("Days since activity (median)", "Dias sem atividade (mediana)", "Días sin actividad (mediana)"),
        "met": ("Met in 90 days", "Reunião em 90 dias", "Reunión en 90 días"),
        "family": ("Product family", "Família de produtos", "Familia de productos"),
        "bought": ("Bought", "Comprou", "Compró"),
        "open_tasks": ("Open tasks", "Tarefas em aberto", "Tareas abiertas"),
        "goal": ("Goal", "Objetivo", "Objetivo"),
        "kpi": ("Figure", "Indicador", "Indicador"),
        "target": ("Target", "Meta", "Meta"),
        "median": ("Median now", "Mediana agora", "Mediana ahora"),
        "is_met": ("Met", "Atingida", "Cumplida"),
        "reached": ("Accounts that reach it", "Contas que a atingem", "Cuentas que la cumplen"),
        "known_of": ("Of those known", "Das conhecidas", "De las conocidas"),
        "overdue": ("Overdue", "Atrasadas", "Atrasadas"),
        "soon": ("Due in 30 days", "Em 30 dias", "En 30 días"),
        "later": ("Later", "Depois", "Después"),
        "done": ("Done", "Concluídas", "Hechas"),
        "state": ("State", "Situação", "Estado"),
        "playbook": ("Playbook", "Roteiro", "Guion"),
        # -- groups -----------------------------------------------------------------------------------------------------------
        "retention": ("Keep", "Manter", "Conservar"),
        "expansion": ("Grow", "Crescer", "Crecer"),
        "authority": ("Authority", "Autoridade", "Autoridad"),
        "market": ("New markets", "Novos mercados", "Nuevos mercados"),
        "win_rate": ("Win rate, 24 months", "Taxa de ganho, 24 meses", "Tasa de éxito, 24 meses"),
        "engagement": ("Activities, 90 days", "Atividades, 90 dias", "Actividades, 90 días"),
        "satisfaction": ("Satisfaction", "Satisfação", "Satisfacción"),
        "target_met": ("met", "atingida", "cumplida"),
        "target_missed": ("not met", "não atingida", "no cumplida"),
        "entered": ("entered", "entrou", "entró"),
        "left": ("left", "saiu", "salió"),
        "rose": ("rose", "subiu", "subió"),
        "fell": ("fell", "caiu", "bajó"),
        "key": ("Key accounts", "Contas-chave", "Cuentas clave"),
        "rest": ("Other customers", "Demais clientes", "Demás clientes"),
        "yes": ("bought", "comprou", "compró"),
        "no": ("not yet", "ainda não", "aún no"),
        "no_tier": ("none", "nenhuma", "ninguna"),
        # -- headlines --------------------------------------------------------------------------------------------------------
        "key_accounts": ("Key accounts", "Contas-chave", "Cuentas clave"),
        "key_revenue": ("Their revenue", "Receita delas", "Sus ingresos"),
        "key_growth": ("Their growth", "Crescimento delas", "Su crecimiento"),
        "red_accounts": ("In red health", "Com saúde vermelha", "Con salud roja"),
        "overdue_tasks": ("Overdue tasks", "Tarefas atrasadas", "Tareas atrasadas"),
        "renewals_ahead": ("Renewals ahead", "Próximas renovações", "Próximas renovaciones"),
        "entered_left": ("{0} entered, {1} left", "{0} entraram, {1} saíram", "{0} entraron, {1} salieron"),
        "of_all": ("{0:share} of all revenue", "{0:share} da receita total", "{0:share} de los ingresos totales"),
        "on_year_before": ("on the year before", "sobre o ano anterior", "sobre el año anterior"),
        "health_unknown": ("{0} more unknown", "mais {0} desconhecidas", "{0} más desconocidas"),
        "due_soon": ("{0} due in 30 days", "{0} para 30 dias", "{0} para 30 días"),
        "within_half_a_year": ("within half a year", "em até meio ano", "en medio año"),
        # -- notes ------------------------------------------------------------------------------------------------------------
        "no_goals": ("No goal has a target; [goals] of the configuration sets them.",
                     "Nenhum objetivo tem meta; [goals] da configuração as define.",
                     "Ningún objetivo tiene meta; [goals] de la configuración las fija."),
        "nothing_here": ("Nothing to show.", "Nada a mostrar.", "Nada que mostrar."),
        "more_rows": ("… and {0} more rows; the CSV files have them all.", "… e mais {0} linhas; os arquivos CSV têm todas.",
                      "… y {0} filas más; los archivos CSV las tienen todas."),
        "key_left_out": ("{0} smaller key accounts are not drawn.", "{0} contas-chave menores não são desenhadas.",
                         "{0} cuentas clave menores no se dibujan."),
        "others_in_cells": ("{0} more accounts without a tier are counted in the ground only.",
                            "Mais {0} contas sem categoria aparecem apenas no fundo.",
                            "{0} cuentas más sin categoría aparecen solo en el fondo."),
        "no_place": ("{0} key accounts have no place: an axis of theirs is unknown.",
                     "{0} contas-chave não têm lugar: um eixo delas é desconhecido.",
                     "{0} cuentas clave no tienen lugar: un eje suyo es desconocido."),
        "no_history_since": ("History does not reach back to {0}, so the change is not known.",
                             "O histórico não chega a {0}, portanto a mudança não é conhecida.",
                             "El historial no llega a {0}, así que el cambio no se conoce."),
        "no_history": ("No decision is remembered yet.", "Nenhuma decisão foi registrada ainda.",
                       "Aún no se recuerda ninguna decisión."),
        "history_begins": ("History begins on {0}.", "O histórico começa em {0}.", "El historial comienza el {0}."),
        "no_moves": ("No account changed its tier since {0}.", "Nenhuma conta mudou de categoria desde {0}.",
                     "Ninguna cuenta cambió de categoría desde {0}."),
        "no_overrides": ("Nobody has set a tier by hand.", "Ninguém definiu uma categoria à mão.",
                         "Nadie ha fijado una categoría a mano."),
        "renewal_unknown": ("The renewal of {0} of {1} key accounts is not known.",
                            "A renovação de {0} de {1} contas-chave não é conhecida.",
                            "No se conoce la renovación de {0} de {1} cuentas clave."),
        "no_revenue": ("Nothing was won in the last 12 months.", "Nada foi ganho nos últimos 12 meses.",
                       "No se ganó nada en los últimos 12 meses."),
        "chosen_today": (
            "Who is key is decided by today's figures, so those who grew are likelier to be among them; `kamsync backtest`"
            " compares without that bias.",
            "Quem é conta-chave se decide pelos números de hoje, portanto quem cresceu tem mais chance de estar entre elas;"
            " `kamsync backtest` compara sem esse viés.",
            "Quién es clave se decide por las cifras de hoy, así que quien creció tiene más posibilidades de estar;"
            " `kamsync backtest` compara sin ese sesgo.",
        ),
        "activities_unknown": ("No activities are read, so nobody knows who was met.",
                               "As atividades não são lidas, portanto não se sabe quem foi visitado.",
                               "No se leen actividades, así que no se sabe a quién se visitó."),
        "no_key_accounts": ("There are no key accounts.", "Não há contas-chave.", "No hay cuentas clave."),
        "line_items_unknown": ("Product families are not known: no criterion reads line items, or the CRM has none.",
                               "As famílias de produtos não são conhecidas: nenhum critério as lê ou o CRM não as tem.",
                               "No se conocen las familias de productos: ningún criterio las lee o el CRM no las tiene."),
        "space_left_out": ("The picture shows the {0} largest; {1} more are in the table's file.",
                           "A figura mostra as {0} maiores; mais {1} estão no arquivo da tabela.",
                           "La figura muestra las {0} mayores; {1} más están en el archivo de la tabla."),
        "without_owner": ("{0} key accounts have no owner.", "{0} contas-chave não têm responsável.",
                          "{0} cuentas clave no tienen propietario."),
        "no_tasks": ("There are no tasks of account plans.", "Não há tarefas de planos de conta.",
                     "No hay tareas de planes de cuenta."),
        "alarm_one": ("{0} alone brings {1:share} of all revenue.", "{0} sozinha traz {1:share} de toda a receita.",
                      "{0} aporta por sí sola el {1:share} de todos los ingresos."),
        "alarm_ten": ("The ten largest accounts bring {0:share} of all revenue.",
                      "As dez maiores contas trazem {0:share} de toda a receita.",
                      "Las diez mayores cuentas aportan el {0:share} de todos los ingresos."),
        "alarm_red": ("{0} key accounts are in red health; they bring {1:share} of all revenue.",
                      "{0} contas-chave estão com saúde vermelha; trazem {1:share} de toda a receita.",
                      "{0} cuentas clave tienen salud roja; aportan el {1:share} de todos los ingresos."),
        # -- the page ---------------------------------------------------------------------------------------------------------
        "report_of": ("Key account report", "Relatório de contas-chave", "Informe de cuentas clave"),
        "as_of": ("As of {0}, changes since {1}", "Em {0}, mudanças desde {1}", "Al {0}, cambios desde {1}"),
        "contents": ("Contents", "Conteúdo", "Contenido"),
        "watch_out": ("Watch out", "Atenção", "Atención"),
        "table": ("Table", "Tabela", "Tabla"),
        "data_problems": ("Problems in the data", "Problemas nos dados", "Problemas en los datos"),
        "made_by": ("Made by kamsync from its cache; nothing here needs the network.",
                    "Feito pelo kamsync a partir do seu cache; nada aqui precisa da rede.",
                    "Hecho por kamsync a partir de su caché; nada aquí necesita la red."),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """One reader's language, numbers and currency."""

    language: str
    reader: Reader
    more: Texts = field(default_factory=lambda: MappingProxyType({}))

    def say(self, key: str) -> str:
        """The text of a key; the key itself, with blanks, where there is none (a playbook's own name)."""
        texts = self.more if key in self.more else TEXTS
        return say(texts, key, self.language) if key in texts else key.replace("_", " ")

    def column(self, name: str) -> str:
        """A column's heading; money says its currency."""
        return self.say("moves_column" if name == "moves" else name)

    def note(self, note: Note) -> str:
        """A note as a sentence."""
        return self.say(note.key).format(*(_Formatted(value, self) for value in note.values))

    def cell(self, value: Cell, kind: ColumnKind) -> str:
        """A value as this reader writes it; a dash where nobody knows it."""
        if value is None:
            return DASH
        say = _SAYS.get(kind)
        return one_line(str(value)) if say is None else say(self, value)


class _Formatted:
    """A note's value, as `{0}` by its type, as `{0:share}` by that kind."""

    def __init__(self, value: Cell, words: Words) -> None:
        self._value, self._words = value, words

    def __format__(self, kind: str) -> str:
        if kind == "share":
            return self._words.cell(self._value, "share")
        if isinstance(self._value, date):
            return self._words.cell(self._value, "date")
        return self._words.cell(self._value, "count" if isinstance(self._value, int) else "text")


def words_of(program: Program, language: str | None = None, more: Texts = MappingProxyType({})) -> Words:
    """The programme's words, or those of another of the three languages. `more`: texts beside those of the overview."""
    known = known_language(language or program.language)
    return Words(known, reader_of(replace(program, language=known)), more)


def _share(words: Words, value: Cell) -> str:
    share = float(str(value))
    return words.reader.percent(share, 1 if 0 < abs(share) < 0.1 else 0)


def _score(words: Words, value: Cell) -> str:
    return words.reader.number(float(str(value)), 1)


def _figure(words: Words, value: Cell) -> str:
    unit = value.unit if isinstance(value, Figure) else ""
    return words.cell(value, "share") if unit == "percent" else say_value(float(str(value)), unit, words.reader)


def _whole(words: Words, value: Cell) -> str:
    return words.reader.number(round(float(str(value))))


def _money(words: Words, value: Cell) -> str:
    return words.reader.compact_money(float(str(value)))


def _date(words: Words, value: Cell) -> str:
    return words.reader.day(value) if isinstance(value, date) else str(value)


def _tier(words: Words, value: Cell) -> str:
    return words.say("no_tier") if value == NO_TIER else one_line(str(value))


def _health(words: Words, value: Cell) -> str:
    return HEALTH[words.language].get(str(value), words.say("unknown")) if value else words.say("unknown")


def _segment(words: Words, value: Cell) -> str:
    return SEGMENTS[words.language].get(str(value), one_line(str(value)))


def _code(words: Words, value: Cell) -> str:
    heads: Mapping[str, str] = {str(code): head for code, head in texts_in(words.language).heads.items()}
    return words.say("undo") if value == "undo" else heads.get(str(value), str(value))


def _group(words: Words, value: Cell) -> str:
    return words.say(str(value))


_SAYS: Mapping[str, Callable[[Words, Cell], str]] = MappingProxyType(
    {
        "share": _share,
        "score": _score,
        "figure": _figure,
        "count": _whole,
        "days": _whole,
        "money": _money,
        "date": _date,
        "tier": _tier,
        "health": _health,
        "segment": _segment,
        "code": _code,
        "group": _group,
    }
)

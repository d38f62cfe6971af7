"""Every fact of an account: its definition for people, its kind and unit, and the SQL that computes it from the cache.

One source for the program, `kamsync facts` and the documentation. A new fact is one entry here. Each table of the cache is read
once; only what the programme reads is computed. Sums are rounded to a millionth, so that the order of rows never shows. The text
lives here, `store.facts_table` runs it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from types import MappingProxyType

from kamsync.decide.fact import UNSAID, Fact, Source, Unit, Words, days_since
from kamsync.decide.facts_of_history import HISTORY_FACTS, HISTORY_SOURCES
from kamsync.decide.facts_of_people import PEOPLE_FACTS, PEOPLE_SOURCES
from kamsync.decide.months import days_before, months_before
from kamsync.model import STREAMS, Kind, Stream

FAR_MONTHS = 50 * 12  # a close date further away than that is a slip of the keyboard
SEPARATOR = "\x1f"  # between the renewal types in one parameter


# Rows that count: of an account, and with a close date that is meant.
_NEAR = "(close_date IS NULL OR close_date BETWEEN :far_past AND :far_future)"
# What this program wrote itself is no engagement. Only notes are looked up: all else is read from the index alone, in a tenth of
# the time.
_NOT_OURS = "(kind IS NOT 'note' OR id NOT IN (SELECT note_id FROM plan_notes WHERE note_id <> ''))"

_SOURCES = (
    Source(
        "opportunity",
        "(SELECT {account} AS account_id, close_date, is_won, is_closed, probability, type, {amount} AS amount, {contract}"
        f" FROM opportunities NOT INDEXED WHERE account_id IS NOT NULL AND {_NEAR})",
    ),
    Source(
        "line_item",
        "bought LEFT JOIN sold USING (family) WHERE account_id IS NOT NULL",
        (
            # In the table's own order, which is nearly that of the line items' index: half the time of going by account.
            "CREATE TEMP TABLE bought AS SELECT {account} AS account_id, l.product_family AS family,"
            " max(o.close_date > :months_24) AS recent"
            " FROM opportunities o NOT INDEXED CROSS JOIN line_items l ON o.id = l.opportunity_id"
            " WHERE o.is_won AND o.close_date BETWEEN :far_past AND :as_of AND l.product_family IS NOT NULL"
            " GROUP BY 1, l.product_family",
            "CREATE TEMP TABLE sold AS SELECT DISTINCT family FROM bought WHERE recent",
        ),
        Stream.LINE_ITEMS,
    ),
    Source(
        "activity",
        f"(SELECT {{account}} AS account_id, kind, activity_date FROM activities WHERE {_NOT_OURS})",
        stream=Stream.ACTIVITIES,
    ),
    *PEOPLE_SOURCES,
    *HISTORY_SOURCES,
    Source("hierarchy"),
    Source("derived"),
)
SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _SOURCES})

_WON = "is_won AND close_date <= :as_of"
_LOST = "is_closed AND NOT is_won"
_12M = "close_date > :months_12 AND close_date <= :as_of"
_PREV = "close_date > :months_24 AND close_date <= :months_12"
_24M = "close_date > :months_24 AND close_date <= :as_of"
_ACTIVITY = "activity_date > :months_24 AND activity_date <= :as_of"
_90D = "activity_date > :days_90 AND activity_date <= :as_of"
_TWO_WAY = "kind IN ('meeting', 'call', 'incoming_email')"
_SELLS = "EXISTS (SELECT 1 FROM line_items WHERE product_family IS NOT NULL)"


_WON_BY_ALL = "(SELECT sum(o.won_amount_12m) FROM temp.by_opportunity o JOIN accounts ON id = o.account_id)"


def _sum(condition: str, value: str = "amount") -> str:
    return f"round(total(CASE WHEN {condition} THEN {value} ELSE 0 END), 6)"


def _count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _money(name: str, definition: str, sql: str, *, words: Words) -> Fact:
    return Fact(name, "number", definition, "opportunity", sql, "0", unit="money", words=words)


def _number_of(
    name: str, definition: str, source: str, sql: str, *, words: Words, words_of_one: Words = UNSAID, replayable: bool = True
) -> Fact:
    return Fact(name, "number", definition, source, sql, "0", replayable, "count", words=words, words_of_one=words_of_one)


def _date(name: str, definition: str, source: str, sql: str, *, words: Words) -> Fact:
    return Fact(name, "date", definition, source, sql, unit="date", words=words)


# A contract's term; where only its end is known, the end itself says whether it is live.
_START = "coalesce(contract_start, close_date)"
_MONTHS = f"coalesce(contract_months, term_months({_START}, contract_end))"
_LIVE = (
    f"is_won AND close_date IS NOT NULL AND {_START} <= :as_of AND {_MONTHS} > 0"
    f" AND CASE WHEN contract_months IS NULL THEN contract_end >= :as_of"
    f" ELSE whole_months({_START}, :as_of) < contract_months END"
)

FACTS: tuple[Fact, ...] = (
    _money(
        "won_amount_12m",
        "Sum of won amounts closed in the last 12 months",
        _sum(f"is_won AND {_12M}"),
        words=("{} won in 12 months", "{} ganhos em 12 meses", "{} ganados en 12 meses"),
    ),
    _money(
        "won_amount_prev_12m",
        "The same for the 12 months before those",
        _sum(f"is_won AND {_PREV}"),
        words=("{} won in the 12 months before", "{} ganhos nos 12 meses anteriores", "{} ganados en los 12 meses anteriores"),
    ),
    _money(
        "won_amount_total",
        "Sum of all won amounts up to the day",
        _sum(_WON),
        words=("{} won in all", "{} ganhos ao todo", "{} ganados en total"),
    ),
    _number_of(
        "won_count_total",
        "Won opportunities up to the day",
        "opportunity",
        _count(_WON),
        words=("{} won in all", "{} ganhas ao todo", "{} ganadas en total"),
        words_of_one=("{} won in all", "{} ganha ao todo", "{} ganada en total"),
    ),
    _number_of(
        "won_count_12m",
        "Won opportunities of the last 12 months",
        "opportunity",
        _count(f"is_won AND {_12M}"),
        words=("{} won in 12 months", "{} ganhas em 12 meses", "{} ganadas en 12 meses"),
        words_of_one=("{} won in 12 months", "{} ganha em 12 meses", "{} ganada en 12 meses"),
    ),
    _number_of(
        "lost_count_12m",
        "Lost opportunities of the last 12 months",
        "opportunity",
        _count(f"{_LOST} AND {_12M}"),
        words=("{} lost in 12 months", "{} perdidas em 12 meses", "{} perdidas en 12 meses"),
        words_of_one=("{} lost in 12 months", "{} perdida em 12 meses", "{} perdida en 12 meses"),
    ),
    Fact(
        "win_rate_24m",
        "number",
        "Won / (won + lost) of those closed in the last 24 months",
        "opportunity",
        f"CAST({_count(f'is_won AND {_24M}')} AS REAL) / nullif({_count(f'is_closed AND {_24M}')}, 0)",
        unit="percent",
        words=(
            "{} won of what was decided in 24 months",
            "{} ganhos do que foi decidido em 24 meses",
            "{} ganado de lo decidido en 24 meses",
        ),
    ),
    Fact(
        "avg_won_amount_24m",
        "number",
        "Mean won amount of the last 24 months",
        "opportunity",
        f"round({_sum(f'is_won AND {_24M}')} / nullif({_count(f'is_won AND {_24M}')}, 0), 6)",
        unit="money",
        words=("{} on average", "{} em média", "{} de media"),
    ),
    Fact(
        "contract_value_12m",
        "number",
        "Live contracts' value of 12 months: sum of won amount × 12 / months over those that run on the day;"
        " unknown where neither their months nor their end are mapped",
        "opportunity",
        _sum(_LIVE, f"amount * 12 / {_MONTHS}"),
        "0",
        unit="money",
        final="CASE WHEN :has_contracts THEN {value} END",
        words=("{} a year under contract", "{} por ano em contrato", "{} al año bajo contrato"),
    ),
    _number_of(
        "open_count",
        "Open opportunities",
        "opportunity",
        _count("NOT is_closed"),
        words=("{} open", "{} em aberto", "{} abiertas"),
        words_of_one=("{} open", "{} em aberto", "{} abierta"),
    ),
    _money(
        "open_pipeline",
        "Sum of amounts of open opportunities",
        _sum("NOT is_closed"),
        words=("{} open", "{} em aberto", "{} abiertos"),
    ),
    _money(
        "weighted_pipeline",
        "Sum over open opportunities of amount × probability (0…1)",
        _sum("NOT is_closed", "amount * coalesce(probability, 0)"),
        words=("{} open, by probability", "{} em aberto, pela probabilidade", "{} abiertos, por probabilidad"),
    ),
    _date(
        "first_won_date",
        "Least close date among won ones up to the day",
        "opportunity",
        f"min(CASE WHEN {_WON} THEN close_date END)",
        words=("first won on {}", "primeiro negócio ganho em {}", "primera ganada el {}"),
    ),
    _date(
        "last_won_date",
        "Greatest close date among won ones up to the day",
        "opportunity",
        f"max(CASE WHEN {_WON} THEN close_date END)",
        words=("last won on {}", "último negócio ganho em {}", "última ganada el {}"),
    ),
    Fact(
        "next_renewal_date",
        "date",
        "The mapped field; where that is empty, the least close date from the day on of open opportunities of a renewal type",
        "opportunity",
        "min(CASE WHEN NOT is_closed AND close_date >= :as_of"
        f" AND instr(:renewal_types, '{SEPARATOR}' || type || '{SEPARATOR}') THEN close_date END)",
        replayable=False,
        unit="date",
        mapped_first=True,
        words=("renewal on {}", "renovação em {}", "renovación el {}"),
    ),
    Fact(
        "product_families",
        "number",
        "Distinct product families on won opportunities up to the day; unknown where the org has none at all",
        "line_item",
        "count(*)",
        "0",
        unit="count",
        final=f"CASE WHEN {_SELLS} THEN {{value}} END",
        words=("{} product families", "{} famílias de produtos", "{} familias de productos"),
        words_of_one=("{} product family", "{} família de produtos", "{} familia de productos"),
    ),
    Fact(
        "whitespace_count",
        "number",
        "Families that anyone bought in the last 24 months and this account never did; unknown where the org has none at all",
        "line_item",
        "count(sold.family)",
        "0",
        unit="count",
        final=f"CASE WHEN {_SELLS} THEN (SELECT count(*) FROM temp.sold) - {{value}} END",
        words=(
            "{} product families not bought",
            "{} famílias de produtos não compradas",
            "{} familias de productos no compradas",
        ),
        words_of_one=(
            "{} product family not bought",
            "{} família de produtos não comprada",
            "{} familia de productos no comprada",
        ),
    ),
    _date(
        "last_activity_date",
        "Greatest date of an activity up to the day, of the last 24 months",
        "activity",
        f"max(CASE WHEN {_ACTIVITY} THEN activity_date END)",
        words=("last activity on {}", "última atividade em {}", "última actividad el {}"),
    ),
    _number_of(
        "activities_90d",
        "Activities of the last 90 days",
        "activity",
        _count(_90D),
        words=("{} activities in 90 days", "{} atividades em 90 dias", "{} actividades en 90 días"),
        words_of_one=("{} activity in 90 days", "{} atividade em 90 dias", "{} actividad en 90 días"),
    ),
    _number_of(
        "meetings_90d",
        "Meetings of the last 90 days",
        "activity",
        _count(f"kind = 'meeting' AND {_90D}"),
        words=("{} meetings in 90 days", "{} reuniões em 90 dias", "{} reuniones en 90 días"),
        words_of_one=("{} meeting in 90 days", "{} reunião em 90 dias", "{} reunión en 90 días"),
    ),
    _date(
        "last_contact_date",
        "Greatest date of a two-way contact (a meeting, a call, an e-mail that came in) of the last 24 months",
        "activity",
        f"max(CASE WHEN {_TWO_WAY} AND {_ACTIVITY} THEN activity_date END)",
        words=("last contact on {}", "último contato em {}", "último contacto el {}"),
    ),
    Fact(
        "usual_gap_days",
        "number",
        "The account's own rhythm: median days between its activity dates of the last 24 months; null below five dates",
        "activity",
        f"usual_gap(group_concat(CASE WHEN {_ACTIVITY} THEN activity_date END))",
        unit="days",
        words=("usually {} between activities", "normalmente {} entre atividades", "normalmente {} entre actividades"),
    ),
    _number_of(
        "children_count",
        "Accounts whose parent this is",
        "hierarchy",
        "children",
        replayable=False,
        words=("{} subsidiaries", "{} subsidiárias", "{} filiales"),
        words_of_one=("{} subsidiary", "{} subsidiária", "{} filial"),
    ),
    Fact(
        "family_won_amount_12m",
        "number",
        "won_amount_12m of the account and all its descendants",
        "hierarchy",
        "won",
        "by_opportunity.won_amount_12m, 0",
        unit="money",
        needs=("won_amount_12m",),
        words=("{} won in 12 months by the group", "{} ganhos em 12 meses pelo grupo", "{} ganados en 12 meses por el grupo"),
    ),
    Fact(
        "family_open_pipeline",
        "number",
        "open_pipeline of the account and all its descendants",
        "hierarchy",
        "pipeline",
        "by_opportunity.open_pipeline, 0",
        unit="money",
        needs=("open_pipeline",),
        words=("{} open in the group", "{} em aberto no grupo", "{} abiertos en el grupo"),
    ),
    Fact(
        "new_territory_date",
        "date",
        "Latest creation date of an account below this one, and younger, that is the first of the whole group in its country"
        " or its industry",
        "hierarchy",
        "territory_date",
        replayable=False,
        unit="date",
        words=("a new country or industry since {}", "país ou setor novo desde {}", "país o sector nuevo desde {}"),
    ),
    Fact(
        "new_territory",
        "text",
        "The country, else the industry, that the group entered on that date, as the CRM calls it",
        "hierarchy",
        "territory",
        replayable=False,
        words=("new in {}", "novo em {}", "nuevo en {}"),
    ),
    Fact(
        "growth_12m",
        "number",
        "won_amount_12m / won_amount_prev_12m − 1",
        "derived",
        "won_amount_12m / nullif(won_amount_prev_12m, 0) - 1",
        unit="percent",
        needs=("won_amount_12m", "won_amount_prev_12m"),
        words=("{} on the year before", "{} sobre o ano anterior", "{} sobre el año anterior"),
        growth=True,
    ),
    Fact(
        "revenue_share_12m",
        "number",
        "won_amount_12m / that of all accounts together",
        "derived",
        f"won_amount_12m / nullif({_WON_BY_ALL}, 0)",
        unit="percent",
        needs=("won_amount_12m",),
        words=(
            "{} of all that was won in 12 months",
            "{} de tudo o que foi ganho em 12 meses",
            "{} de todo lo ganado en 12 meses",
        ),
    ),
    Fact(
        "customer_months",
        "number",
        "Whole months since the first won opportunity",
        "derived",
        "whole_months(first_won_date, :as_of)",
        unit="months",
        needs=("first_won_date",),
        words=("a customer for {}", "cliente há {}", "cliente desde hace {}"),
    ),
    Fact(
        "days_since_last_won",
        "number",
        "Days since the last won opportunity",
        "derived",
        days_since("last_won_date"),
        unit="days",
        needs=("last_won_date",),
        words=("last won {} ago", "último negócio ganho há {}", "última ganada hace {}"),
    ),
    Fact(
        "days_since_last_activity",
        "number",
        "Days since the last activity",
        "derived",
        days_since("last_activity_date"),
        unit="days",
        needs=("last_activity_date",),
        words=("last activity {} ago", "última atividade há {}", "última actividad hace {}"),
    ),
    Fact(
        "days_since_last_contact",
        "number",
        "Days since the last two-way contact",
        "derived",
        days_since("last_contact_date"),
        unit="days",
        needs=("last_contact_date",),
        words=("last contact {} ago", "último contato há {}", "último contacto hace {}"),
    ),
    Fact(
        "days_since_new_territory",
        "number",
        "Days since new_territory_date",
        "derived",
        days_since("new_territory_date"),
        replayable=False,
        unit="days",
        needs=("new_territory_date",),
        words=("a new country or industry {} ago", "país ou setor novo há {}", "país o sector nuevo desde hace {}"),
    ),
    Fact(
        "silence_ratio",
        "number",
        "days_since_last_activity / usual_gap_days: above 1 the account is quieter than is usual for it",
        "derived",
        f"{days_since('last_activity_date')} / nullif(usual_gap_days, 0)",
        needs=("last_activity_date", "usual_gap_days"),
        words=("silent {} times as long as usual", "em silêncio {} vezes o habitual", "en silencio {} veces lo habitual"),
        words_of_one=("silent as long as usual", "em silêncio pelo tempo habitual", "en silencio el tiempo habitual"),
    ),
    Fact(
        "days_to_renewal",
        "number",
        "Days until next_renewal_date, negative where it is past",
        "derived",
        "CAST(julianday(next_renewal_date) - julianday(:as_of) AS INTEGER)",
        replayable=False,
        unit="days",
        needs=("next_renewal_date",),
        words=("renewal in {}", "renovação em {}", "renovación en {}"),
    ),
    *PEOPLE_FACTS,
    *HISTORY_FACTS,
)
CONTRACT_COLUMNS = ("contract_start", "contract_months", "contract_end")
_BY_NAME: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in FACTS})
CORE_ACCOUNT_NAMES = tuple(STREAMS[Stream.ACCOUNTS].kinds)
# Opportunities that count for nobody (DECISIONS.md §2), each by its first reason: a condition, and what is said of them.
COUNT_FOR_NOBODY: tuple[tuple[str, str], ...] = (
    ("account_id IS NULL", "belong to no account"),
    ("is_closed IS NULL AND is_won IS NULL", "are in a stage that says neither open nor won nor lost"),
    ("is_closed AND close_date IS NULL", "are won or lost without a close date"),
    (f"NOT {_NEAR}", "have a close date more than 50 years away"),
)


def known_columns(account_columns: Mapping[str, Kind]) -> dict[str, Kind]:
    """Every name that an expression may read, with its kind: facts, the account's core fields, mapped fields."""
    return {**{fact.name: fact.kind for fact in FACTS}, **STREAMS[Stream.ACCOUNTS].kinds, **account_columns}


def remembered(names: Collection[str]) -> tuple[str, ...]:
    """The facts among `names` that this program alone remembers: after the cache was deleted nobody knows them."""
    return tuple(name for name in names if name in _BY_NAME and _BY_NAME[name].is_remembered)


def unit_of(name: str) -> Unit:
    """The unit of a fact; of a mapped field only a date's is known."""
    return _BY_NAME[name].unit if name in _BY_NAME else ""


def words_of(name: str, *, one: bool = False) -> Words:
    """How a value of the fact is said, or a value of `one`; UNSAID where it is said by its name, or is no fact."""
    fact = _BY_NAME.get(name)
    return UNSAID if fact is None else (one and fact.words_of_one) or fact.words


def is_growth(name: str) -> bool:
    """Whether a value of the fact is a change, which is said with its sign."""
    return name in _BY_NAME and _BY_NAME[name].growth


def with_what_they_need(names: Collection[str]) -> frozenset[str]:
    """The facts among `names`, and those that they are computed from; always won_amount_12m, which breaks ties."""
    wanted = {"won_amount_12m"} | {name for name in names if name in _BY_NAME}
    for name in list(wanted):
        wanted.update(_BY_NAME[name].needs)
    return frozenset(wanted)


def facts_from(source: str, wanted: Collection[str]) -> tuple[Fact, ...]:
    """The wanted facts of one source, in the registry's order."""
    return tuple(fact for fact in FACTS if fact.source == source and fact.name in wanted)


def streams_of(facts: Collection[str]) -> frozenset[Stream]:
    """The optional streams that these facts are computed from."""
    streams = {SOURCES[_BY_NAME[name].source].stream for name in with_what_they_need(facts)}
    return frozenset(stream for stream in streams if stream is not None)


def windows(as_of: date) -> dict[str, str]:
    """The dates that the SQL refers to, as ISO text."""
    return {
        "as_of": as_of.isoformat(),
        "months_12": months_before(as_of, 12).isoformat(),
        "months_24": months_before(as_of, 24).isoformat(),
        "days_30": days_before(as_of, 30).isoformat(),
        "days_90": days_before(as_of, 90).isoformat(),
        "far_past": months_before(as_of, FAR_MONTHS).isoformat(),
        "far_future": months_before(as_of, -FAR_MONTHS).isoformat(),
    }

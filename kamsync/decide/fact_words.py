"""Facts as people say them, in the three languages: "USD 238K won in 12 months", "last meeting 91 days ago". Pure.

A fact without words of its own is said by its name. Money is rounded to what a person compares (USD 238K); numbers and dates look
as in the reader's country.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

from babel.dates import format_date

from kamsync import printable
from kamsync.decide.decision import Contribution, FactValue
from kamsync.decide.fact import Unit
from kamsync.decide.facts import is_growth, unit_of, words_of
from kamsync.decide.reader import Reader

_UNKNOWN = {"en": "unknown", "pt_BR": "desconhecido", "es": "desconocido"}
_UNITS = {
    "en": {"days": ("day", "days"), "months": ("month", "months")},
    "pt_BR": {"days": ("dia", "dias"), "months": ("mês", "meses")},
    "es": {"days": ("día", "días"), "months": ("mes", "meses")},
}
# In Portuguese and Spanish; in English a fact has its own words (decide.facts), and here are the account's own fields.
_ENGLISH_FIELDS: Mapping[str, str] = {"employees": "{} employees"}
_TRANSLATED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "won_amount_12m": ("{} ganhos em 12 meses", "{} ganados en 12 meses"),
        "won_amount_prev_12m": ("{} ganhos nos 12 meses anteriores", "{} ganados en los 12 meses anteriores"),
        "won_amount_total": ("{} ganhos ao todo", "{} ganados en total"),
        "won_count_total": ("{} ganhas ao todo", "{} ganadas en total"),
        "won_count_12m": ("{} ganhas em 12 meses", "{} ganadas en 12 meses"),
        "lost_count_12m": ("{} perdidas em 12 meses", "{} perdidas en 12 meses"),
        "win_rate_24m": ("{} ganhos do que foi decidido em 24 meses", "{} ganado de lo decidido en 24 meses"),
        "avg_won_amount_24m": ("{} em média", "{} de media"),
        "contract_value_12m": ("{} por ano em contrato", "{} al año bajo contrato"),
        "open_count": ("{} em aberto", "{} abiertas"),
        "open_pipeline": ("{} em aberto", "{} abiertos"),
        "weighted_pipeline": ("{} em aberto, pela probabilidade", "{} abiertos, por probabilidad"),
        "first_won_date": ("primeiro negócio ganho em {}", "primera ganada el {}"),
        "last_won_date": ("último negócio ganho em {}", "última ganada el {}"),
        "next_renewal_date": ("renovação em {}", "renovación el {}"),
        "product_families": ("{} famílias de produtos", "{} familias de productos"),
        "whitespace_count": ("{} famílias de produtos não compradas", "{} familias de productos no compradas"),
        "last_activity_date": ("última atividade em {}", "última actividad el {}"),
        "last_contact_date": ("último contato em {}", "último contacto el {}"),
        "activities_90d": ("{} atividades em 90 dias", "{} actividades en 90 días"),
        "meetings_90d": ("{} reuniões em 90 dias", "{} reuniones en 90 días"),
        "usual_gap_days": ("normalmente {} entre atividades", "normalmente {} entre actividades"),
        "children_count": ("{} subsidiárias", "{} filiales"),
        "family_won_amount_12m": ("{} ganhos em 12 meses pelo grupo", "{} ganados en 12 meses por el grupo"),
        "family_open_pipeline": ("{} em aberto no grupo", "{} abiertos en el grupo"),
        "new_territory_date": ("país ou setor novo desde {}", "país o sector nuevo desde {}"),
        "new_territory": ("novo em {}", "nuevo en {}"),
        "days_since_new_territory": ("país ou setor novo há {}", "país o sector nuevo desde hace {}"),
        "growth_12m": ("{} sobre o ano anterior", "{} sobre el año anterior"),
        "revenue_share_12m": ("{} de tudo o que foi ganho em 12 meses", "{} de todo lo ganado en 12 meses"),
        "customer_months": ("cliente há {}", "cliente desde hace {}"),
        "days_since_last_won": ("último negócio ganho há {}", "última ganada hace {}"),
        "days_since_last_activity": ("última atividade há {}", "última actividad hace {}"),
        "days_since_last_contact": ("último contato há {}", "último contacto hace {}"),
        "silence_ratio": ("em silêncio {} vezes o habitual", "en silencio {} veces lo habitual"),
        "days_to_renewal": ("renovação em {}", "renovación en {}"),
        "contacts_count": ("{} pessoas conhecidas", "{} personas conocidas"),
        "stakeholder_roles": ("{} papéis conhecidos", "{} funciones conocidas"),
        "last_stakeholder_activity_date": (
            "última atividade com patrocinador, decisor ou aliado interno em {}",
            "última actividad con patrocinador, decisor o aliado interno el {}",
        ),
        "days_since_last_stakeholder_activity": (
            "última atividade com patrocinador, decisor ou aliado interno há {}",
            "última actividad con patrocinador, decisor o aliado interno hace {}",
        ),
        "score_30d_ago": ("pontuação {} há 30 dias", "puntuación {} hace 30 días"),
        "score_90d_ago": ("pontuação {} há 90 dias", "puntuación {} hace 90 días"),
        "nps_previous": ("satisfação {} antes", "satisfacción {} antes"),
        "previous_owner_id": ("de {} antes", "de {}, antes"),
        "owned_since": ("o mesmo responsável desde {}", "el mismo propietario desde {}"),
        "champion_until": ("com aliado interno até {}", "con aliado interno hasta {}"),
        "days_since_owner_change": ("o mesmo responsável há {}", "el mismo propietario desde hace {}"),
        "days_since_champion_left": ("sem aliado interno há {}", "sin aliado interno desde hace {}"),
        "employees": ("{} funcionários", "{} empleados"),
    }
)
_PLACES = {"pt_BR": 0, "es": 1}
# Of exactly one, in English, Portuguese and Spanish; a fact that is not here reads the same of one as of many.
_OF_ONE: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "won_count_total": ("{} won in all", "{} ganha ao todo", "{} ganada en total"),
        "won_count_12m": ("{} won in 12 months", "{} ganha em 12 meses", "{} ganada en 12 meses"),
        "lost_count_12m": ("{} lost in 12 months", "{} perdida em 12 meses", "{} perdida en 12 meses"),
        "open_count": ("{} open", "{} em aberto", "{} abierta"),
        "product_families": ("{} product family", "{} família de produtos", "{} familia de productos"),
        "whitespace_count": (
            "{} product family not bought",
            "{} família de produtos não comprada",
            "{} familia de productos no comprada",
        ),
        "activities_90d": ("{} activity in 90 days", "{} atividade em 90 dias", "{} actividad en 90 días"),
        "meetings_90d": ("{} meeting in 90 days", "{} reunião em 90 dias", "{} reunión en 90 días"),
        "children_count": ("{} subsidiary", "{} subsidiária", "{} filial"),
        "silence_ratio": ("silent as long as usual", "em silêncio pelo tempo habitual", "en silencio el tiempo habitual"),
        "contacts_count": ("{} person known", "{} pessoa conhecida", "{} persona conocida"),
        "stakeholder_roles": ("{} role known", "{} papel conhecido", "{} función conocida"),
        "employees": ("{} employee", "{} funcionário", "{} empleado"),
    }
)
_OF_ONE_PLACES = {"en": 0, "pt_BR": 1, "es": 2}


def say_fact(name: str, value: FactValue, reader: Reader) -> str:
    """One fact with its words: "USD 238K won in 12 months"; "growth 12m unknown" where nothing is known."""
    if value is None:
        return f"{name.replace('_', ' ')} {_UNKNOWN[reader.words.name]}"
    said = say_value(value, unit_of(name), reader)
    if is_growth(name) and isinstance(value, int | float) and value > 0:
        said = f"+{said}"
    is_one = name in _OF_ONE and said == reader.number(1)
    words = _OF_ONE[name][_OF_ONE_PLACES[reader.words.name]] if is_one else _words(name, reader)
    return words.format(said) if words else f"{name.replace('_', ' ')} {said}"


def say_value(value: FactValue, unit: Unit, reader: Reader) -> str:
    """A value in its unit: amounts with currency, shares in per cent, days and months by name."""
    if value is None:
        return _UNKNOWN[reader.words.name]
    if isinstance(value, str):
        return _day(value, reader) if unit == "date" else _one_line(value)
    match unit:
        case "money":
            return reader.compact_money(value)
        case "percent":
            return reader.percent(value)
        case "days" | "months":
            one, many = _UNITS[reader.words.name][unit]
            return f"{reader.number(round(value))} {one if round(value) == 1 else many}"
        case _:
            return reader.short_number(value)


def say_contribution(contribution: Contribution, reader: Reader) -> str:
    """What a criterion saw of the account, with the values: its one fact in words, its value in its unit, or the facts it read.

    The label alone where the value is only yes or no. "" where nothing was known.
    """
    c, label = contribution, _one_line(contribution.label or contribution.criterion)
    if not c.known or c.value is None:
        return ""
    same = [name for name, value in c.facts.items() if value == c.value and _words(name, reader)]
    if same:
        return say_fact(same[0], c.value, reader)
    if c.unit:
        return f"{label} {say_value(c.value, c.unit, reader)}"
    counted = [name for name, value in c.facts.items() if _words(name, reader) and isinstance(value, int | float) and value]
    if counted:
        return reader.words.list_separator.join(say_fact(name, c.facts[name], reader) for name in counted[:2])
    days = [
        str(value) for name, value in c.facts.items() if value is not None and "date" in (unit_of(name), name.rpartition("_")[2])
    ]
    if days:
        return f"{label} ({_day(days[0], reader)})"
    if c.value in (0, 1) or not c.facts:
        return label
    return f"{label} {say_value(c.value, '', reader)}"


def _one_line(text: str) -> str:
    return " ".join(printable.one_line(text).split())


def _words(name: str, reader: Reader) -> str:
    if reader.words.name in _PLACES and name in _TRANSLATED:
        return _TRANSLATED[name][_PLACES[reader.words.name]]
    return words_of(name) or _ENGLISH_FIELDS.get(name, "")


def _day(text: str, reader: Reader) -> str:
    try:
        return format_date(date.fromisoformat(text[:10]), "medium", locale=reader.locale)  # its month by name
    except ValueError:
        return _one_line(text)

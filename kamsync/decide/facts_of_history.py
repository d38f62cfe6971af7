"""Facts that this program remembers: what the key figures of an account were before (DECISIONS.md §2).

Unknown after the cache was deleted, and never zero then. Playbooks, texts and pages may read them; what decides a tier may not.
"""

from __future__ import annotations

from kamsync.decide.fact import Fact, Source, Unit, Words, days_since
from kamsync.decide.kpis import KPIS
from kamsync.model import Kind

_DAY = "date(day + 1721424.5)"  # days are kept as Python's ordinals


def _at(kpi: str, until: str) -> str:
    """The figure as it was on a day: what was kept last up to it."""
    return _last(kpi, "value", f"h.day <= julianday({until}) - 1721424.5")


def _last(kpi: str, what: str, where: str) -> str:
    return (
        f"(SELECT {what} FROM kpi_history h WHERE h.account = n.number AND h.kpi = {KPIS[kpi].number} AND {where}"
        " ORDER BY h.day DESC LIMIT 1)"
    )


def _before(kpi: str, field: str) -> str:
    """The last known value that is not the present one."""
    return _last(kpi, "value", f"h.value IS NOT NULL AND h.value <> {field}")


# Since when the owner is the present one: the day after which no other was kept; today where another still stands there.
_OWNED_SINCE = f"CASE WHEN n.owner = {{owner_id}} THEN {_last('owner', _DAY, 'h.value = {owner_id}')} ELSE :as_of END"
# A champion was known until the day on which none was kept for the first time since; until today where one is still kept.
_CHAMPION_UNTIL = (
    "CASE WHEN n.champion THEN :as_of"
    f" WHEN {_last('champion', 'h.value', 'h.value')} THEN {_last('champion', _DAY, 'NOT h.value')} END"
)

HISTORY_SOURCES = (
    Source(
        "history",
        "(SELECT {account} AS account_id, a.id AS own_id,"
        f" {_at('score', ':days_30')} AS score_30, {_at('score', ':days_90')} AS score_90,"
        f" {_before('satisfaction', '{nps}')} AS nps_before, {_before('owner', '{owner_id}')} AS owner_before,"
        f" {_OWNED_SINCE} AS owned_since, {_CHAMPION_UNTIL} AS champion_until"
        " FROM (SELECT *, id AS account_id FROM accounts) a "
        " JOIN (SELECT number, account_id AS kept_id, owner, champion FROM kpi_now) n ON n.kept_id = a.id)"
        " WHERE account_id = own_id",
    ),
)


def _fact(name: str, kind: Kind, definition: str, sql: str, words: Words, unit: Unit = "") -> Fact:
    said = f"{definition}; unknown before this program knew the account"
    return Fact(name, kind, said, "history", sql, replayable=False, unit=unit, words=words, is_remembered=True)


HISTORY_FACTS = (
    _fact(
        "score_30d_ago",
        "number",
        "The score 30 days ago",
        "max(score_30)",
        ("score {} 30 days ago", "pontuação {} há 30 dias", "puntuación {} hace 30 días"),
    ),
    _fact(
        "score_90d_ago",
        "number",
        "The score 90 days ago",
        "max(score_90)",
        ("score {} 90 days ago", "pontuação {} há 90 dias", "puntuación {} hace 90 días"),
    ),
    _fact(
        "nps_previous",
        "number",
        "The satisfaction before the present one",
        "max(nps_before)",
        ("satisfaction {} before", "satisfação {} antes", "satisfacción {} antes"),
    ),
    _fact(
        "previous_owner_id",
        "text",
        "The owner before the present one",
        "max(owner_before)",
        ("owned by {} before", "de {} antes", "de {}, antes"),
    ),
    _fact(
        "owned_since",
        "date",
        "The day on which the present owner was first seen to own the account after another",
        "max(CASE WHEN owner_before IS NOT NULL THEN owned_since END)",
        ("the same owner since {}", "o mesmo responsável desde {}", "el mismo propietario desde {}"),
        "date",
    ),
    _fact(
        "champion_until",
        "date",
        "The day on which the last champion was first seen to be gone, today while there is one",
        "max(champion_until)",
        ("a champion until {}", "com aliado interno até {}", "con aliado interno hasta {}"),
        "date",
    ),
    Fact(
        "days_since_owner_change",
        "number",
        "Days since the account has its present owner; unknown where no other is remembered",
        "derived",
        days_since("owned_since"),
        replayable=False,
        unit="days",
        needs=("owned_since",),
        words=("the same owner for {}", "o mesmo responsável há {}", "el mismo propietario desde hace {}"),
        is_remembered=True,
    ),
    Fact(
        "days_since_champion_left",
        "number",
        "Days since the account lost its last champion; unknown while it has one, and where none is remembered",
        "derived",
        f"CASE WHEN has_champion = 0 THEN {days_since('champion_until')} END",
        replayable=False,
        unit="days",
        needs=("has_champion", "champion_until"),
        words=("without a champion for {}", "sem aliado interno há {}", "sin aliado interno desde hace {}"),
        is_remembered=True,
    ),
)

"""Facts of the people whom the CRM ties to an account (DECISIONS.md §2): how many, in which roles, when last spoken with.

A role counts while its contact is there and active. An org that shows no contact, or notes no role of anybody, says nothing of
who is missing: unknown, and never "no sponsor" for every account.
"""

from __future__ import annotations

from kamsync.decide.fact import Fact, Source, days_since
from kamsync.model import STAKEHOLDER_ROLES, Stream

_ACTIVE = "coalesce({0}is_active, 1) AND ({0}left_date IS NULL OR {0}left_date > :as_of)"
# Each tie of somebody who is there, to an account that the person has not left.
_TIES = (
    "(SELECT {account} AS account_id, c.contact_id AS contact_id, c.roles AS roles, p.spoken AS spoken"
    " FROM contacts c JOIN temp.present p USING (contact_id)"
    f" WHERE c.account_id IS NOT NULL AND {_ACTIVE.format('c.')}"
    " AND NOT EXISTS (SELECT 1 FROM temp.parted g WHERE g.contact_id = c.contact_id AND g.account_id = c.account_id))"
)
_KNOWN = "CASE WHEN EXISTS (SELECT 1 FROM temp.present) THEN {value} END"
_NOTED = "CASE WHEN EXISTS (SELECT 1 FROM contacts WHERE roles IS NOT NULL) THEN {value} END"

PEOPLE_SOURCES = (
    Source(
        "person",
        _TIES,
        (
            "CREATE TEMP TABLE present AS SELECT contact_id, max(last_activity_date) AS spoken FROM contacts"
            f" WHERE tie = 'contact' AND contact_id IS NOT NULL AND {_ACTIVE.format('')} GROUP BY contact_id",
            "CREATE UNIQUE INDEX temp.present_id ON present (contact_id)",
            "CREATE TEMP TABLE parted AS SELECT DISTINCT contact_id, account_id FROM contacts"
            f" WHERE tie = 'relation' AND NOT ({_ACTIVE.format('')})",
            "CREATE UNIQUE INDEX temp.parted_id ON parted (contact_id, account_id)",
        ),
        Stream.CONTACTS,
    ),
)


def _plays(role: str) -> str:
    return f"instr(';' || roles || ';', ';{role};') > 0"


def _has(role: str, said: str) -> Fact:
    return Fact(
        f"has_{role}",
        "boolean",
        f"Whether an active contact is noted as {said}; unknown where the org notes no role of anybody",
        "person",
        f"coalesce(max({_plays(role)}), 0)",
        "0",
        replayable=False,
        final=_NOTED,
    )


_KEY_ROLES = " OR ".join(_plays(role) for role in STAKEHOLDER_ROLES)

PEOPLE_FACTS = (
    Fact(
        "contacts_count",
        "number",
        "People whom the CRM ties to the account and who have not left; unknown where the org shows no contact",
        "person",
        "count(DISTINCT contact_id)",
        "0",
        replayable=False,
        unit="count",
        final=_KNOWN,
        words=("{} people known", "{} pessoas conhecidas", "{} personas conocidas"),
        words_of_one=("{} person known", "{} pessoa conhecida", "{} persona conocida"),
    ),
    _has("sponsor", "executive sponsor"),
    _has("decision_maker", "decision maker"),
    _has("champion", "champion"),
    Fact(
        "stakeholder_roles",
        "number",
        "Distinct roles that active contacts are noted in; unknown where the org notes no role of anybody",
        "person",
        "count_roles(roles)",
        "0",
        replayable=False,
        unit="count",
        final=_NOTED,
        words=("{} roles known", "{} papéis conhecidos", "{} funciones conocidas"),
        words_of_one=("{} role known", "{} papel conhecido", "{} función conocida"),
    ),
    Fact(
        "last_stakeholder_activity_date",
        "date",
        "Greatest date of an activity with a sponsor, decision maker or champion, as the CRM says it of the contact",
        "person",
        f"max(CASE WHEN spoken <= :as_of AND ({_KEY_ROLES}) THEN spoken END)",
        replayable=False,
        unit="date",
        words=(
            "last activity with a sponsor, decision maker or champion on {}",
            "última atividade com patrocinador, decisor ou aliado interno em {}",
            "última actividad con patrocinador, decisor o aliado interno el {}",
        ),
    ),
    Fact(
        "days_since_last_stakeholder_activity",
        "number",
        "Days since the last activity with a sponsor, decision maker or champion",
        "derived",
        days_since("last_stakeholder_activity_date"),
        replayable=False,
        unit="days",
        needs=("last_stakeholder_activity_date",),
        words=(
            "last activity with a sponsor, decision maker or champion {} ago",
            "última atividade com patrocinador, decisor ou aliado interno há {}",
            "última actividad con patrocinador, decisor o aliado interno hace {}",
        ),
    ),
)

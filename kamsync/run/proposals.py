"""What an org itself says of how to configure a programme for it: currency, time zone, language, the fields worth mapping."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from babel.core import get_global

from kamsync.contract import AccountField, Connection, ListsAccountFields, PullRequest
from kamsync.glossary import LANGUAGES
from kamsync.model import Column, CrmMapping, Kind, Stream
from kamsync.model.exchange import Identity
from kamsync.store.coercion import TRUE_WORDS

# Account fields that the shipped criteria and playbooks understand and no default mapping can know, by how orgs name them.
_WORTH_MAPPING: Mapping[str, tuple[Kind, re.Pattern[str]]] = {
    "nps": ("number", re.compile(r"\bnps\b|net promoter|satisfaction|\bcsat\b|satisfa[cç]", re.IGNORECASE)),
    "next_renewal_date": ("date", re.compile(r"renew|renova|contract end|fim do contrato|fin de contrato", re.IGNORECASE)),
    "authority_evidence_date": ("date", re.compile(r"reference|case study|refer[eê]ncia|referencia", re.IGNORECASE)),
    "strategic_market": ("boolean", re.compile(r"strategic|estrat[eé]gic", re.IGNORECASE)),
}

_RENEWALS = re.compile(r"renew|renova", re.IGNORECASE)
MOST_OPPORTUNITIES = 20_000


@dataclass(frozen=True, slots=True)
class OrgProposals:
    """Answers that the org gives by itself; "" where it says nothing."""

    timezone: str
    currency: str
    language: str
    country: str


@dataclass(frozen=True, slots=True)
class FieldProposal:
    """A field of the CRM that could stand for `name`: how many of the accounts hold a value (0…1), and one of the values."""

    name: str
    field: AccountField
    filled: float
    example: str


def propose_from_org(identity: Identity) -> OrgProposals:
    """From what the CRM says of itself; the country of the time zone, which people set before that of the locale."""
    language, _, country = identity.locale.partition("_")
    known = next((one for one in LANGUAGES if one.partition("_")[0] == language), "")
    zones: Mapping[str, str] = get_global("zone_territories")
    return OrgProposals(identity.timezone, identity.base_currency, known, zones.get(identity.timezone, "") or country)


def fetch_field_proposals(connection: Connection, mapping: CrmMapping) -> tuple[FieldProposal, ...]:
    """The best filled candidate for each name worth mapping; reads these fields of every account, and nothing else."""
    if not isinstance(connection, ListsAccountFields):
        return ()
    candidates = _candidates(connection.fetch_account_fields(), {column.field for column in mapping.of(Stream.ACCOUNTS)})
    if not candidates:
        return ()
    columns = tuple(Column(f"c{i}", field.kind, field.name) for i, (_, field) in enumerate(candidates))
    request = PullRequest(Stream.ACCOUNTS, (Column("id"), *columns))
    values: list[list[str]] = [[] for _ in candidates]
    read = 0
    for page in connection.pull([request]):
        for row in page.rows:
            read += 1
            for kept, column, value in zip(values, columns, row[1:], strict=True):
                if value not in (None, ""):
                    kept.append(_shown(value, column.kind))
    return _best(candidates, values, read)


def fetch_opportunity_types(connection: Connection, mapping: CrmMapping) -> Mapping[str, int]:
    """How many opportunities are of each type, the commonest first; of some `MOST_OPPORTUNITIES`, where there are more."""
    column = next((one for one in mapping.of(Stream.OPPORTUNITIES) if one.name == "type" and one.field), None)
    if column is None:
        return {}
    found: Counter[str] = Counter()
    read = 0
    for page in connection.pull([PullRequest(Stream.OPPORTUNITIES, (Column("id"), column))]):
        for row in page.rows:
            read += 1
            found.update([str(row[1]).strip()] if row[1] and str(row[1]).strip() else [])
        if read >= MOST_OPPORTUNITIES:
            break
    return dict(found.most_common())


def _shown(value: object, kind: Kind) -> str:
    """As people write it: "yes", "5", "2027-06-23"."""
    if kind == "boolean":
        return "yes" if str(value).casefold() in TRUE_WORDS else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def are_renewals(types: Iterable[str]) -> tuple[str, ...]:
    """Those that say so."""
    return tuple(one for one in types if _RENEWALS.search(one))


def _candidates(fields: Iterable[AccountField], mapped: set[str]) -> list[tuple[str, AccountField]]:
    found = []
    for field in fields:
        for name, (kind, words) in _WORTH_MAPPING.items():
            said = f"{field.label} {field.name.replace('_', ' ')}"
            if field.name not in mapped and _is(field.kind, kind) and words.search(said):
                found.append((name, field))
    return found


def _is(kind: Kind, wanted: Kind) -> bool:
    return kind == wanted or (wanted, kind) == ("date", "instant")


def _best(
    candidates: Sequence[tuple[str, AccountField]], values: Sequence[Sequence[str]], read: int
) -> tuple[FieldProposal, ...]:
    """A field that nobody fills says nothing of anybody, and is not proposed."""
    best: dict[str, FieldProposal] = {}
    for (name, field), kept in zip(candidates, values, strict=True):
        if kept and (name not in best or len(kept) / read > best[name].filled):
            best[name] = FieldProposal(name, field, len(kept) / read, kept[0])
    return tuple(best.values())

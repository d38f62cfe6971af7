"""A cache filled straight from a company of one shape, without a CRM between, and its programme under a shipped preset."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Protocol, Self

from kamsync.config import load_config
from kamsync.config.example import render_example
from kamsync.config.shipped import read_shipped
from kamsync.decide.program import Program
from kamsync.model import Kind
from kamsync.sandbox.company_records import Account, Activity, LineItem, Opportunity, Product
from kamsync.sandbox.shapes import Truth
from kamsync.store.database import Cache, open_cache

OWN_FIELDS: dict[str, Kind] = {"nps": "number", "authority_evidence_date": "date", "strategic_market": "boolean"}
CONTRACT_FIELDS = ("contract_start", "contract_months")  # a connector maps them where the org has contracts
STAGES = {"won": (1, 1), "lost": (1, 0)}
TYPES = {"new": "New Business", "expansion": "Existing Business", "renewal": "Renewal"}


class Company(Protocol):
    """What a cache is filled from, as things stand on the company's day, and its truth."""

    home_currency: str

    @property
    def truth(self) -> Truth:
        """What no CRM shows."""
        ...

    def at(self, day: date) -> Self:
        """The same company on another day."""
        ...

    def accounts_on(self, day: date) -> Iterator[Account]:
        """Every account as its record stood on the day."""
        ...

    def accounts(self) -> Iterator[Account]:
        """Every account."""
        ...

    def products(self) -> Iterator[Product]:
        """All that can stand in a line item."""
        ...

    def opportunities(self) -> Iterator[Opportunity]:
        """Open and settled ones."""
        ...

    def line_items(self) -> Iterator[LineItem]:
        """Those of all opportunities."""
        ...

    def activities(self) -> Iterator[Activity]:
        """What was logged."""
        ...


def account_id(key: int) -> str:
    return f"001{key:012d}"


def key_of(account: str) -> int:
    return int(account[3:])


def programme(folder: Path, preset: str, *, has_contracts: bool = False) -> Program:
    """The example's configuration with the preset, every field of the account that a preset can read being mapped.

    `has_contracts`: contracts too.
    """
    mapping = read_shipped("salesforce")
    if mapping is None:
        raise FileNotFoundError("mappings/salesforce.toml")
    for name in (*OWN_FIELDS, *(CONTRACT_FIELDS if has_contracts else ())):
        mapping = mapping.replace(f"# {name} = ", f"{name} = ")
    (folder / "own.toml").write_text(mapping, encoding="utf-8")
    example = render_example().replace('criteria = "balanced"', f'criteria = "{preset}"')
    example = example.replace('mapping = "salesforce"', 'mapping = "own.toml"').replace("= { env =", '= { env = "PATH" } # =')
    config = folder / f"{preset}.toml"
    config.write_text(example, encoding="utf-8")
    return load_config(config).program


def fill(path: Path, company: Company) -> None:
    """Everything that the company's CRM shows on its day, as a full pull would bring it."""
    families = {product.key: product.family for product in company.products()}
    with open_cache(path) as cache:
        cache.add_account_columns(OWN_FIELDS)
        with cache.transaction() as db:
            db.executemany(
                "INSERT INTO accounts (id, name, owner_id, parent_id, type, industry, country, employees, created_date, nps,"
                " authority_evidence_date, strategic_market, _pull) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1)",
                (_account_row(account) for account in company.accounts()),
            )
            _insert_opportunities(cache, company)
            db.executemany(
                "INSERT INTO line_items (id, opportunity_id, product_family, _pull) VALUES (?, ?, ?, 1)",
                ((f"00k{i.key:012d}", f"006{i.opportunity:012d}", families[i.product]) for i in company.line_items()),
            )
            db.executemany(
                "INSERT INTO activities (id, account_id, kind, activity_date, _pull) VALUES (?, ?, ?, ?, 1)",
                ((f"00T{a.key:012d}", account_id(a.account), _kind(a), a.start.date().isoformat()) for a in company.activities()),
            )
            db.execute("INSERT OR REPLACE INTO meta VALUES ('base_currency', ?)", (company.home_currency,))


def turn_back(path: Path, company: Company, day: date) -> None:
    """The accounts' own fields as they stood on the day: the only thing that a cache cannot replay."""
    with open_cache(path) as cache, cache.transaction() as db:
        db.executemany(
            "UPDATE accounts SET type = ?, nps = ?, authority_evidence_date = ? WHERE id = ?",
            ((a.type, a.nps, _iso(a.authority_evidence_date), account_id(a.key)) for a in company.accounts_on(day)),
        )


def _account_row(account: Account) -> tuple[object, ...]:
    return (
        account_id(account.key), account.name, f"005{account.owner:012d}",
        None if account.parent is None else account_id(account.parent),
        account.type, account.industry, account.country, account.employees, account.created.date().isoformat(), account.nps,
        _iso(account.authority_evidence_date), int(account.strategic_market),
    )  # fmt: skip


def _insert_opportunities(cache: Cache, company: Company) -> None:
    """With their contracts, where this version of the cache keeps them."""
    present = {row[1] for row in cache.connection.execute("PRAGMA table_info(opportunities)")}
    contract = [name for name in CONTRACT_FIELDS if name in present]
    names = ["id", "account_id", "name", "amount", "currency", "close_date", "stage", "is_closed", "is_won", "probability",
             "type", "owner_id", "created_date", *contract]  # fmt: skip
    cache.connection.executemany(
        f"INSERT INTO opportunities ({', '.join(names)}, _pull) VALUES ({', '.join('?' * len(names))}, 1)",
        _opportunity_rows(company, contract),
    )


def _opportunity_rows(company: Company, contract: Iterable[str]) -> Iterator[tuple[object, ...]]:
    for deal in company.opportunities():
        is_closed, is_won = STAGES.get(deal.stage, (0, 0))
        own = {"contract_start": _iso(deal.contract_start), "contract_months": deal.contract_months}
        account = None if deal.account is None else account_id(deal.account)
        amount = None if deal.amount is None else float(deal.amount)
        yield (
            f"006{deal.key:012d}", account, deal.name, amount, deal.currency, deal.close_date.isoformat(), deal.stage,
            is_closed, is_won, deal.probability, TYPES[deal.type], f"005{deal.owner:012d}", deal.created.date().isoformat(),
            *(own[name] for name in contract),
        )  # fmt: skip


def _kind(activity: Activity) -> str:
    """As a connector tells it where the CRM knows which way an e-mail went."""
    return "incoming_email" if activity.kind == "email" and activity.incoming else activity.kind


def _iso(day: date | None) -> str | None:
    return None if day is None else day.isoformat()

"""The facts of every account as one temporary table, computed by SQL over the cache: each of its tables is read once.

What the SQL of a fact is stands in `decide.facts`; here it is run. Amounts are converted while they are summed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache

from kamsync.decide.calendar import country_code
from kamsync.decide.compiled import CompiledProgram
from kamsync.decide.fact import Fact, Source
from kamsync.decide.facts import (
    CONTRACT_COLUMNS,
    CORE_ACCOUNT_NAMES,
    COUNT_FOR_NOBODY,
    FACTS,
    SEPARATOR,
    SOURCES,
    facts_from,
    windows,
)
from kamsync.decide.hierarchy import Whereabouts, break_cycles, leads_of, new_territories, roll_up
from kamsync.decide.money import Rates
from kamsync.decide.months import term_months, usual_gap, whole_months
from kamsync.errors import ConfigError
from kamsync.model import Stream
from kamsync.numerals import counted
from kamsync.store.schema import Meta

_NULL = "NULL"


def make_facts(db: sqlite3.Connection, compiled: CompiledProgram, as_of: date) -> tuple[str, ...]:
    """Fills temp.facts, one row an account, with the facts that the programme reads and every field that was loaded.

    Returns sentences on bad data. What the programme reads and nobody pulled is null, and said. Raises ConfigError on an amount
    in a currency without a rate, unless the programme ignores them.
    """
    return _Facts(db, compiled, as_of).make()


class _Facts:
    """One making of the table."""

    def __init__(self, db: sqlite3.Connection, compiled: CompiledProgram, as_of: date) -> None:
        self._db, self._compiled, self._program, self._wanted = db, compiled, compiled.program, compiled.facts
        renewals = "".join(f"{SEPARATOR}{kind}" for kind in self._program.renewal_types) + SEPARATOR
        self._params: dict[str, str | float | None] = {**windows(as_of), "renewal_types": renewals}
        mapped = self._program.opportunity_columns
        self._params["has_contracts"] = not mapped.isdisjoint(("contract_months", "contract_end"))
        # The cache may still hold what a column held while it was mapped.
        self._contract = ", ".join(f"{name if name in mapped else _NULL} AS {name}" for name in CONTRACT_COLUMNS)
        self._account_columns = {row[1] for row in db.execute("PRAGMA table_info(accounts)")}
        self._meta = dict(db.execute("SELECT name, value FROM meta"))
        self._pulled = {row[0] for row in db.execute("SELECT stream FROM cursors")}

    def make(self) -> tuple[str, ...]:
        self._rates = Rates(
            self._db.execute("SELECT currency, nullif(valid_from, ''), rate FROM rates").fetchall(),
            self._meta.get(Meta.BASE_CURRENCY) or "",
            self._program.currency,
        )
        self._db.create_function("money_factor", 2, lru_cache(maxsize=4096)(self._rates.factor), deterministic=True)
        self._db.create_function("whole_months", 2, lru_cache(maxsize=4096)(_whole_months), deterministic=True)
        self._db.create_function("term_months", 2, lru_cache(maxsize=4096)(_term_months), deterministic=True)
        self._db.create_function("usual_gap", 1, _usual_gap, deterministic=True)
        self._db.create_aggregate("count_roles", 1, _Roles)
        self._account = self._who_is_decided()
        self._prepare_money()
        problems = [*self._check_currencies(), *self._count_for_nobody(), *self._not_pulled()]
        self._join(problems)
        return tuple(problems)

    def _who_is_decided(self) -> str:
        """SQL for the account that a row counts for. Where the group is the unit, temp.leads names each member's lead."""
        if self._program.unit != "group":
            return "account_id"
        rows = self._db.execute("SELECT id, parent_id FROM accounts ORDER BY id").fetchall()
        leads = leads_of({child: parent for child, parent in rows if parent is not None}, {account for account, _ in rows})
        self._db.execute("CREATE TEMP TABLE leads (id TEXT PRIMARY KEY, lead TEXT) WITHOUT ROWID")
        self._db.executemany("INSERT INTO temp.leads VALUES (?, ?)", leads.items())
        return "coalesce((SELECT lead FROM temp.leads WHERE leads.id = account_id), account_id)"

    def _prepare_money(self) -> None:
        """SQL for an amount's factor: constants where a currency has one rate, the function only where the day decides."""
        currencies = [row[0] for row in self._db.execute("SELECT DISTINCT currency FROM opportunities ORDER BY 1")]
        constants = {currency: self._rates.constant(currency) for currency in currencies}
        self._same_currency = all(factor == 1.0 for factor in constants.values())
        whens = []
        for number, (currency, factor) in enumerate(constants.items()):
            if factor is not None:
                self._params |= {f"currency_{number}": currency, f"factor_{number}": factor}
                whens.append(f"WHEN currency IS :currency_{number} THEN :factor_{number}")
        by_day = "money_factor(currency, close_date)"
        self._all_constant = len(whens) == len(constants)
        self._factor = f"CASE {' '.join(whens)} ELSE {by_day} END" if whens else by_day

    def _check_currencies(self) -> list[str]:
        """Amounts that no known rate converts: an error of the run, or reported where the programme ignores them."""
        if self._all_constant:
            return []
        rows = self._db.execute(
            f"SELECT currency, sum(({self._factor}) IS NULL) AS unknown FROM opportunities WHERE amount IS NOT NULL"
            " GROUP BY currency HAVING unknown > 0",
            self._params,
        ).fetchall()
        if not rows:
            return []
        base = self._rates.base or "no currency"
        listed = ", ".join(
            f"{(currency or base)[:20]} ({counted(count, 'opportunity', 'opportunities')})" for currency, count in rows
        )
        if self._program.unknown_currency == "error":
            raise ConfigError(
                f"There is no exchange rate from {listed} to {self._rates.target or 'the programme currency'}.",
                fix='Add the currency in the CRM, or set [program] unknown_currency = "ignore" to count such amounts as 0.',
            )
        return [f"No exchange rate is known from {listed}: these amounts count as 0."]

    def _count_for_nobody(self) -> list[str]:
        """Opportunities that no account's facts see, each under its first reason, with their number and the least id."""
        whens = " ".join(f"WHEN {condition} THEN {place}" for place, (condition, _) in enumerate(COUNT_FOR_NOBODY))
        rows = self._db.execute(
            f"SELECT reason, count(*), min(id) FROM (SELECT CASE {whens} END AS reason, id FROM opportunities)"
            " WHERE reason IS NOT NULL GROUP BY reason ORDER BY reason",
            self._params,
        ).fetchall()
        said = [(count, COUNT_FOR_NOBODY[reason][1], first) for reason, count, first in rows]
        return [f"Opportunities that {what} count for nobody: {count:,} (the first: {first})." for count, what, first in said]

    def _not_pulled(self) -> list[str]:
        """What the programme reads and the last pull did not bring: it is unknown, and never zero."""
        missing = sorted(self._compiled.account_fields & self._fields_not_loaded())
        problems = [f"{', '.join(missing)}: not pulled yet, and so unknown. `kamsync pull` brings them."] if missing else []
        for stream in sorted(self._compiled.streams):
            if not self._is_pulled(stream):
                facts = sorted(fact.name for fact in FACTS if SOURCES[fact.source].stream is stream and fact.name in self._wanted)
                problems.append(f"{', '.join(facts)}: {stream} were not pulled yet, and so unknown. `kamsync pull` brings them.")
        return problems

    def _fields_not_loaded(self) -> set[str]:
        """Account fields of which the cache has no values, because the last pull did not ask for them."""
        loaded = self._meta.get(Meta.LOADED_ACCOUNT_FIELDS)
        known = {*CORE_ACCOUNT_NAMES, *self._program.account_columns}
        return known - (set(loaded.split(",")) if loaded else self._account_columns)

    def _is_pulled(self, stream: Stream | None) -> bool:
        """A cache that no pull has filled holds what it holds."""
        return stream is None or not self._pulled or stream in self._pulled

    def _join(self, problems: list[str]) -> None:
        columns, tables = [], []
        for source in SOURCES.values():
            facts = facts_from(source.name, self._wanted)
            if source.name == "derived" or (not facts and source.name != "opportunity"):
                continue
            if not self._is_pulled(source.stream):
                columns += [f"NULL AS {fact.name}" for fact in facts]
                continue
            self._fill(source, facts, problems)
            columns += [self._shown(source, fact) for fact in facts]
            tables.append(f"LEFT JOIN temp.{source.table} ON {source.table}.account_id = a.id")
        selected = ", ".join([*self._own_fields(), *columns])
        derived = "".join(f", {fact.sql} AS {fact.name}" for fact in facts_from("derived", self._wanted))
        self._db.execute(
            f"CREATE TEMP TABLE facts AS SELECT *{derived} FROM"
            f" (SELECT {selected} FROM accounts a {' '.join(tables)} ORDER BY a.id)",
            self._params,
        )
        self._db.execute("CREATE UNIQUE INDEX temp.facts_id ON facts (id)")

    def _own_fields(self) -> list[str]:
        """Every field of the account that was loaded; null for one that is read and was not. A computed fact's field is in it."""
        computed = {fact.name for fact in FACTS if fact.mapped_first}
        mapped = [name for name in dict.fromkeys((*CORE_ACCOUNT_NAMES, *self._program.account_columns)) if name not in computed]
        missing, needed = self._fields_not_loaded(), self._compiled.account_fields
        return [
            f"{_NULL if name in missing else 'a.' + _quoted(name)} AS {_quoted(name)}"
            for name in mapped
            if name not in missing or name in needed
        ]

    def _shown(self, source: Source, fact: Fact) -> str:
        column = fact.sql if source.name == "hierarchy" else fact.name
        value = f"{source.table}.{column}"
        value = fact.final.format(value=f"coalesce({value}, {fact.none})" if fact.none != "null" else value)
        if fact.mapped_first and fact.name in self._program.account_columns and fact.name in self._account_columns:
            value = f"coalesce(a.{_quoted(fact.name)}, {value})"
        return f"{value} AS {fact.name}"

    def _fill(self, source: Source, facts: Sequence[Fact], problems: list[str]) -> None:
        """The source's own table: one row for each account of which it has any."""
        if source.name == "hierarchy":
            self._fill_families(problems)
            return
        for statement in source.prepare:
            self._db.execute(statement.replace("{account}", self._account), self._params if ":" in statement else {})
        amount = "coalesce(amount, 0)" if self._same_currency else f"coalesce(amount * {self._factor}, 0)"
        columns = "".join(f", {fact.sql} AS {fact.name}" for fact in facts)
        rows = source.rows.replace("{amount}", amount).replace("{contract}", self._contract)
        rows = rows.replace("{account}", self._account)
        for name in ("nps", "owner_id"):  # as they are now, for what was before
            rows = rows.replace(f"{{{name}}}", f"a.{_quoted(name)}" if name in self._account_columns else _NULL)
        self._db.execute(
            f"CREATE TEMP TABLE {source.table} AS SELECT account_id{columns} FROM {rows} GROUP BY account_id", self._params
        )
        self._db.execute(f"CREATE UNIQUE INDEX temp.{source.table}_id ON {source.table} (account_id)")

    def _fill_families(self, problems: list[str]) -> None:
        parents = dict(self._db.execute("SELECT id, parent_id FROM accounts WHERE parent_id IS NOT NULL ORDER BY id").fetchall())
        links, broken = break_cycles(parents)
        problems += [f"Account {account} is its own ancestor; its parent link is ignored in family sums." for account in broken]
        pipeline = "open_pipeline" if "open_pipeline" in self._wanted else "0"
        own = dict.fromkeys((*parents, *parents.values()), (0.0, 0.0))
        for account, won, amount in self._db.execute(f"SELECT account_id, won_amount_12m, {pipeline} FROM temp.by_opportunity"):
            if account in own:
                own[account] = (won, amount)
        totals = roll_up(links, own)
        children: dict[str, int] = {}
        for parent in parents.values():
            children[parent] = children.get(parent, 0) + 1
        asked = not self._wanted.isdisjoint(("new_territory_date", "new_territory"))
        territories = new_territories(links, self._places(own)) if asked else {}
        columns = "account_id PRIMARY KEY, children, won, pipeline, territory_date, territory"
        self._db.execute(f"CREATE TEMP TABLE by_hierarchy ({columns})")
        self._db.executemany(
            "INSERT INTO temp.by_hierarchy VALUES (?, ?, ?, ?, ?, ?)",
            [
                (account, children.get(account, 0), won, amount, *territories.get(account, (None, None)))
                for account, (won, amount) in totals.items()
            ],
        )

    def _places(self, members: Collection[str]) -> dict[str, Whereabouts]:
        """Where the members of groups are; what was not loaded is not known."""
        missing = self._fields_not_loaded() | (set(CORE_ACCOUNT_NAMES) - self._account_columns)
        names = ("created_date", "country", "industry")
        columns = ", ".join("''" if name in missing else f"coalesce({_quoted(name)}, '')" for name in names)
        key_of = lru_cache(maxsize=4096)(_country_key)
        rows = self._db.execute(f"SELECT id, {columns} FROM accounts ORDER BY id")
        return {
            account: Whereabouts(created[:10], country, key_of(country), industry)
            for account, created, country, industry in rows
            if account in members
        }


class _Roles:
    """SQL's count_roles(roles): how many distinct ones there are in several texts."""

    def __init__(self) -> None:
        self._found: set[str] = set()

    def step(self, roles: str | int | float | bytes | None) -> None:
        if roles:
            self._found.update(str(roles).split(";"))

    def finalize(self) -> int:
        return len(self._found)


def _quoted(name: str) -> str:
    return f'"{name}"'


def _country_key(named: str) -> str:
    return country_code(named) or " ".join(named.split()).casefold()


def _whole_months(first: str | None, until: str) -> int | None:
    return None if first is None else whole_months(date.fromisoformat(first), date.fromisoformat(until))


def _term_months(first: str | None, last: str | None) -> int | None:
    return None if first is None or last is None else term_months(date.fromisoformat(first), date.fromisoformat(last))


def _usual_gap(joined: str | None) -> float | None:
    """Of days as ISO texts with commas between."""
    return None if joined is None else usual_gap({_day(text) for text in joined.split(",")})


@lru_cache(maxsize=4096)
def _day(text: str) -> date:
    return date.fromisoformat(text)

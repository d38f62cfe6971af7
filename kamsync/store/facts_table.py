"""The facts of every account as one temporary table, computed by SQL over the cache: each of its tables is read once.

What the SQL of a fact is stands in `decide.facts`; here it is run. Amounts are converted while they are summed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache

from kamsync.decide.facts import CORE_ACCOUNT_NAMES, Fact, facts_from, windows
from kamsync.decide.hierarchy import break_cycles, roll_up
from kamsync.decide.money import Rates
from kamsync.decide.months import whole_months
from kamsync.decide.program import Program
from kamsync.errors import ConfigError


def make_facts(db: sqlite3.Connection, program: Program, as_of: date, wanted: Collection[str]) -> tuple[str, ...]:
    """Fills temp.facts, one row an account, with the `wanted` facts and every mapped field; sentences on bad data.

    Raises ConfigError on an amount in a currency without a rate, unless the programme ignores them.
    """
    return _Facts(db, program, as_of, wanted).make()


class _Facts:
    """One making of the table."""

    def __init__(self, db: sqlite3.Connection, program: Program, as_of: date, wanted: Collection[str]) -> None:
        self._db, self._program, self._wanted = db, program, wanted
        self._params: dict[str, str | float | None] = dict(windows(as_of))
        self._account_columns = {row[1] for row in db.execute("PRAGMA table_info(accounts)")}

    def make(self) -> tuple[str, ...]:
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        self._rates = Rates(
            self._db.execute("SELECT currency, nullif(valid_from, ''), rate FROM rates").fetchall(),
            meta.get("base_currency") or "",
            self._program.currency,
        )
        self._db.create_function("money_factor", 2, lru_cache(maxsize=4096)(self._rates.factor), deterministic=True)
        self._db.create_function("whole_months", 2, lru_cache(maxsize=4096)(_whole_months), deterministic=True)
        self._prepare_money()
        problems = self._check_currencies()
        self._join(problems)
        return tuple(problems)

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
        listed = ", ".join(f"{currency} ({count} opportunities)" for currency, count in rows)
        if self._program.unknown_currency == "error":
            raise ConfigError(
                f"There is no exchange rate from {listed} to {self._rates.target or 'the programme currency'}.",
                fix='Add the currency in the CRM, or set [program] unknown_currency = "ignore" to count such amounts as 0.',
            )
        return [f"No exchange rate is known from {listed}: these amounts count as 0."]

    def _join(self, problems: list[str]) -> None:
        joins = [self._opportunity_facts()]
        if facts_from("activity", self._wanted):
            joins.append(self._activity_facts())
        if facts_from("line_item", self._wanted):
            joins.append(self._line_item_facts())
        if facts_from("hierarchy", self._wanted):
            joins.append(self._hierarchy_facts(problems))
        mapped = dict.fromkeys((*CORE_ACCOUNT_NAMES, *self._program.account_columns))
        mapped.pop("next_renewal_date", None)
        # A mapped field that the cache does not hold yet (nothing was pulled since it was mapped) is null.
        own = [f'a."{name}"' if name in self._account_columns else f'NULL AS "{name}"' for name in mapped]
        columns = ", ".join([*own, *(column for _, selected in joins for column in selected), self._renewal_column()])
        tables = " ".join(f"LEFT JOIN temp.{table} ON {table}.account_id = a.id" for table, _ in joins)
        derived = self._derived_columns()
        self._db.execute(
            f"CREATE TEMP TABLE facts AS SELECT *{derived} FROM (SELECT {columns} FROM accounts a {tables} ORDER BY a.id)",
            self._params,
        )
        self._db.execute("CREATE UNIQUE INDEX temp.facts_id ON facts (id)")

    def _opportunity_facts(self) -> tuple[str, list[str]]:
        facts = facts_from("opportunity", self._wanted)
        renewals = ", ".join(f"'{kind.replace(chr(39), chr(39) * 2)}'" for kind in self._program.renewal_types) or "NULL"
        extra = f", min(CASE WHEN NOT is_closed AND close_date >= :as_of AND type IN ({renewals}) THEN close_date END) AS renewal"
        money = "coalesce(amount, 0)" if self._same_currency else f"coalesce(amount * {self._factor}, 0)"
        self._db.execute(
            f"CREATE TEMP TABLE by_opportunity AS SELECT account_id, {_aliased(facts)}{extra} FROM ("
            f"SELECT account_id, close_date, is_won, is_closed, probability, type, {money} AS amount FROM opportunities"
            " NOT INDEXED WHERE account_id IS NOT NULL) GROUP BY account_id",
            self._params,
        )
        self._db.execute("CREATE UNIQUE INDEX temp.by_opportunity_id ON by_opportunity (account_id)")
        return "by_opportunity", [_or_none("by_opportunity", fact) for fact in facts]

    def _activity_facts(self) -> tuple[str, list[str]]:
        facts = facts_from("activity", self._wanted)
        self._db.execute(
            f"CREATE TEMP TABLE by_activity AS SELECT account_id, {_aliased(facts)} FROM activities GROUP BY account_id",
            self._params,
        )
        self._db.execute("CREATE UNIQUE INDEX temp.by_activity_id ON by_activity (account_id)")
        return "by_activity", [_or_none("by_activity", fact) for fact in facts]

    def _line_item_facts(self) -> tuple[str, list[str]]:
        self._db.execute(
            "CREATE TEMP TABLE bought AS SELECT o.account_id, l.product_family AS family,"
            # In the table's own order, which is nearly that of the line items' index: half the time of going by account.
            " max(o.close_date > :months_24) AS recent"
            " FROM opportunities o NOT INDEXED CROSS JOIN line_items l ON o.id = l.opportunity_id"
            " WHERE o.is_won AND o.close_date <= :as_of AND l.product_family IS NOT NULL"
            " GROUP BY o.account_id, l.product_family",
            self._params,
        )
        self._db.execute("CREATE TEMP TABLE sold AS SELECT DISTINCT family FROM bought WHERE recent")
        self._db.execute(
            "CREATE TEMP TABLE by_line_item AS SELECT account_id, count(*) AS families, count(sold.family) AS known"
            " FROM bought LEFT JOIN sold USING (family) WHERE account_id IS NOT NULL GROUP BY account_id"
        )
        self._db.execute("CREATE UNIQUE INDEX temp.by_line_item_id ON by_line_item (account_id)")
        all_sold = self._db.execute("SELECT count(*) FROM temp.sold").fetchone()[0]
        return "by_line_item", [
            "coalesce(by_line_item.families, 0) AS product_families",
            f"{all_sold} - coalesce(by_line_item.known, 0) AS whitespace_count",
        ]

    def _hierarchy_facts(self, problems: list[str]) -> tuple[str, list[str]]:
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
        self._db.execute("CREATE TEMP TABLE by_family (account_id PRIMARY KEY, children, won, pipeline)")
        self._db.executemany(
            "INSERT INTO temp.by_family VALUES (?, ?, ?, ?)",
            [(account, children.get(account, 0), won, amount) for account, (won, amount) in totals.items()],
        )
        own_pipeline = "by_opportunity.open_pipeline" if pipeline != "0" else "0"
        return "by_family", [
            "coalesce(by_family.children, 0) AS children_count",
            "coalesce(by_family.won, by_opportunity.won_amount_12m, 0) AS family_won_amount_12m",
            f"coalesce(by_family.pipeline, {own_pipeline}, 0) AS family_open_pipeline",
        ]

    def _renewal_column(self) -> str:
        mapped = "next_renewal_date" in self._account_columns and "next_renewal_date" in self._program.account_columns
        return ('a."next_renewal_date"' if mapped else "by_opportunity.renewal") + " AS next_renewal_date"

    def _derived_columns(self) -> str:
        derived = [fact for fact in facts_from("derived", self._wanted) if fact.name != "next_renewal_date"]
        return "".join(f", {fact.sql} AS {fact.name}" for fact in derived)


def _aliased(facts: Sequence[Fact]) -> str:
    return ", ".join(f"{fact.sql} AS {fact.name}" for fact in facts)


def _or_none(table: str, fact: Fact) -> str:
    value = f"{table}.{fact.name}"
    return f"coalesce({value}, 0) AS {fact.name}" if fact.none == "0" else f"{value} AS {fact.name}"


def _whole_months(first: str | None, until: str) -> int | None:
    return None if first is None else whole_months(date.fromisoformat(first), date.fromisoformat(until))

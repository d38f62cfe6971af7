"""Runs the decision core over the cache: facts by SQL, scores streamed, tiers settled, receipts on demand.

The connection of an evaluation is its own and read-only (an authorizer lets nothing pass but reading the cache, temporary tables
and the listed functions); LIKE is case-sensitive. Memory holds one compact record an account; everything else streams.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import date
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from kamsync.decide.criteria import needed_names
from kamsync.decide.decision import Decision, FactValue
from kamsync.decide.expressions import compile_expression
from kamsync.decide.facts import CORE_ACCOUNT_NAMES, Fact, facts_from, known_columns, windows, with_what_they_need
from kamsync.decide.hierarchy import break_cycles, roll_up
from kamsync.decide.money import Rates
from kamsync.decide.months import whole_months
from kamsync.decide.playbooks import DECIDED_NAMES
from kamsync.decide.program import NO_TIER, Criterion, Held, Percentile, Playbook, Program
from kamsync.decide.receipts import Receipt, make_receipt
from kamsync.decide.scoring import FactInput, Scored, coverage, scorer, weighted_mean
from kamsync.decide.tiers import Standing, settle, tier_order
from kamsync.errors import ConfigError
from kamsync.model import FLAG_PREFIX, FLAGS, Value
from kamsync.store.database import saying_what_is_wrong

_READS = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE, sqlite3.SQLITE_TRANSACTION}
_TEMP_WRITES = {
    sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE, sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_INDEX, sqlite3.SQLITE_REINDEX,
}  # fmt: skip
_FUNCTIONS = {
    "coalesce", "nullif", "iif", "abs", "round", "min", "max", "lower", "upper", "trim", "length", "substr", "substring", "like",
    "total", "count", "sum", "julianday", "whole_months", "money_factor", "percent_rank",
}  # fmt: skip
_NOT_SCORED = Scored(None, known=False)


class Evaluation:
    """The programme's decisions on one day over one cache. A context manager; single use, single thread."""

    def __init__(self, path: Path, program: Program, as_of: date, *, replayed: Mapping[str, Held] | None = None) -> None:
        """`replayed`: what each account held, instead of what the CRM shows; for rehearsals on past days."""
        self._replayed = replayed
        self._path, self._program, self._as_of = path, program, as_of
        self._params: dict[str, str | float | None] = dict(windows(as_of))
        self._known = known_columns(program.account_columns)
        self._wanted = with_what_they_need(needed_names(program))
        self._standings: list[Standing] = []
        self._decisions: dict[str, Decision] = {}
        self._names: dict[str, str] = {}
        self.problems: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        with saying_what_is_wrong(self._path):
            self._db = _connect(self._path)
            try:
                self._open()
            except BaseException:
                self._db.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._db.close()

    def names(self) -> Mapping[str, str]:
        """Account names by id."""
        return self._names

    def decisions(self) -> Iterator[Decision]:
        """Every decision, by account id."""
        return iter(self._decisions.values())

    def decision(self, account_id: str) -> Decision:
        return self._decisions[account_id]

    def held(self, account_id: str) -> Held:
        return self._standings[self._row[account_id]].held

    def drift_seen(self, account_id: str) -> date:
        return self._standings[self._row[account_id]].drift_seen or self._as_of

    def settled(self) -> Iterator[tuple[Decision, str, Mapping[str, Value]]]:
        """Each decision with the account's name and the flags that the CRM shows, by account id."""
        flags = [flag for flag in FLAGS if FLAG_PREFIX + flag in self._account_columns]
        columns = ", ".join(f'"{FLAG_PREFIX}{flag}"' for flag in flags)
        with closing(self._db.execute(f"SELECT id, name, {columns} FROM accounts ORDER BY id")) as rows:
            for account_id, name, *values in rows:
                yield self._decisions[account_id], name or account_id, dict(zip(flags, values, strict=True))

    def facts(self, account_id: str) -> Mapping[str, FactValue]:
        """Every fact that was computed for the account, and its mapped fields."""
        row = self._db.execute("SELECT * FROM temp.facts WHERE id = ?", (account_id,))
        names = [column[0] for column in row.description]
        values = row.fetchone()
        return {} if values is None else dict(zip(names, values, strict=True))

    def receipt(self, account_id: str) -> Receipt:
        """The decision with what each criterion brought."""
        position = self._row[account_id]
        facts = self.facts(account_id)
        compiled = self._compiled
        select = ", ".join(c.sql for c in compiled)
        values = self._db.execute(f"SELECT {select} FROM temp.facts WHERE id = ?", (account_id,)).fetchone() if compiled else ()
        return make_receipt(
            self._decisions[account_id],
            self._program.criteria,
            [self._scored(i, position) for i in range(len(compiled))],
            list(values),
            [{name: facts[name] for name in c.columns} for c in compiled],
        )

    def firing(self, playbook: Playbook, wanted: Collection[str] = ()) -> Iterator[tuple[str, Mapping[str, FactValue]]]:
        """Accounts for which the playbook's `when` holds, with the facts and what was decided, by account id."""
        self._store_decisions()
        when = compile_expression(playbook.when, {**self._known, **DECIDED_NAMES})
        sql = f"SELECT * FROM temp.facts JOIN temp.decided USING (id) WHERE ({when.sql}) ORDER BY id"
        with closing(self._db.execute(sql)) as rows:
            names = [column[0] for column in rows.description]
            found = rows.fetchall()
        for values in found:
            facts = dict(zip(names, values, strict=True))
            yield str(facts["id"]), facts

    def won_amount_12m(self, account_id: str) -> float:
        return self._standings[self._row[account_id]].won_amount_12m

    def owners(self) -> dict[str, str]:
        """Owner ids by account id, "" where there is none."""
        return {standing.account_id: standing.owner_id or "" for standing in self._standings}

    def known_values(self) -> Mapping[str, Sequence[bool]]:
        """Whether each criterion's value was known, in the order of `scaled_scores`."""
        rows = [row for row, standing in enumerate(self._standings) if standing.eligible]
        return {c.name: [not self._unknown[i][row] for row in rows] for i, c in enumerate(self._program.criteria)}

    def scaled_scores(self) -> Mapping[str, Sequence[float | None]]:
        """Each criterion's scaled scores over the eligible accounts, by account id (None: skipped), for `criteria check`."""
        rows = [row for row, standing in enumerate(self._standings) if standing.eligible]
        return {c.name: [self._scored(i, row).scaled for row in rows] for i, c in enumerate(self._program.criteria)}

    # -- opening -------------------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._account_columns = {row[1] for row in self._db.execute("PRAGMA table_info(accounts)")}
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        self._rates = Rates(
            self._db.execute("SELECT currency, nullif(valid_from, ''), rate FROM rates").fetchall(),
            meta.get("base_currency") or "",
            self._program.currency,
        )
        self._db.create_function("money_factor", 2, lru_cache(maxsize=4096)(self._rates.factor), deterministic=True)
        self._db.create_function("whole_months", 2, lru_cache(maxsize=4096)(_whole_months), deterministic=True)
        self._db.set_authorizer(_only_reading)
        self._prepare_money()
        problems = self._check_currencies()
        self._make_facts(problems)
        self._score()
        for decision in settle(self._standings, self._program, self._as_of):
            self._decisions[decision.account_id] = decision
        self.problems = tuple(problems)

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

    def _make_facts(self, problems: list[str]) -> None:
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
            " max(o.close_date > :months_24) AS recent FROM line_items l JOIN opportunities o ON o.id = l.opportunity_id"
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

    # -- scoring -------------------------------------------------------------------------------------------------------------

    def _score(self) -> None:
        program = self._program
        # IS TRUE is 0 or 1 whatever the expression gives: null and text are not true, as in a playbook's `when`.
        eligible = f"(({compile_expression(program.eligible, self._known).sql}) IS TRUE)"
        fired = [f"(({compile_expression(rule.when, self._known).sql}) IS TRUE)" for rule in program.rules]
        self._compiled = [compile_expression(criterion.value, self._known) for criterion in program.criteria]
        values = [
            self._value_sql(criterion, compiled.sql, eligible)
            for criterion, compiled in zip(program.criteria, self._compiled, strict=True)
        ]
        since = [self._since_sql(criterion) for criterion in program.criteria]
        held = ", ".join(f'a."{FLAG_PREFIX}{flag}"' for flag in ("tier", "since", "override", "override_until"))
        computed = [eligible, *fired, *values, *since]
        inner = ", ".join(f"{expression} AS x{i}" for i, expression in enumerate(computed))
        outer = ", ".join(f"f.x{i}" for i in range(len(computed)))
        sql = (
            f"SELECT f.id, a.name, f.owner_id, f.won_amount_12m, {held}, w.tier, w.since, d.tier, d.seen, {outer}"
            f" FROM (SELECT id, owner_id, won_amount_12m, {inner} FROM temp.facts) f"
            " JOIN accounts a ON a.id = f.id LEFT JOIN written w ON w.account_id = f.id LEFT JOIN drift d ON d.account_id = f.id"
            " ORDER BY f.id"
        )
        self._scaled = [array("d") for _ in program.criteria]
        self._unknown = [bytearray() for _ in program.criteria]
        self._row: dict[str, int] = {}
        self._scorers = [scorer(criterion, self._as_of) for criterion in program.criteria]
        self._axes = [
            [(i, c.weight) for i, c in enumerate(program.criteria) if c.axis in axes]
            for axes in (("attractiveness", "strength"), ("attractiveness",), ("strength",), ("health",))
        ]
        with closing(self._db.execute(sql)) as rows:
            for row in rows:
                self._standings.append(self._standing(row, len(fired), len(values)))

    def _standing(self, row: Sequence[Any], rules: int, criteria: int) -> Standing:
        account_id, name, owner_id, won = row[0], row[1], row[2], row[3]
        crm_tier, crm_since, override, until, wrote, wrote_since, drifted, seen = row[4:12]
        eligible, fired = bool(row[12]), row[13 : 13 + rules]
        values, since = row[13 + rules : 13 + rules + criteria], row[13 + rules + criteria :]
        self._row[account_id] = len(self._standings)
        self._names[account_id] = name or account_id
        scored = self._keep(eligible, values, since)
        score, attractiveness, strength, health_score = (
            weighted_mean([(weight, scored[i].scaled) for i, weight in axis]) if eligible else None for axis in self._axes
        )
        same_drift = (drifted or NO_TIER) == (crm_tier or NO_TIER)
        return Standing(
            account_id=account_id,
            owner_id=owner_id,
            eligible=eligible,
            score=score,
            attractiveness=attractiveness,
            strength=strength,
            health_score=health_score,
            coverage=coverage([(weight, scored[i].known) for i, weight in self._axes[0]]) if eligible else 0.0,
            won_amount_12m=won or 0.0,
            held=Held(
                crm_tier or None,
                _date(crm_since),
                override or None,
                _date(until),
                wrote,
                _date(wrote_since),
                _date(seen) if seen and same_drift else None,
            )
            if self._replayed is None
            else self._replayed.get(account_id, Held()),
            fired=tuple(i for i, holds in enumerate(fired) if holds),
        )

    def _keep(self, eligible: bool, values: Sequence[FactInput], since: Sequence[str | None]) -> list[Scored]:
        """Scores the criteria and keeps what the receipts need, eight bytes a score."""
        scored = []
        for i, score in enumerate(self._scorers):
            one = score(values[i], since[i]) if eligible else _NOT_SCORED
            self._scaled[i].append(float("nan") if one.scaled is None else one.scaled)
            self._unknown[i].append(not one.known)
            scored.append(one)
        return scored

    def _scored(self, criterion: int, row: int) -> Scored:
        scaled = self._scaled[criterion][row]
        return Scored(None if scaled != scaled else scaled, known=not self._unknown[criterion][row])

    def _value_sql(self, criterion: Criterion, sql: str, eligible: str) -> str:
        value = f"({sql})"
        if not isinstance(criterion.scale, Percentile):
            return value
        ranked = f"({eligible} AND {value} IS NOT NULL)"
        within = f", ({compile_expression(criterion.scale.within, self._known).sql})" if criterion.scale.within else ""
        rank = f"percent_rank() OVER (PARTITION BY {ranked}{within} ORDER BY {value})"
        return f"CASE WHEN {ranked} THEN {rank} END"

    def _since_sql(self, criterion: Criterion) -> str:
        return "NULL" if criterion.decay is None else f"({compile_expression(criterion.decay.since, self._known).sql})"

    def _store_decisions(self) -> None:
        """The decisions as a table beside the facts, for what playbooks ask."""
        exists = self._db.execute("SELECT count(*) FROM temp.sqlite_master WHERE name = 'decided'").fetchone()[0]
        if exists:
            return
        order = tier_order(self._program)
        names = ", ".join(f'"{name}"' for name in DECIDED_NAMES)
        self._db.execute(f"CREATE TEMP TABLE decided (id TEXT PRIMARY KEY, {names})")
        health = {}
        if FLAG_PREFIX + "health" in self._account_columns:
            health = dict(self._db.execute("SELECT id, flag_health FROM accounts WHERE flag_health IS NOT NULL"))
        self._db.executemany(
            f"INSERT INTO temp.decided VALUES (?{', ?' * len(DECIDED_NAMES)})",
            (
                (
                    d.account_id,
                    d.tier,
                    d.previous_tier,
                    order[d.tier] < order[d.previous_tier],
                    order[d.tier] > order[d.previous_tier],
                    d.score,
                    d.segment,
                    d.health,
                    health.get(d.account_id),
                )
                for d in self._decisions.values()
            ),
        )


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
    connection.execute("PRAGMA case_sensitive_like = ON")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("BEGIN")  # one state of the cache for the whole evaluation
    return connection


def _only_reading(action: int, first: str | None, second: str | None, database: str | None, trigger: str | None) -> int:
    """Reading anything of the cache, writing temporary tables, calling the listed functions; all else is refused."""
    if action in _READS:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION:
        return sqlite3.SQLITE_OK if (second or "").lower() in _FUNCTIONS else sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and first == "table_info":
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_OK if action in _TEMP_WRITES and database == "temp" else sqlite3.SQLITE_DENY


def _aliased(facts: Sequence[Fact]) -> str:
    return ", ".join(f"{fact.sql} AS {fact.name}" for fact in facts)


def _or_none(table: str, fact: Fact) -> str:
    value = f"{table}.{fact.name}"
    return f"coalesce({value}, 0) AS {fact.name}" if fact.none == "0" else f"{value} AS {fact.name}"


def _whole_months(first: str | None, until: str) -> int | None:
    return None if first is None else whole_months(date.fromisoformat(first), date.fromisoformat(until))


def _date(text: str | None) -> date | None:
    return date.fromisoformat(text[:10]) if text else None

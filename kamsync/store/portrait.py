"""What an org is like, for the suggestion of a preset: counts and shares over the cache."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

from kamsync.decide.compiled import CompiledProgram, compile_program
from kamsync.decide.hierarchy import leads_of
from kamsync.decide.months import months_before, whole_months
from kamsync.decide.place import Expression
from kamsync.decide.program import Criterion
from kamsync.decide.scales import Linear
from kamsync.decide.suggest import Org
from kamsync.store.evaluate import Evaluation
from kamsync.store.read_only import open_reading

_READ = ("won_count_total", "won_amount_12m", "contract_value_12m", "activities_90d", "first_won_date IS NULL", "lost_count_12m")


def portray(path: Path, compiled: CompiledProgram, as_of: date) -> Org:
    """The org in the cache at `path`. Raises CacheUnusable."""
    program = compiled.program
    probes = tuple(Criterion(text, "strength", "retention", 1, Expression(text), Linear(0, 1)) for text in _READ)
    bare = replace(
        program, criteria=probes, rules=(), seats=(), playbooks=(), unit="account", eligible=Expression("true"), review_months=()
    )
    with Evaluation(path, compile_program(bare), as_of) as evaluation:
        rows = [evaluation.facts(decision.account_id) for decision in evaluation.decisions()]
    customers = [row for row in rows if row["won_count_total"]]
    active = [row for row in customers if _number(row["won_amount_12m"]) > 0 or _number(row["contract_value_12m"]) > 0]
    earned = {str(row["id"]): _number(row["won_amount_12m"]) for row in customers}
    whole, ordered = sum(earned.values()), sorted(earned.values(), reverse=True)
    first = min((str(row["first_won_date"])[:10] for row in customers if row["first_won_date"]), default=None)
    contracts = {"contract_months", "contract_end"} & program.opportunity_columns
    renewed, has_products = _opportunities(path, program.renewal_types, as_of)
    under_contract = sum(_number(row["contract_value_12m"]) > 0 for row in active)
    return Org(
        customers=len(customers),
        active=len(active),
        owners=len({row["owner_id"] for row in active if row["owner_id"]}),
        history_months=(whole_months(date.fromisoformat(first), as_of) or 0) if first else 0,
        renewed=renewed,
        contracted=under_contract / len(active) if contracts and active else None,
        grouped=_grouped({str(row["id"]): row["parent_id"] for row in rows}, earned, whole),
        logged=sum(_number(row["activities_90d"]) > 0 for row in active) / len(active) if active else None,
        logs_losses=any(row["lost_count_12m"] for row in rows),
        has_products=has_products,
        largest=ordered[0] / whole if whole else None,
        ten_largest=sum(ordered[:10]) / whole if whole else None,
        mapped=frozenset(program.account_columns) | program.opportunity_columns,
    )


def _grouped(parents: dict[str, object], earned: dict[str, float], whole: float) -> float | None:
    """The share of revenue that comes from groups of which two members or more buy."""
    from_groups: dict[str, list[float]] = {}
    leads = leads_of({child: str(parent) for child, parent in parents.items() if parent}, parents)
    for account, amount in earned.items():
        if amount > 0:
            from_groups.setdefault(leads.get(account, account), []).append(amount)
    return sum(sum(amounts) for amounts in from_groups.values() if len(amounts) > 1) / whole if whole else None


def _opportunities(path: Path, renewal_types: tuple[str, ...], as_of: date) -> tuple[float | None, bool]:
    """The share of renewals among what was won in 24 months, None where nothing says so; whether products are known."""
    marks = ", ".join("?" * len(renewal_types)) or "''"
    sql = (
        f"SELECT avg(type IN ({marks})) FROM opportunities"
        " WHERE is_won AND type IS NOT NULL AND close_date > ? AND close_date <= ?"
    )
    with closing(open_reading(path)) as db:
        renewed = db.execute(sql, (*renewal_types, months_before(as_of, 24).isoformat(), as_of.isoformat())).fetchone()[0]
        products = db.execute("SELECT EXISTS (SELECT 1 FROM line_items WHERE product_family IS NOT NULL)").fetchone()[0]
    return renewed, bool(products)


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0

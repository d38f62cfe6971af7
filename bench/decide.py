"""Deciding for a whole portfolio from the cache: seconds and memory, and the time of one receipt.

    python bench/decide.py [--accounts 100000] [--opportunities 500000] [--activities 1000000] [--line-items 1000000]

Builds a synthetic cache, then decides in a process of its own with the balanced preset. Run by hand; targets for the defaults: at
most 10 seconds and below 500 MB.
"""

from __future__ import annotations

import argparse
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from kamsync.config.building import Problems, build_criteria, build_rules, build_tiers
from kamsync.config.models import CriteriaFile
from kamsync.decide.program import Program
from kamsync.resources import read_shipped
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.toml_source import parse_toml

AS_OF = date(2025, 6, 30)
FAMILIES = ("Core", "Plus", "Care", "Cloud", "Edge", "Labs")
INDUSTRIES = ("Energy", "Retail", "Banking", "Health", None)


def balanced() -> Program:
    """The preset without what an admin would have to map first."""
    source, problems = parse_toml(read_shipped("balanced", "criteria") or "", "balanced"), Problems()
    file = CriteriaFile.model_validate(source.document)
    tiers = build_tiers(file.tiers, source, "en", problems)
    criteria = tuple(c for c, optional in build_criteria(file.criteria, source, "en", problems) if not optional)
    return Program(tiers=tiers, criteria=criteria, rules=build_rules(file.rules, tiers, source, "en", problems), currency="USD")


def build(path: Path, sizes: argparse.Namespace) -> None:
    """Rows in the order of their ids, as a pull brings them; a tenth of the amounts is in another currency."""
    rng = random.Random(7)
    days = [(AS_OF - timedelta(days=n)).isoformat() for n in range(-200, 1200)]

    def accounts() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.accounts):
            parent = f"001{rng.randrange(sizes.accounts):012d}" if rng.random() < 0.1 else None
            owner = f"005{rng.randrange(200):012d}"
            tier = rng.choice((None, None, None, "A", "B", "C"))
            yield (
                f"001{i:012d}",
                f"Account {i}",
                owner,
                parent,
                rng.choice(INDUSTRIES),
                rng.randrange(1, 20000),
                tier,
                days[400],
                1,
            )

    def opportunities() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.opportunities):
            closed = rng.random() < 0.8
            currency = "EUR" if rng.random() < 0.1 else "USD"
            day = days[rng.randrange(200, 1400)] if closed else days[rng.randrange(0, 200)]
            account = f"001{rng.randrange(sizes.accounts):012d}"
            yield f"006{i:012d}", account, rng.randrange(100000), currency, day, closed, closed and rng.random() < 0.6, 0.4, 1

    def activities() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.activities):
            account = f"001{rng.randrange(sizes.accounts):012d}"
            yield f"00T{i:012d}", account, rng.choice(("task", "meeting", "call")), days[rng.randrange(150, 930)], 1

    def line_items() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.line_items):
            yield f"00k{i:012d}", f"006{rng.randrange(sizes.opportunities):012d}", rng.choice(FAMILIES), 1

    with open_cache(path) as cache, cache.transaction() as db:
        columns = "id, name, owner_id, parent_id, industry, employees, flag_tier, flag_since, _pull"
        db.executemany(f"INSERT INTO accounts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", accounts())
        columns = "id, account_id, amount, currency, close_date, is_closed, is_won, probability, _pull"
        db.executemany(f"INSERT INTO opportunities ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", opportunities())
        db.executemany("INSERT INTO activities (id, account_id, kind, activity_date, _pull) VALUES (?, ?, ?, ?, ?)", activities())
        db.executemany("INSERT INTO line_items (id, opportunity_id, product_family, _pull) VALUES (?, ?, ?, ?)", line_items())
        db.execute("INSERT INTO rates (currency, rate, _pull) VALUES ('EUR', 0.9, 1)")
        db.execute("INSERT INTO meta VALUES ('base_currency', 'USD')")


def decide(path: Path) -> None:
    started = time.perf_counter()
    with Evaluation(path, balanced(), AS_OF) as evaluation:
        decided = time.perf_counter()
        count = sum(decision.tier != "none" for decision in evaluation.decisions())
        first = next(evaluation.decisions()).account_id
        before = time.perf_counter()
        evaluation.receipt(first)
        receipt = time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"decided in {decided - started:.1f} s, {count} accounts with a tier, one receipt {receipt * 1000:.1f} ms, {peak:.0f} MB"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--opportunities", type=int, default=500_000)
    parser.add_argument("--activities", type=int, default=1_000_000)
    parser.add_argument("--line-items", type=int, default=1_000_000)
    parser.add_argument("--cache", type=Path, help="keep the cache here, and use it where it is already there")
    parser.add_argument("--decide-only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decide_only:
        decide(arguments.cache)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.cache or Path(folder) / "cache.db"
        if not path.exists():
            started = time.perf_counter()
            build(path, arguments)
            print(f"cache built in {time.perf_counter() - started:.1f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        subprocess.run([sys.executable, __file__, "--decide-only", "--cache", str(path)], check=True)


if __name__ == "__main__":
    main()

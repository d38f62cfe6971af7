"""Deciding for a whole portfolio from the cache: seconds and memory, and the time of one receipt.

    python -m bench.decide [--accounts 100000] [--opportunities 500000] [--activities 1000000] [--line-items 1000000]
        [--contacts 500000 --all-playbooks] [--everything]

Builds a synthetic cache, then decides in a process of its own with the balanced preset. `--everything`: every optional field and
contracts mapped, seats, groups as the unit, between two reviews, and an unattended run that leaves the best tier to a person. Run
by hand; targets for the defaults and with everything: at most 10 seconds and 400 MB; with 500,000 contacts and every shipped
playbook 15 seconds and 600 MB.
"""

from __future__ import annotations

import argparse
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from bench.shape_cache import OWN_FIELDS
from kamsync.config import load_config
from kamsync.config.example import render_example
from kamsync.config.shipped import read_shipped
from kamsync.decide.compiled import CompiledProgram
from kamsync.run.planning import When, make_plan
from kamsync.store.database import open_cache
from kamsync.store.evaluate import Evaluation
from kamsync.store.known_program import known_of
from kamsync.store.last_evaluation import keep, kept_receipt

AS_OF = date(2025, 6, 30)
FAMILIES = ("Core", "Plus", "Care", "Cloud", "Edge", "Labs")
OWNERS = 200
INDUSTRIES = ("Energy", "Retail", "Banking", "Health", None)


def programme(folder: Path, *, all_playbooks: bool, everything: bool = False) -> CompiledProgram:
    """What `config.example.toml` says: the balanced preset and two playbooks, or every playbook; or with all that it can do."""
    config = folder / "config.toml"
    example = render_example().replace('currency = "EUR"', 'currency = "USD"')
    if everything:
        mapping = read_shipped("salesforce") or ""
        for name in (*OWN_FIELDS, "contract_months"):
            mapping = mapping.replace(f"# {name} = ", f"{name} = ")
        (folder / "own.toml").write_text(mapping, encoding="utf-8")
        example = example.replace('mapping = "salesforce"', 'mapping = "own.toml"')
        example = example.replace("[program]\n", '[program]\nunit = "group"\n') + "\n[review]\nmonths = [1, 7]\napprove = true\n"
    if all_playbooks:
        example = re.sub(r"(?m)^playbooks = .*$", 'playbooks = "all"', example)
    config.write_text(example.replace("= { env =", '= { env = "PATH" } # ='), encoding="utf-8")
    return load_config(config).compiled


def build(path: Path, sizes: argparse.Namespace, as_of: date = AS_OF) -> None:
    """Rows in the order of their ids, as a pull brings them; a tenth of the amounts is in another currency."""
    rng = random.Random(7)
    days = [(as_of - timedelta(days=n)).isoformat() for n in range(-200, 1200)]

    def accounts() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.accounts):
            parent = f"001{rng.randrange(sizes.accounts):012d}" if rng.random() < 0.1 else None
            owner = f"005{rng.randrange(OWNERS):012d}"
            tier = rng.choice("ABC") if rng.random() < 0.05 else None  # the CRM knows 5,000 key accounts from before
            yield (
                f"001{i:012d}",
                f"Account {i}",
                owner,
                parent,
                rng.choice(INDUSTRIES),
                rng.randrange(1, 20000),
                tier,
                days[400] if tier else None,
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

    def contacts() -> Iterator[tuple[object, ...]]:
        for i in range(sizes.contacts):
            role = rng.choice(("sponsor", "decision_maker", "champion", "influencer", None, None, None))
            account = f"001{rng.randrange(sizes.accounts):012d}"
            yield f"003{i:012d}", account, f"003{i:012d}", "contact", role, 1, days[rng.randrange(200, 600)], 1

    with open_cache(path) as cache, cache.transaction() as db:
        columns = "id, name, owner_id, parent_id, industry, employees, flag_tier, flag_since, _pull"
        db.executemany(f"INSERT INTO accounts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", accounts())
        columns = "id, account_id, amount, currency, close_date, is_closed, is_won, probability, _pull"
        db.executemany(f"INSERT INTO opportunities ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", opportunities())
        db.executemany("INSERT INTO activities (id, account_id, kind, activity_date, _pull) VALUES (?, ?, ?, ?, ?)", activities())
        db.executemany("INSERT INTO line_items (id, opportunity_id, product_family, _pull) VALUES (?, ?, ?, ?)", line_items())
        columns = "id, account_id, contact_id, tie, roles, is_active, last_activity_date, _pull"
        db.executemany(f"INSERT INTO contacts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", contacts())
        owners = ((f"005{i:012d}", f"Owner {i}") for i in range(OWNERS))
        db.executemany("INSERT INTO owners (id, name, is_active, _pull) VALUES (?, ?, 1, 1)", owners)
        db.execute("INSERT INTO rates (currency, rate, _pull) VALUES ('EUR', 0.9, 1)")
        db.execute("INSERT INTO meta VALUES ('base_currency', 'USD')")


def add_own_fields(path: Path) -> None:
    """Answers of two customers in three; a strategic one in fifty, half of them with evidence; a third under yearly contracts."""
    with open_cache(path) as cache:
        cache.add_account_columns(OWN_FIELDS)
        evidence = (AS_OF - timedelta(days=90)).isoformat()
        with cache.transaction() as db:
            db.execute("UPDATE accounts SET nps = rowid % 11 WHERE rowid % 3")
            db.execute("UPDATE accounts SET strategic_market = rowid % 50 = 0")
            db.execute("UPDATE accounts SET authority_evidence_date = ? WHERE rowid % 100 = 0", (evidence,))
            db.execute("UPDATE opportunities SET contract_months = 12 WHERE rowid % 3 = 0")


def decide(path: Path, *, all_playbooks: bool, everything: bool = False) -> None:
    """Facts to plan, then one account explained from what was kept."""
    with tempfile.TemporaryDirectory() as folder:
        program = programme(Path(folder), all_playbooks=all_playbooks, everything=everything)
    when = When(AS_OF, datetime(2025, 6, 30, 6, tzinfo=UTC), "bench")
    started, used = time.perf_counter(), time.process_time()
    with open_cache(path) as cache:
        planned = make_plan(cache, program, "salesforce", when, unattended=everything)
        took, used = time.perf_counter() - started, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"facts to plan: {took:.1f} s ({used:.1f} s of CPU), {dict(planned.plan.summary)}, {peak:.0f} MB", flush=True)
        with Evaluation(path, program, AS_OF) as evaluation:
            account_id = next(evaluation.decisions()).account_id
            started = time.perf_counter()
            keep(cache, evaluation, program, AS_OF)
            print(f"kept for explain in {time.perf_counter() - started:.1f} s", flush=True)
        started = time.perf_counter()
        receipt = kept_receipt(cache, known_of(program), AS_OF, account_id)
        print(f"one account explained in {1000 * (time.perf_counter() - started):.1f} ms: {receipt is not None}", flush=True)


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """How much `build` puts into its cache."""
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--opportunities", type=int, default=500_000)
    parser.add_argument("--activities", type=int, default=1_000_000)
    parser.add_argument("--line-items", type=int, default=1_000_000)
    parser.add_argument("--contacts", type=int, default=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_sizes(parser)
    parser.add_argument("--all-playbooks", action="store_true")
    parser.add_argument("--everything", action="store_true", help="groups, seats, contracts, reviews and approval too")
    parser.add_argument("--cache", type=Path, help="keep the cache here, and use it where it is already there")
    parser.add_argument("--decide-only", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.decide_only:
        decide(arguments.cache, all_playbooks=arguments.all_playbooks, everything=arguments.everything)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = arguments.cache or Path(folder) / "cache.db"
        if not path.exists():
            started = time.perf_counter()
            build(path, arguments)
            if arguments.everything:
                add_own_fields(path)
            print(f"cache built in {time.perf_counter() - started:.1f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        further = [f"--{name}" for name in ("all-playbooks", "everything") if getattr(arguments, name.replace("-", "_"))]
        subprocess.run([sys.executable, "-m", "bench.decide", "--decide-only", "--cache", str(path), *further], check=True)


if __name__ == "__main__":
    main()

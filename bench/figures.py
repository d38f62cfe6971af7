"""A year of key figures of a whole portfolio: how large they are, and how long a day's keeping takes.

    python -m bench.figures [--accounts 100000] [--days 365] [--moving 0.03]

Every day so large a share of the accounts changes revenue, pipeline and score. Run by hand; target for the defaults: 200 MB.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from kamsync.decide.kpis import KPIS
from kamsync.store.database import open_cache
from kamsync.store.kpis import Figures, keep_figures

FIRST = date(2025, 1, 1)
MOVING = ("revenue", "pipeline", "score")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--moving", type=float, default=0.03)
    sizes = parser.parse_args()
    rng = random.Random(7)
    nothing = (None,) * len(KPIS)
    held = {f"001{number:015d}": tuple(_value(name, rng) for name in KPIS) for number in range(sizes.accounts)}
    ids = list(held)
    with tempfile.TemporaryDirectory() as folder, open_cache(path := Path(folder) / "cache.db") as cache:
        started = time.perf_counter()
        keep_figures(cache, (Figures(one, now, nothing) for one, now in held.items()), FIRST)
        print(f"first day: {time.perf_counter() - started:.1f} s, {path.stat().st_size / 1e6:.0f} MB", flush=True)
        started = time.perf_counter()
        for day in range(1, sizes.days):
            moved = []
            for one in rng.sample(ids, round(sizes.accounts * sizes.moving)):
                before = held[one]
                held[one] = tuple(_value(name, rng) if name in MOVING else old for name, old in zip(KPIS, before, strict=True))
                moved.append(Figures(one, held[one], before))
            keep_figures(cache, moved, FIRST + timedelta(days=day))
        took = (time.perf_counter() - started) / max(sizes.days - 1, 1)
        cache.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        rows = cache.connection.execute("SELECT count(*) FROM kpi_history").fetchone()[0]
        print(f"{sizes.days} days: {rows:,} changes, {path.stat().st_size / 1e6:.0f} MB, {took:.2f} s a day", flush=True)


def _value(name: str, rng: random.Random) -> float | str:
    if name == "owner":
        return f"005{rng.randrange(200):015d}"
    if name == "health":
        return rng.choice(("green", "amber", "red"))
    return round(rng.random() * 1_000_000, 2) if name in ("revenue", "pipeline") else round(rng.random() * 100, 2)


if __name__ == "__main__":
    main()

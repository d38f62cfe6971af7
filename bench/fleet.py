"""What a fleet carries and survives. Run by hand; needs PostgreSQL's packages, which it starts itself.

    python -m bench.fleet throughput [--orgs 200] [--crm salesforce]    against a shell's loop, and a plain loop without a queue
    python -m bench.fleet kills [--orgs 200] [--kills 50] [--seed 1]    kill -9 of a worker at random moments
    python -m bench.fleet schedule [--orgs 10000] [--seconds 8]         the morning by simulation: peaks, threads, who waits
    python -m bench.fleet load [--orgs 10000] [--seconds 0]             what it asks of the database and of a worker, by runs of
                                                                        that length through the real queue
    python -m bench.fleet upgrade [--before 3.2.2] [--seconds 60]       workers of two versions of the queue at once
    python -m bench.fleet versions [--commit d351a019] [--seconds 60]   workers of two versions of kamsync at once
    python -m bench.fleet quiet                                         all that needs a quiet machine, in about fifteen minutes

Targets of `throughput`: 0.9 of the loop by two workers of two threads, 1.7 times that by a second worker where cores allow.
`upgrade` fetches the older Procrastinate by pip; `versions` takes the older kamsync from this repository's history.
"""

from __future__ import annotations

import argparse
import random

from bench.fleet_kills import kills
from bench.fleet_load import load
from bench.fleet_morning import schedule
from bench.fleet_upgrade import upgrade, versions
from bench.fleet_work import throughput

WHAT = ("throughput", "kills", "schedule", "load", "upgrade", "versions", "quiet")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--orgs", type=int)
    parser.add_argument("--crm", default="salesforce", help="hubspot: runs that wait for the CRM most of the time")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--before", default="3.2.2")
    parser.add_argument("--commit", default="d351a019", help="the older kamsync; the first that had a fleet")
    asked = parser.parse_args()
    match asked.what:
        case "throughput":
            throughput(asked.orgs or 200, asked.crm)
        case "kills":
            kills(asked.orgs or 200, asked.kills, random.Random(asked.seed))
        case "schedule":
            schedule(asked.orgs or 10_000, asked.seconds or 8.0)
        case "load":
            load(asked.orgs or 10_000, asked.seconds or 0.0)
        case "upgrade":
            upgrade(asked.before, asked.seconds or 60.0)
        case "versions":
            versions(asked.commit, asked.seconds or 60.0)
        case "quiet":
            throughput(asked.orgs or 200, asked.crm)
            kills(asked.orgs or 200, asked.kills, random.Random(asked.seed))


if __name__ == "__main__":
    main()

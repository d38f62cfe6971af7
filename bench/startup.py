"""What starting takes: processor time of the commands that only read, beside `python -c "import typer, rich"`.

    python -m bench.startup [--runs 20]

Processor time (user and system) and not the clock's, because a busy machine doubles the latter; the commands take turns, so that
all of them meet the same neighbours; the least of the runs and their median. Python's compiled files are there from the first,
uncounted turn. The account is explained from the last evaluation, on the embedded CRM's sample company. Run by hand; the target
for `--help` and `explain` is 0.4 s where the bare import takes 0.15 s, so at most 2.7 times as long.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from kamsync.cli.sandboxes import config_text, environment_of, start_sandbox

TARGET = 0.4 / 0.15  # times the bare import
BARE = "python -c 'import typer, rich'"
Taken = dict[str, list[float]]


def cpu_seconds(command: list[str], environment: Mapping[str, str]) -> float:
    """Of one run. Raises CalledProcessError where the command fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def in_turns(commands: Mapping[str, list[str]], environment: Mapping[str, str], runs: int) -> Taken:
    """The seconds of each command's runs, after one that is not counted."""
    taken: Taken = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            spent = cpu_seconds(command, environment)
            if turn:
                taken[name].append(spent)
    return taken


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=20)
    runs = parser.parse_args().runs
    kamsync = [sys.executable, "-m", "kamsync"]
    with start_sandbox("salesforce", today=datetime.now(UTC).date()) as server, tempfile.TemporaryDirectory() as folder:
        settings = server.crm.settings(server.base_url)
        environment = {**os.environ, **environment_of("salesforce", settings)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        config = Path(folder) / "config.toml"
        config.touch(mode=0o600)
        config.write_text(config_text("salesforce", settings, cache=config.with_suffix(".db")), encoding="utf-8")
        of_it = ["--config", str(config)]
        for command in (["setup", "--yes"], ["apply", "--yes"]):
            subprocess.run([*kamsync, *command, *of_it], env=environment, stdout=subprocess.DEVNULL, check=True)
        listed = subprocess.run([*kamsync, "accounts", "--json", *of_it], env=environment, stdout=subprocess.PIPE, check=True)
        account = listed.stdout.decode().split('"id": "')[1].split('"')[0]
        read = (["explain", account], ["explain", account, "--json"], ["runs"], ["history"], ["status"], ["accounts"])
        commands = {" ".join(words).replace(account, "ACCOUNT"): [*kamsync, *words, *of_it] for words in read}
        bare = {BARE: [sys.executable, "-c", "import typer, rich"], "--help": [*kamsync, "--help"]}
        taken = in_turns({**bare, **commands}, environment, runs)
    least, usual = min(taken[BARE]), median(taken[BARE])
    for name, spent in taken.items():
        times = min(spent) / least
        verdict = ("ok" if times <= TARGET else "too slow") if name in ("--help", "explain ACCOUNT") else ""
        print(f"{name:<30} {min(spent):.3f} s  {times:.1f} times   median {median(spent) / usual:.1f} times   {verdict}".rstrip())


if __name__ == "__main__":
    main()

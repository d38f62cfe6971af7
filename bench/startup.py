"""What starting takes: processor time of `kamsync --help` and `kamsync explain`, beside `python -c "import typer, rich"`.

    python -m bench.startup [--runs 9]

Processor time (user and system) and not the clock's, because a busy machine doubles the latter; of several runs the least. The
account is explained from the last evaluation, on the embedded CRM's sample company. Run by hand; the target for both is 0.4 s
where the bare import takes 0.15 s, so at most 2.7 times as long. Beside it stands what Typer itself takes to run a command with
one argument: since it loads pydantic for that, and only then, the bare import says less of a command than it did.
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

from kamsync.cli.sandboxes import config_text, environment_of, start_sandbox

TARGET = 0.4 / 0.15  # times the bare import
BARE_COMMAND = """
import rich.table, typer
app = typer.Typer()
app.command()(lambda name: None)
app(["x"], standalone_mode=False)
"""


def cpu_seconds(command: list[str], environment: Mapping[str, str], runs: int) -> float:
    """The least of `runs`. Raises CalledProcessError where the command fails."""
    spent = []
    for _ in range(runs):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return min(spent)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=9)
    runs = parser.parse_args().runs
    kamsync = [sys.executable, "-m", "kamsync"]
    with start_sandbox("salesforce", today=datetime.now(UTC).date()) as server, tempfile.TemporaryDirectory() as folder:
        settings = server.crm.settings(server.base_url)
        environment = {**os.environ, **environment_of("salesforce", settings)}
        config = Path(folder) / "config.toml"
        config.touch(mode=0o600)
        config.write_text(config_text("salesforce", settings, cache=config.with_suffix(".db")), encoding="utf-8")
        of_it = ["--config", str(config)]
        for command in (["setup", "--yes"], ["apply", "--yes"]):
            subprocess.run([*kamsync, *command, *of_it], env=environment, stdout=subprocess.DEVNULL, check=True)
        listed = subprocess.run([*kamsync, "accounts", "--json", *of_it], env=environment, stdout=subprocess.PIPE, check=True)
        account = listed.stdout.decode().split('"id": "')[1].split('"')[0]
        bare = cpu_seconds([sys.executable, "-c", "import typer, rich"], environment, runs)
        print(f"{'import typer, rich':<24} {bare:.3f} s")
        print(f"{'a command of Typer':<24} {cpu_seconds([sys.executable, '-c', BARE_COMMAND], environment, runs):.3f} s")
        for command in (["--help"], ["explain", account, *of_it]):
            taken = cpu_seconds([*kamsync, *command], environment, runs)
            verdict = "ok" if taken <= TARGET * bare else "too slow"
            print(f"{'kamsync ' + command[0]:<24} {taken:.3f} s   {taken / bare:.1f} times (at most {TARGET:.1f}): {verdict}")


if __name__ == "__main__":
    main()

"""What a night costs where nothing is to be done, and what the schedule costs while it waits.

    python -m bench.night [--crm salesforce|hubspot] [--accounts 3000] [--rest 60]

A `kamsync sync` that finds everything as it should be: its time, processor time, memory at its peak, calls; then `kamsync run`
with a yearly schedule, /healthz and a channel, for so many seconds after it has settled. Run by hand. Targets on 3,000 accounts:
2 s and 120 MB for the run, 0.1 % of a core and 90 MB at rest.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from kamsync.cli.sandboxes import config_text, environment_of, start_sandbox
from kamsync.sandbox.company import Company

SETTLING_SECONDS = 12.0
REST = """
[schedule]
sync = "0 4 1 1 *"
[serve]
port = {port}
[[notify]]
url = {{ env = "CHANNEL" }}
"""
MB = 1 << 20
TARGETS = {"seconds": 2.0, "MB": 120.0, "share of a core at rest": 0.001, "MB at rest": 90.0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--crm", choices=("salesforce", "hubspot"), default="salesforce")
    parser.add_argument("--accounts", type=int, default=3_000)
    parser.add_argument("--rest", type=float, default=60.0, help="seconds")
    options = parser.parse_args()
    today = datetime.now(UTC).date()
    company = Company(options.accounts, options.accounts * 5, today=today)
    with (
        tempfile.TemporaryDirectory(prefix="kamsync-night-") as folder,
        start_sandbox(options.crm, today=today, company=company, enforce_rate_limits=False) as server,
    ):
        settings = server.crm.settings(server.base_url)
        text = config_text(options.crm, settings, cache=Path("kamsync.db"), first_run="go")
        environment = {**os.environ, **environment_of(options.crm, settings), "CHANNEL": "json://127.0.0.1:9/nobody"}
        measured = _quiet(Path(folder), text, environment)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        measured |= _at_rest(Path(folder), text + REST.format(port=port), environment, options.rest)
    for name, value in measured.items():
        print(f"{name}: {value:.4g}" + (f" (at most {TARGETS[name]:g})" if name in TARGETS else ""))
    sys.exit(any(measured[name] > most for name, most in TARGETS.items()))


def _quiet(folder: Path, text: str, environment: Mapping[str, str]) -> dict[str, float]:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    subprocess.run(_command("setup", "--yes"), cwd=folder, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    for _ in range(3):  # until all that limits per run let through is there
        subprocess.run(_command("sync"), cwd=folder, env=dict(environment), check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    with (folder / "said.json").open("wb") as out:
        process = subprocess.Popen(_command("sync", "--json"), cwd=folder, env=dict(environment), stdout=out)
    # By looking, since what the system counts for a child begins with the memory of its parent.
    peak = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        peak = max(peak, _peak(process.pid))
        time.sleep(0.005)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.monotonic() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    said = json.loads((folder / "said.json").read_bytes())
    if process.returncode or said["updated"] or said["created"]:
        raise SystemExit(f"the run had something to do, or failed: {said}")
    return {
        "seconds": seconds,
        "seconds of processor": used.ru_utime + used.ru_stime,
        "MB": peak / MB,
        "calls": said["api_calls"],
    }


def _at_rest(folder: Path, text: str, environment: Mapping[str, str], seconds: float) -> dict[str, float]:
    (folder / "config.toml").write_text(text, encoding="utf-8")
    with _running(_command("run"), folder, environment) as pid:
        time.sleep(SETTLING_SECONDS)
        before = _processor_seconds(pid)
        time.sleep(seconds)
        spent = _processor_seconds(pid) - before
        resident = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {"share of a core at rest": spent / seconds, "MB at rest": resident / MB}


@contextmanager
def _running(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Iterator[int]:
    with subprocess.Popen(command, cwd=folder, env=dict(environment), stderr=subprocess.DEVNULL) as process:
        yield process.pid
        process.send_signal(signal.SIGTERM)
        process.wait()


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "kamsync", *arguments]


def _peak(pid: int) -> int:
    """Bytes of memory at most so far; 0 where the process has ended."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def _processor_seconds(pid: int) -> float:
    told = Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()
    threads = Path(f"/proc/{pid}/task")
    total = sum(int((one / "schedstat").read_text(encoding="ascii").split()[0]) for one in threads.iterdir())
    return (total or int(told[0])) / 1e9


if __name__ == "__main__":
    main()

"""A small fleet: CRMs on real ports, one an org, a folder of configurations, PostgreSQL, workers as processes of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kamsync.cli.sandboxes import config_text, environment_of, sample_company
from kamsync.plugins import load_connector
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from tests.journeys.command import Logged, run_command
from tests.journeys.conftest import Result

DATABASE = "FLEET_DATABASE"
# Patient enough for a machine that has much else to do; `let_silence_pass` is for who would have to wait.
QUICK = {
    "threads": 2,
    "tick_seconds": 1,
    "lease_seconds": 15.0,
    "graceful_stop_seconds": 0.5,
    "stalled_seconds": 60.0,
}
IMPATIENT: dict[str, Any] = {"lease_seconds": 4.0, "stalled_seconds": 5.5}  # where silence is to pass by the clock


Worker = subprocess.Popen[bytes] | Logged


@dataclass
class Company:
    """The fleet's folder and what is around it. `environment` is what every command and worker sees.

    `forks_workers`: workers and their jobs are forked from one process that has the libraries loaded, where an operator's workers
    each load them, and once more for their jobs.
    """

    folder: Path
    environment: dict[str, str]
    servers: dict[str, SandboxServer] = field(default_factory=dict)
    processes: list[Worker] = field(default_factory=list)
    forks_workers: bool = True

    def add_org(
        self, name: str, *, crm: str = "salesforce", accounts: int = 8, schedule: str = "", more: str = "", **vendor: Any
    ) -> SandboxServer:
        """An org with a CRM of its own that is set up, and a configuration in the folder of orgs.

        Salesforce where it matters to nobody: HubSpot's searches are four a second, for which a sync waits some seconds.
        """
        today = datetime.now(UTC).date()
        company = sample_company(today, accounts=accounts, opportunities=accounts * 4)
        options = SandboxOptions(today=today, enforce_rate_limits=False, provisioned=True, vendor=vendor)
        server = SandboxServer(load_connector(crm).sandbox(company, options))  # type: ignore[arg-type]  # as journeys.conftest
        self.servers[name] = server.__enter__()
        settings = server.crm.settings(server.base_url)
        text = config_text(crm, settings, cache=Path("kamsync.db"), first_run="go")
        for variable, value in environment_of(crm, settings).items():
            own = f"{name.upper().replace('-', '_')}_{variable}"
            text = text.replace(f'"{variable}"', f'"{own}"')
            self.environment[own] = value
        text += f'\n[schedule]\nsync = "{schedule}"\n' if schedule else ""
        self.write_org(name, text + more)
        return server

    def write_org(self, name: str, text: str) -> None:
        path = self.folder / "orgs" / f"{name}.toml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)

    def write_fleet(self, *, more: str = "", secrets: str = "", caches: str = "", **worker: Any) -> None:
        settings = {**QUICK, **worker}
        lines = [
            "[fleet]",
            f'database = {{ env = "{DATABASE}" }}',
            *([f'secrets = "{secrets}"'] if secrets else []),
            *([f'caches = "{caches}"'] if caches else []),
            "[worker]",
            *(f"{name} = {json.dumps(value)}" for name, value in settings.items()),
            more,
        ]
        (self.folder / "fleet.toml").write_text("\n".join(lines), encoding="utf-8")

    def run(self, *arguments: str) -> Result:
        """`kamsync fleet …`, as an operator types it."""
        return Result(*run_command(["fleet", *arguments], self.folder, self.environment))

    def good(self, *arguments: str) -> Result:
        result = self.run(*arguments)
        assert result.code == 0, f"{arguments}\n{result.out}\n{result.err}"
        return result

    def __post_init__(self) -> None:
        self._usual_path = self.environment.get("PYTHONPATH")

    def start_worker(self, *, elsewhere: bool = False, first: str = "") -> Worker:
        """Another worker; `elsewhere`: as on another machine, with a disk of its own. `first`: Python that it begins with.

        By an interpreter that starts with it, where that is wanted, or the test gives it modules of its own.
        """
        number = len(self.processes)
        file = self.folder / "fleet.toml"
        if elsewhere:
            text = file.read_text(encoding="utf-8").replace("[fleet]", f'[fleet]\nwork = "work-{number}"', 1)
            file = self.folder / f"fleet-{number}.toml"
            file.write_text(text, encoding="utf-8")
        command, place = ["fleet", "worker", "--fleet", str(file)], self.folder / f"worker-{number}.log"
        process: Worker
        if not self.forks_workers or self.environment.get("PYTHONPATH") != self._usual_path:
            whole = [sys.executable, "-m", "kamsync", *command]
            with place.open("wb") as log:
                process = subprocess.Popen(whole, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        else:
            process = Logged(command, self.folder, self.environment, place, shares=True, first=first)
        self.processes.append(process)
        return process

    def living_workers(self) -> list[Worker]:
        return [process for process in self.processes if process.poll() is None]

    def worker_logs(self) -> str:
        return "\n".join(path.read_text(encoding="utf-8") for path in sorted(self.folder.glob("worker-*.log")))

    def status(self) -> dict[str, dict[str, Any]]:
        """Each org's row of `fleet status --json`, read in this process: a test asks often."""
        from kamsync.contract import Secret
        from kamsync.fleet.status import fleet_status
        from kamsync.fleet.tables import Tables

        return {org["org"]: org for org in fleet_status(Tables(Secret(self.environment[DATABASE]))).as_json()["orgs"]}

    def wait_for(self, what: Callable[[], Any], seconds: float = 180.0) -> Any:
        """The first answer that is something; fails with the workers' logs after so long."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = what()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"It did not happen in {seconds} s.\n{self.worker_logs()}")

    def wait_for_states(self, seconds: float = 180.0, **states: str) -> dict[str, dict[str, Any]]:
        wanted = {name.replace("_", "-"): state for name, state in states.items()}

        def look() -> dict[str, dict[str, Any]] | None:
            found = self.status()
            return found if {name: found[name]["state"] for name in wanted if name in found} == wanted else None

        return self.wait_for(look, seconds)  # type: ignore[no-any-return]  # wait_for gives what `look` gave

    def jobs(self, org: str) -> list[dict[str, Any]]:
        """`fleet logs --json`."""
        return self.good("logs", org, "--json").json  # type: ignore[no-any-return]  # JSON

    def job(self, *arguments: str) -> dict[str, Any]:
        """`fleet run … --wait --json`: how the job ended."""
        return self.run("run", *arguments, "--wait", "--json").json  # type: ignore[no-any-return]  # JSON

    def let_silence_pass(self, org: str) -> None:
        """As if nothing had been heard for long of the worker that does the org's job: its lease is over, its heartbeat old."""
        from kamsync.config.fleet import load_fleet
        from kamsync.fleet.tables import Tables

        with Tables(load_fleet(self.folder, environment=self.environment).database).connected() as connection:
            connection.execute("UPDATE kamsync_fleet_leases SET until = now() - interval '1 second' WHERE org = %s", (org,))
            connection.execute(
                "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '1 hour' WHERE id IN"
                " (SELECT worker_id FROM procrastinate_jobs WHERE status = 'doing' AND args->>'org' = %s)",
                (org,),
            )

    def tasks(self, org: str) -> list[tuple[str, str]]:
        """Our tasks in the org's CRM: account and subject."""
        view = self.servers[org].crm.view
        accounts = view.accounts(only_flagged=False)
        return sorted((one.id, task.subject) for one in accounts for task in view.tasks(one.id) if task.by_kamsync)

    def tiers(self, org: str) -> dict[str, str]:
        """What people see in the org's CRM."""
        return {one.id: one.flags.get("tier", "") for one in self.servers[org].crm.view.accounts()}

    def processes_of(self, org: str) -> list[int]:
        """The processes that work for the org on this machine now, by the folder that they are in; not what they start."""
        parents: dict[int, int] = {}
        for place in Path("/proc").iterdir():
            with suppress(OSError):
                where = (place / "cwd").readlink() if place.name.isdecimal() else Path()
                if where.match(f"orgs/{org}") and where.is_relative_to(self.folder):
                    status = (place / "stat").read_text().rpartition(")")[2].split()
                    parents[int(place.name)] = int(status[1])
        return [process for process, parent in parents.items() if parent not in parents]

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        for server in self.servers.values():  # one with a call that hangs ends it after two seconds: nobody waits for that
            threading.Thread(target=server.__exit__, args=(None, None, None)).start()


@contextmanager
def companies(folder: Path, database: str) -> Iterator[Company]:
    """A fleet without orgs, its tables not made yet."""
    (folder / "orgs").mkdir()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    company = Company(folder, {**kept, DATABASE: database, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)})
    company.write_fleet()
    try:
        yield company
    finally:
        company.close()

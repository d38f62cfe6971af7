"""What the benchmarks of both CRMs share: the streams of a run, a pull into a cache, and processes for sandbox and readers."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from kamsync.config.mapping import load_mapping
from kamsync.contract import Connection, Connector, Context, PullRequest, Secret, TierChoice
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column, Stream
from kamsync.plugins import load_connector
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync.store.database import open_cache
from kamsync.store.snapshot import Snapshot, fingerprint, load_cursor, split_streams

Result = dict[str, Any]
Reader = Callable[[Mapping[str, Any], Path], Result]


@dataclass(frozen=True)
class Bench:
    """One CRM under measurement. `module` is what runs `serve` and `child` when called with these words."""

    kind: str
    module: str

    @property
    def connector(self) -> Connector:
        return load_connector(self.kind)

    @property
    def context(self) -> Context:
        mapping = load_mapping(self.kind, crm=self.kind, folder=Path())
        return Context(mapping=mapping, timezone=ZoneInfo("UTC"), tiers=tuple(TierChoice(name, name) for name in "ABC"))

    def connect(self, settings: Mapping[str, Any]) -> Connection:
        connector = self.connector
        secrets = {setting.name for setting in connector.settings if setting.secret}
        values = {setting.name: setting.default for setting in connector.settings} | dict(settings)
        given = {name: Secret(value) if name in secrets and value else value for name, value in values.items()}
        return connector.connect(given, self.context)

    def requests_of_a_run(self) -> list[PullRequest]:
        """What the balanced preset asks for, by and large: every stream."""
        mapping = self.context.mapping
        flags = tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, field) for name, field in mapping.flags.items())
        columns = {**mapping.columns, Stream.ACCOUNTS: (*mapping.of(Stream.ACCOUNTS), *flags)}
        today = datetime.now(UTC).date()
        since = date(today.year - 2, today.month, 1)
        return [
            PullRequest(stream, columns.get(stream, STREAMS[stream].columns), since=since if STREAMS[stream].months else None)
            for stream in Stream
        ]

    def agent(self, settings: Mapping[str, Any], folder: Path) -> Result:
        """One pull as `kamsync pull` does it: incremental where the folder holds an earlier one."""
        connection = self.connect(settings)
        rows = 0
        with open_cache(folder / "agent.db") as cache:
            snapshot = Snapshot(cache, ZoneInfo("UTC"), datetime.now(UTC), lambda gone, known: None)
            requests, marks = [], {}
            for request in self.requests_of_a_run():
                marks[request.stream] = fingerprint(request, "bench", "UTC")
                cursor = load_cursor(cache, request.stream, marks[request.stream])
                requests.append(PullRequest(request.stream, request.columns, cursor, request.since))
            by_stream = {request.stream: request for request in requests}
            for stream, pages in split_streams(connection.pull(requests)):
                rows += snapshot.save(by_stream[stream], pages, marks[stream], lambda name, count, total: None).rows
        usage = connection.usage()
        connection.close()
        return {"rows": rows, "calls": usage.used_by_us}

    # -- processes -----------------------------------------------------------------------------------------------------------

    def serve(self, accounts: int, opportunities: int, *, limits: bool = False) -> None:
        """The sandbox with the program's fields set up; tells its settings on the first line and serves until it is ended.

        A line on its input is answered with the number of calls and of refusals (429) until then.
        """
        today = datetime.now(UTC).date()
        company = Company(accounts=accounts, opportunities=opportunities, today=today)
        crm: Any = self.connector.sandbox(company, SandboxOptions(today=today, enforce_rate_limits=limits))
        with SandboxServer(crm) as server:
            settings = dict(crm.settings(server.base_url))
            connection = self.connect(settings)
            failed = [step.name for step in connection.setup(dry_run=False) if step.status == "failed"]
            connection.close()
            print(json.dumps({"settings": settings, "failed": failed}), flush=True)
            for _ in sys.stdin:
                refused = sum(one.status == 429 for one in server.requests)
                print(json.dumps({"calls": server.calls(), "refused": refused}), flush=True)

    def start_sandbox(self, *arguments: str) -> tuple[subprocess.Popen[str], Mapping[str, Any]]:
        started = time.perf_counter()
        command = [sys.executable, "-m", self.module, "--serve", *arguments]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        answer = _line(server)
        print(f"sandbox up in {time.perf_counter() - started:.1f} s", flush=True)
        return server, answer["settings"]

    def child(self, reader: Reader, folder: Path) -> None:
        """Runs one reader with the settings on standard input; its result goes to standard output."""
        settings = json.loads(sys.stdin.read())
        started = time.perf_counter()
        result = reader(settings, folder)
        result["seconds"] = time.perf_counter() - started
        result["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        print(json.dumps(result))

    def measured(self, name: str, settings: Mapping[str, Any], folder: Path, *, title: str = "") -> Result:
        """One reader in a process of its own."""
        command = [sys.executable, "-m", self.module, "--child", name, "--folder", str(folder)]
        answer = subprocess.run(command, input=json.dumps(settings), capture_output=True, text=True, check=False)
        if answer.returncode:
            sys.exit(answer.stderr)
        result: Result = json.loads(answer.stdout)
        print(
            f"{title or name:24} {result['seconds']:8.2f} s {result['rows']:>10,} rows {result['calls']:>5} calls"
            f" {result['megabytes']:>5} MB {result['rows'] / result['seconds']:>9,.0f} rows/s",
            flush=True,
        )
        return result


def counted(server: subprocess.Popen[str]) -> Mapping[str, int]:
    """Calls and refusals that the sandbox has seen."""
    assert server.stdin is not None
    server.stdin.write("\n")
    server.stdin.flush()
    return _line(server)


def stop(server: subprocess.Popen[str]) -> None:
    server.terminate()
    server.wait()


def _line(server: subprocess.Popen[str]) -> dict[str, Any]:
    assert server.stdout is not None
    line = server.stdout.readline()
    if not line:
        sys.exit("The sandbox did not start.")
    found: dict[str, Any] = json.loads(line)
    return found


def large(requests: Sequence[PullRequest]) -> list[PullRequest]:
    """Accounts and opportunities only."""
    return [request for request in requests if request.stream in (Stream.ACCOUNTS, Stream.OPPORTUNITIES)]

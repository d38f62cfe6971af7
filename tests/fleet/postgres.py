"""A PostgreSQL of the tests' own, from the distribution's packages: started as an ordinary user, gone at the end."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

USERS = ("postgres", "nobody")  # initdb refuses root


def binaries() -> Path | None:
    """The folder of the newest server that is installed, None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3].split(".")[0]))
    return found[-1].parent if found else None


@dataclass(frozen=True)
class Server:
    """A running server; `url` makes a database's address."""

    folder: Path
    user: str
    bin: Path
    options: str = ""

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.folder}"

    def new_database(self) -> str:
        """The address of a fresh, empty one."""
        name = f"fleet_{secrets.token_hex(4)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def stop(self) -> None:
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")

    def start(self) -> None:
        options = f"-c listen_addresses='' -k {self.folder} -c fsync=off -c shared_buffers=16MB {self.options}"
        self._run("pg_ctl", "-w", "-D", str(self.folder / "data"), "-l", str(self.folder / "log"), "-o", options, "start")

    def initialise(self) -> None:
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", self.user, "-E", "UTF8", "--no-sync")

    def _run(self, command: str, *arguments: str) -> None:
        as_user: dict[str, Any] = {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}
        settings = as_user if os.geteuid() == 0 else {}
        full: Sequence[str] = [str(self.bin / command), *arguments]
        subprocess.run(full, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **settings)


@contextmanager
def running(folder_of_binaries: Path, *, options: str = "") -> Iterator[Server]:
    folder = Path(tempfile.mkdtemp(prefix="kamsync-pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    user = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        user = next(name for name in USERS if name in {one.pw_name for one in pwd.getpwall()})
        os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    server = Server(folder, user, folder_of_binaries, options)
    try:
        server.initialise()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

"""The image of `kamsync service docker`, made and run without a build daemon: its steps, one by one, in a clean root.

    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv bookworm ROOT
    make wheel && sudo .venv/bin/python -m bench.image ROOT dist/kamsync-*.whl

Wants root, since it changes roots and mounts. ROOT stands for the image's base and is only read. Each stage is a copy of it in
which RUN, COPY, ENV and USER do what a build does; pip finds the wheel in a folder instead of on an index of one's own. What
comes out is run as the printed `docker run` line would: read-only, with /tmp and /state, without rights, beside a sandbox CRM.
Ends with 1 where a step fails, where the container can write elsewhere, holds a compiler, does not sync by its schedule, is not
healthy, or does not stop in time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kamsync.cli.sandboxes import config_text, environment_of, start_sandbox
from kamsync.sandbox.company import Company

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FROM_THE_HOST = ("etc/resolv.conf", "etc/hosts", "etc/ssl/certs/ca-certificates.crt")  # as a build daemon brings them along
STOP_SECONDS, HEALTHY_SECONDS = 40.0, 90.0
SCHEDULE = '\n[schedule]\nsync = "*/1 * * * *"\n'
COMPILERS = ("cc", "gcc", "g++", "clang", "make", "ld", "as")


@dataclass
class Stage:
    """One FROM of a Dockerfile: its root on this machine, and what its instructions have set."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0"
    folder: str = "/"
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help="a clean root with Python and its venv module")
    parser.add_argument("wheel", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kamsync-image-") as made:
        folder = Path(made)
        company = Company(60, 400, today=datetime.now(UTC).date())
        with start_sandbox("salesforce", today=company.today, company=company) as server:
            settings = server.crm.settings(server.base_url)
            text = config_text("salesforce", settings, cache=Path("kamsync.db"), first_run="go")
            secrets = environment_of("salesforce", settings)
            printed = _printed(folder, text + SCHEDULE, secrets)
            image = build(printed, options.root, options.wheel, folder)
            sys.exit(not all([_is_clean(image), _works(image, folder, secrets)]))


def _printed(folder: Path, config: str, secrets: Mapping[str, str]) -> str:
    """What `kamsync service docker` prints in the admin's folder, after the commands on files that its header asks for."""
    file = folder / "config.toml"
    file.write_text(config, encoding="utf-8")
    file.chmod(0o600)
    _in_folder(folder, secrets, "setup", "--yes")
    printed = _in_folder(folder, secrets, "service", "docker")
    (prepare,) = re.findall(r"^# (sudo chgrp .*)$", printed, re.MULTILINE)
    subprocess.run(prepare.replace("sudo ", ""), shell=True, cwd=folder, check=True)
    return printed


def _in_folder(folder: Path, secrets: Mapping[str, str], *words: str) -> str:
    command = [sys.executable, "-m", "kamsync", *words]
    return subprocess.run(command, cwd=folder, env={**os.environ, **secrets}, check=True, capture_output=True, text=True).stdout


def build(dockerfile: str, base: Path, wheel: Path, folder: Path) -> Stage:
    """The last stage.

    Raises CalledProcessError where a step fails, ValueError where an instruction is none of those used here.
    """
    stages: list[Stage] = []
    named: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", dockerfile).splitlines():
        word, _, rest = line.strip().partition(" ")
        if not word or word.startswith("#"):
            continue
        began = time.monotonic()
        if word == "FROM":
            stages.append(Stage(_copy_of(base, folder / f"stage{len(stages)}")))
            named[rest.rpartition(" AS ")[2]] = stages[-1]
        else:
            _step(word, rest, stages[-1], named, wheel)
        print(f"{time.monotonic() - began:6.1f} s  {line[:110]}", flush=True)
    return stages[-1]


def _copy_of(base: Path, root: Path) -> Path:
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    for name in FROM_THE_HOST:
        shutil.copy(Path("/") / name, root / name)
    python = root / "usr/local/bin/python"  # Debian's is called python3, the image's python
    if not python.exists():
        python.symlink_to("/usr/bin/python3")
    return root


def _step(word: str, rest: str, stage: Stage, named: Mapping[str, Stage], wheel: Path) -> None:
    match word:
        case "RUN":
            wheels = stage.root / "wheels"
            wheels.mkdir(exist_ok=True)
            shutil.copy(wheel, wheels)
            found = {"PIP_FIND_LINKS": "/wheels", "PIP_CERT": "/" + FROM_THE_HOST[-1], "HOME": "/root"}
            subprocess.run(
                ["chroot", str(stage.root), "/bin/sh", "-c", rest],
                env={**stage.environment, **found},
                check=True,
                stdout=sys.stderr,
            )
            shutil.rmtree(wheels)
        case "COPY":
            source, one, other = rest.split()
            subprocess.run(["cp", "-a", f"{named[source.removeprefix('--from=')].root}{one}", f"{stage.root}{other}"], check=True)
        case "ENV":
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                stage.environment[name] = value.replace("$PATH", stage.environment["PATH"])
        case "USER":
            stage.user = rest
        case "WORKDIR":
            stage.folder = rest
        case "ENTRYPOINT":
            stage.entry = json.loads(rest)
        case "CMD":
            stage.command = json.loads(rest)
        case "HEALTHCHECK":
            stage.health = json.loads(rest.partition(" CMD ")[2])
        case "VOLUME" | "STOPSIGNAL":
            pass  # what the run below does anyway
        case _:
            raise ValueError(f"{word} is an instruction that this bench does not know")


def _inside(image: Stage, folder: Path, secrets: Mapping[str, str], command: Sequence[str]) -> list[str]:
    """The command line of one process in the container: its own mounts, nothing writable but /state and /tmp, no rights."""
    root = shlex.quote(str(image.root))
    config, state = (shlex.quote(str(folder / name)) for name in ("config.toml", "state"))
    mounts = (
        f"mount --bind {root} {root} && mount -o remount,bind,ro {root} && mount -t tmpfs tmpfs {root}/tmp"
        f" && mount --bind {state} {root}/state && mount --bind {config} {root}/config/config.toml"
        f" && mount -o remount,bind,ro {root}/config/config.toml && mount -t proc proc {root}/proc"
    )
    values = [f"{name}={value}" for name, value in {**image.environment, **secrets}.items()]
    user, _, group = image.user.partition(":")
    rights = ["setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs"]
    rights += ["--bounding-set=-all", "--inh-caps=-all"]
    inner = shlex.join(["env", "-i", *values, "sh", "-c", f"cd {image.folder} && exec {shlex.join(command)}"])
    script = f"{mounts} && exec chroot {root} {shlex.join(rights)} {inner}"
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "sh", "-c", script]


def _is_clean(image: Stage) -> bool:
    compilers = [name for name in COMPILERS for place in PATH.split(":") if (image.root / place.strip("/") / name).exists()]
    size = sum(file.lstat().st_size for file in (image.root / "opt/kamsync").rglob("*")) / 1e6
    print(f"/opt/kamsync: {size:.0f} MB; compilers: {', '.join(compilers) or 'none'}")
    return not compilers


def _works(image: Stage, folder: Path, secrets: Mapping[str, str]) -> bool:
    """The container as it is started, asked for its health, and stopped."""
    state = folder / "state"
    state.mkdir(mode=0o700)
    os.chown(state, *map(int, image.user.split(":")))
    (image.root / "config/config.toml").touch()
    where = "find / -xdev -writable -not -path '/proc/*' -not -type l 2>/dev/null | grep -vE '^/(tmp|state|dev)(/|$)' || true"
    writable = subprocess.run(
        _inside(image, folder, secrets, ["sh", "-c", where]), check=True, capture_output=True, text=True
    ).stdout.split()
    print(f"writable besides /tmp and /state: {', '.join(writable) or 'nothing'}")
    log = folder / "log"
    with log.open("wb") as sink:
        process = subprocess.Popen(_inside(image, folder, secrets, [*image.entry, *image.command]), stderr=sink, stdout=sink)
        healthy = _is_well(image, folder, secrets, process, log)
        began = time.monotonic()
        code = _stop(process)
    took = time.monotonic() - began
    print(f"synced and healthy: {healthy}; stopped after {took:.1f} s with exit code {code}")
    good = not writable and healthy and code == 0
    if not good:
        print(log.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
    return good


def _is_well(image: Stage, folder: Path, secrets: Mapping[str, str], process: subprocess.Popen[bytes], log: Path) -> bool:
    """Whether the schedule's next run ends well in time, and HEALTHCHECK says so."""
    until = time.monotonic() + HEALTHY_SECONDS
    while time.monotonic() < until and process.poll() is None:
        time.sleep(2)
        if b"run ended" in log.read_bytes():
            return subprocess.run(_inside(image, folder, secrets, image.health), check=False).returncode == 0
    return False


def _stop(process: subprocess.Popen[bytes]) -> int:
    """As `docker stop` does: SIGTERM to the container's first process, which is the child of unshare."""
    if process.poll() is not None:
        return process.returncode
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="utf-8").split()
    for child in children:
        os.kill(int(child), signal.SIGTERM)
    return process.wait(STOP_SECONDS)


if __name__ == "__main__":
    main()

"""The steps of `kamsync service docker` in a clean Debian root, without a build daemon, and the image's life in it.

    sudo python -m bench.container --python /usr/local --mirror https://deb.debian.org/debian [--root FOLDER]

Wants Linux, root, debootstrap, and packages from a mirror and a registry; takes some minutes. A root of debootstrap with the
Python under `--python` in /usr/local stands for the image `python:…-slim`; `--root` is one that is there already. Every RUN,
COPY, ENV, USER and WORKDIR of the printed Dockerfile is carried out in it, stage by stage. Then the image lives as its
`docker run` line says: its own user, no capabilities, a read-only root, /tmp in memory, /state the one place to write. It
syncs with an embedded CRM, its own HEALTHCHECK is asked until it is content, and SIGTERM ends it. Not run, because no daemon
is here: pulling the base image, layers, docker's own network, seccomp profile and timing of health checks.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kamsync.cli.sandboxes import config_text, environment_of, start_sandbox
from kamsync.sandbox.company import Company

SUITE = "bookworm"
LIBRARIES = "ca-certificates,libssl3,libffi8,libsqlite3-0,zlib1g,libbz2-1.0,liblzma5,libncursesw6,libreadline8,libuuid1,libexpat1"
COMPILERS = ("cc", "gcc", "g++", "clang", "ld", "make", "as")
ROOT = Path(__file__).parents[1]
USER_ID = 10001
PATIENCE_SECONDS = 120.0


@dataclass
class Stage:
    """One stage of the Dockerfile: its root, and what its later steps run with."""

    root: Path
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"})
    workdir: str = "/"
    last: dict[str, str] = field(default_factory=dict)  # of USER, HEALTHCHECK, ENTRYPOINT, CMD


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", type=Path, default=Path(sys.base_prefix), help="the prefix of a Python to put into the root")
    parser.add_argument("--mirror", default="https://deb.debian.org/debian")
    parser.add_argument("--root", type=Path, help="a clean root that debootstrap has made before")
    options = parser.parse_args()
    if os.geteuid() != 0:
        raise SystemExit("A root of another system can be entered by root alone.")
    with tempfile.TemporaryDirectory(prefix="kamsync-image-") as folder:
        place = Path(folder)
        base = options.root or place / "debian"
        if options.root is None:
            command = ["debootstrap", "--variant=minbase", f"--include={LIBRARIES}", SUITE, str(base), options.mirror]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        _tell("a clean root", base)
        wheels = _wheels(place / "wheels", options.python)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]  # the image's health check names it, so it is settled before
        _lives(place, _built(place, base, options.python, wheels, port), port)
    print("All steps of the Dockerfile were carried out, and the image lived as it should.")


def _wheels(folder: Path, python: Path) -> Path:
    """This checkout as a wheel, and what it needs, for the Python of the image."""
    build = [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)]
    subprocess.run(build, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = folder.glob("kamsync-*.whl")
    pip = [str(python / "bin/python3"), "-m", "pip", "--disable-pip-version-check", "-q"]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    subprocess.run([*pip, "wheel", "-w", str(folder), *constraints, f"{wheel}[metrics,notify]"], check=True)
    _tell("wheels", len(list(folder.glob("*.whl"))))
    return folder


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.startswith("#")))
    for line in joined.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word:
            yield word, rest.strip()


def _built(place: Path, base: Path, python: Path, wheels: Path, port: int) -> Stage:
    config = _configured(place, {}, port)
    command = [sys.executable, "-m", "kamsync", "service", "docker", "--config", str(config)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True)
    (opened,) = re.findall(r"^# (sudo chgrp .*)$", printed.stdout, re.MULTILINE)  # what lets the image's user read it
    subprocess.run(opened.replace("sudo ", ""), shell=True, cwd=config.parent, check=True)
    stages: dict[str, Stage] = {}
    for word, rest in _instructions(printed.stdout):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "image"
            stage = stages[name] = Stage(_image_of_python(base, place / name, python))
        elif word == "RUN":
            _run_in(stage, rest, wheels)
        elif word == "COPY":
            given = re.fullmatch(r"--from=(\S+) (\S+) (\S+)", rest)
            if given is None:
                raise SystemExit(f"COPY {rest}: only what another stage has made is known here")
            _copy(stages[given[1]].root / given[2].lstrip("/"), stage.root / given[3].lstrip("/"))
        elif word == "ENV":
            for pair in shlex.split(rest):
                name, _, value = pair.partition("=")
                stage.environment[name] = value.replace("$PATH", stage.environment["PATH"])
        elif word == "WORKDIR":
            stage.workdir = rest
        elif word in ("USER", "HEALTHCHECK", "ENTRYPOINT", "CMD", "VOLUME", "STOPSIGNAL"):
            stage.last[word] = rest
        else:
            raise SystemExit(f"{word} is no instruction that is known here")
        _tell(word, rest[:90])
    return stages["image"]


def _image_of_python(base: Path, root: Path, python: Path) -> Path:
    """What `python:…-slim` is: a small Debian with a Python in /usr/local."""
    _copy(base, root)
    for part in ("bin", "lib"):
        _copy(python / part, root / "usr/local" / part)
    subprocess.run(["chroot", str(root), "/sbin/ldconfig"], check=True)  # where that Python is a shared library
    link = root / "usr/local/bin/python"
    if not link.exists():
        link.symlink_to("python3")
    return root


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    merged = f"{source}/." if target.is_dir() else str(source)
    subprocess.run(["cp", "-a", "--reflink=auto", merged, str(target)], check=True)


def _run_in(stage: Stage, command: str, wheels: Path) -> None:
    """As `docker build` runs it; pip is configured, by its environment, to know nothing but the wheels that were made."""
    environment = {**stage.environment, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/wheels"}
    target = stage.root / "wheels"
    target.mkdir()
    mounts = (f"mount --bind {shlex.quote(str(wheels))} {shlex.quote(str(target))}",)
    try:
        subprocess.run(_entering(stage.root, ["/bin/sh", "-c", command], environment, stage.workdir, mounts), check=True)
    finally:
        target.rmdir()


def _entering(
    root: Path,
    command: Sequence[str],
    environment: Mapping[str, str],
    workdir: str,
    mounts: Sequence[str] = (),
    *,
    drop: bool = False,
) -> list[str]:
    """The command in that root, with mounts and processes of its own; with `drop` as the image's user without any right."""
    at = shlex.quote(str(root))
    rights = ["setpriv", f"--reuid={USER_ID}", f"--regid={USER_ID}", "--clear-groups", "--bounding-set=-all", "--no-new-privs"]
    inside = [*(rights if drop else []), "env", "-i", *(f"{name}={value}" for name, value in environment.items())]
    entered = ["chroot", str(root), *inside, "/bin/sh", "-c", f"cd {shlex.quote(workdir)} && exec {shlex.join(command)}"]
    steps = [*mounts, f"mount -t proc proc {at}/proc", f"mount --bind /dev {at}/dev", f"exec {shlex.join(entered)}"]
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", "\n".join(steps)]


# --- the image's life --------------------------------------------------------------------------------------------------------


def _configured(folder: Path, settings: Mapping[str, object], port: int) -> Path:
    """A configuration beside the Dockerfile, as `init` writes it: readable by its owner alone."""
    place = folder / "config"
    place.mkdir(exist_ok=True)
    text = config_text("salesforce", settings, cache=Path("kamsync.db"), first_run="go")
    path = place / "config.toml"
    path.touch(mode=0o600)
    path.write_text(f'{text}\n[schedule]\nsync = "0 4 1 1 *"\n[serve]\nport = {port}\n', encoding="utf-8")
    return path


def _lives(place: Path, image: Stage, port: int) -> None:
    found = [
        name for name in COMPILERS for folder in ("usr/bin", "usr/local/bin", "bin") if (image.root / folder / name).exists()
    ]
    _must(not found, f"no compiler in the image ({found})")
    state = place / "state"
    state.mkdir(mode=0o700)
    os.chown(state, USER_ID, USER_ID)
    today = datetime.now(UTC).date()
    with start_sandbox("salesforce", today=today, company=Company(60, 300, today=today), provisioned=True) as server:
        settings = server.crm.settings(server.base_url)
        config = _configured(place, settings, port)
        at, to = (shlex.quote(str(one)) for one in (image.root, config.parent))
        mounts = (
            f"mount --bind {at} {at}",
            f"mount -o remount,bind,ro {at}",
            f"mount -t tmpfs tmp {at}/tmp",
            f"mount --bind {shlex.quote(str(state))} {at}/state",
            f"mount --bind {to} {at}/config",
            f"mount -o remount,bind,ro {at}/config",
        )
        environment = {**image.environment, **environment_of("salesforce", settings)}

        def inside(*command: str) -> list[str]:
            return _entering(image.root, command, environment, image.workdir, mounts, drop=True)

        closed = "for p in / /opt/kamsync /config /etc /usr; do touch $p/x 2>/dev/null && echo $p; done"
        looked = f"id -u; {closed}; touch /state/x /tmp/x && echo ok"
        said = subprocess.run(inside("sh", "-c", looked), check=True, capture_output=True, text=True).stdout.split()
        _must(said == [str(USER_ID), "ok"], f"its own user writes to /state and /tmp alone ({said})")
        entry = json.loads(image.last["ENTRYPOINT"])
        once = subprocess.run(inside(*entry, "run", "--once"), capture_output=True, text=True, check=False)
        _must(once.returncode == 0, f"`run --once` syncs ({once.stderr[-300:]})")
        _stays(inside, entry, json.loads(image.last["CMD"]), _health(image))


def _health(image: Stage) -> list[str]:
    check: list[str] = json.loads(image.last["HEALTHCHECK"].partition("CMD ")[2])
    return check


def _stays(inside: Callable[..., list[str]], entry: Sequence[str], command: Sequence[str], check: Sequence[str]) -> None:
    """The schedule in the foreground: its health check becomes content, and SIGTERM ends it well before docker would kill it."""
    began = time.monotonic()
    with subprocess.Popen(inside(*entry, *command), stderr=subprocess.DEVNULL) as schedule:
        while subprocess.run(inside(*check), capture_output=True, check=False).returncode:
            if time.monotonic() - began > PATIENCE_SECONDS or schedule.poll() is not None:
                for child in _descendants(schedule.pid):
                    os.kill(child, signal.SIGKILL)
                schedule.kill()
                _must(False, "the health check becomes content while the schedule lives")
            time.sleep(1)
        _tell("healthy after", f"{time.monotonic() - began:.0f} s")
        stopped = time.monotonic()
        for child in _descendants(schedule.pid):
            os.kill(child, signal.SIGTERM)
        schedule.wait(40)
        _must(schedule.returncode == 0, f"SIGTERM ends it well ({schedule.returncode})")
        _tell("stopped after", f"{time.monotonic() - stopped:.1f} s")


def _descendants(pid: int) -> list[int]:
    """The process that docker would signal: the one that unshare has started."""
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(one) for one in text.split()]


def _must(holds: bool, what: str) -> None:
    if not holds:
        raise SystemExit(f"Not so: {what}")
    _tell("holds", what)


def _tell(what: str, value: object) -> None:
    print(f"{what}: {value}", flush=True)


if __name__ == "__main__":
    if shutil.which("unshare") is None or shutil.which("chroot") is None:
        raise SystemExit("unshare and chroot are needed.")
    main()

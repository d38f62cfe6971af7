"""The built wheel works in an environment that never saw this checkout, and ships what it needs and nothing else."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import replace
from email.parser import BytesParser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.console.console_client import running
from tests.journeys.conftest import desks

ROOT = Path(__file__).parents[2]

IN_SDIST: tuple[str, ...] = tuple(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"][
        "only-include"
    ]
)
DIST_INFO = ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")
STRAYS = (".env", "kamsync/.env", "kamsync/config.toml", "connectors/kamsync_hubspot/customer.db", "mappings/secret.key")


def tracked(*folders: str) -> set[str]:
    """The files of these folders that git knows."""
    return set(_run("git", "ls-files", "-z", "--", *folders, cwd=ROOT).split("\0")) - {""}


def _in_wheel(path: str) -> str:
    if path.startswith("mappings/"):
        return f"kamsync/_{path}"
    return path.removeprefix("connectors/")


def _run(*command: str | Path, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    result = subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that is built from it, made where a workshop's files lie among the program's."""
    folder = tmp_path_factory.mktemp("dist")
    checkout = tmp_path_factory.mktemp("checkout")
    for name in tracked("."):
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, checkout / name)
    for name in STRAYS:
        (checkout / name).write_text("TOKEN=do-not-ship", encoding="utf-8")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, checkout, cwd=folder)
    return folder


def test_the_wheel_holds_the_packages_and_the_mappings_and_nothing_of_the_workshop(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"kamsync/cli/__init__.py", "kamsync_salesforce/__init__.py", "kamsync_hubspot/__init__.py"} <= set(names)
    assert {"kamsync/_mappings/salesforce.toml", "kamsync/_mappings/hubspot.toml"} <= set(names)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"kamsync", "kamsync_salesforce", "kamsync_hubspot"}
    (metadata,) = [name for name in names if name.endswith(".dist-info/METADATA")]
    information = {f"{metadata.partition('/')[0]}/{name}" for name in DIST_INFO}
    assert set(names) == {_in_wheel(path) for path in tracked("kamsync", "connectors", "mappings")} | information


def test_the_sdist_holds_the_tracked_files_of_its_folders_and_nothing_beside_them(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {member.name.split("/", 1)[1] for member in archive.getmembers() if member.isfile()}
    assert names == tracked(*IN_SDIST) | {"PKG-INFO", ".gitignore", "pyproject.toml"}


def _promised() -> list[str]:
    """What README says that the demo shows, line by line."""
    (block,) = re.findall(r"What you see:\n\n```text\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [line for line in block.splitlines() if line.strip(" …")]


def _masked(line: str) -> str:
    """With one blank for any number of them, and one sign for every number and run: those are of the day."""
    return re.sub(r"\d[\d.,T-]*([0-9a-f-]*)", "#", " ".join(line.split()))


def _needed(wheel: Path) -> dict[str, Distribution]:
    """What the wheel asks for without an extra, and what that asks for, as it is installed here."""
    found: dict[str, Distribution] = {}
    asked = [Requirement(line) for line in BytesParser().parsebytes(_metadata_of(wheel)).get_all("Requires-Dist", [])]
    wanted = [(one, "") for one in asked]
    while wanted:
        requirement, extra = wanted.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for one in ("", *requirement.extras):
            if (key := f"{requirement.name}[{one}]") not in found:
                found[key] = distribution(requirement.name)
                wanted += [(Requirement(line), one) for line in found[key].requires or ()]
    return found


def _metadata_of(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA")))


def _lend(environment: Path, wheel: Path) -> None:
    """Puts the libraries that the wheel asks for, and none besides, where the environment looks: as links to this one's.

    What is not declared is missing there too, and nothing is copied or compiled. The wheel itself is installed.
    """
    (place,) = environment.glob("lib/python*/site-packages")
    for one in _needed(wheel).values():
        for name in {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}:
            if not (place / name).exists():
                (place / name).symlink_to(Path(str(one.locate_file(name))))
    _install(environment, "--no-deps", wheel)


def _download(environment: Path, wheel: Path) -> None:
    """As a user does it, from a package registry."""
    _install(environment, "-c", ROOT / "constraints.txt", wheel)


def _install(environment: Path, *what: str | Path) -> None:
    pip = (sys.executable, "-m", "pip", "--python", environment / "bin" / "python", "-q", "--disable-pip-version-check")
    _run(*pip, "install", "--no-compile", *what, cwd=environment)


@pytest.mark.parametrize("install", [_lend, pytest.param(_download, marks=pytest.mark.slow)])
def test_the_wheel_runs_the_main_job_in_a_clean_environment(
    built: Path, tmp_path: Path, install: Callable[[Path, Path], None]
) -> None:
    (wheel,) = built.glob("*.whl")
    environment = tmp_path / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=tmp_path)
    install(environment, wheel)
    shown = _run(environment / "bin" / "kamsync", "demo", cwd=tmp_path)
    assert "Nothing to write" in shown
    assert [line for line in _promised() if not any(_masked(one).startswith(_masked(line)) for one in shown.splitlines())] == []
    for words in (
        ("mapping", "copy", "m.toml", "--crm", "hubspot"),
        ("playbooks", "copy", "renewal", "p.toml"),
        ("criteria", "list"),
    ):
        _run(environment / "bin" / "kamsync", *words, cwd=tmp_path)
    assert 'crm = "hubspot"' in (tmp_path / "m.toml").read_text()
    with desks(tmp_path) as open_desk:
        desk = replace(open_desk("hubspot", accounts=10, opportunities=40), python=str(environment / "bin" / "python"))
        assert desk.start_anew("pull").wait(60) == 0
        with running(desk) as console:
            console.enter()
            assert "Enter the key accounts" in console.send("/plan/make").text

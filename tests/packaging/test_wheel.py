"""The built wheel works in an environment that never saw this checkout, and ships what it needs and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("packaging")


def _run(*command: str | Path, cwd: Path) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "VIRTUAL_ENV"))}
    result = subprocess.run([str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the sdist and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT, cwd=folder)
    return folder


def test_the_wheel_holds_the_packages_and_the_mappings_and_nothing_of_the_workshop(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"kamsync/cli/__init__.py", "kamsync_salesforce/__init__.py", "kamsync_hubspot/__init__.py"} <= set(names)
    assert {"kamsync/_mappings/salesforce.toml", "kamsync/_mappings/hubspot.toml"} <= set(names)
    tops = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert tops == {"kamsync", "kamsync_salesforce", "kamsync_hubspot"}
    assert not [name for name in names if "node_modules" in name or name.endswith((".db", ".pyc"))]


def test_the_sdist_leaves_untracked_files_out(built: Path) -> None:
    stray = ROOT / "config.toml"
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    assert stray.name not in names
    assert not [name for name in names if name.startswith((".env", ".venv"))]


def test_the_wheel_runs_the_main_job_in_a_clean_environment(built: Path, tmp_path: Path) -> None:
    (wheel,) = built.glob("*.whl")
    environment = tmp_path / "venv"
    _run(sys.executable, "-m", "venv", environment, cwd=tmp_path)
    _run(environment / "bin" / "pip", "-q", "--disable-pip-version-check", "install",
         "-c", ROOT / "constraints.txt", wheel, cwd=tmp_path)  # fmt: skip
    shown = _run(environment / "bin" / "kamsync", "demo", cwd=tmp_path)
    assert "Nothing to write" in shown
    for words in (
        ("mapping", "copy", "m.toml", "--crm", "hubspot"),
        ("playbooks", "copy", "renewal", "p.toml"),
        ("criteria", "list"),
    ):
        _run(environment / "bin" / "kamsync", *words, cwd=tmp_path)
    assert 'crm = "hubspot"' in (tmp_path / "m.toml").read_text()

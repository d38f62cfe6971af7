"""What an installation brings along: is anything of it known to be unsafe, under which licence is each, and a list for machines.

    make audit

Installs this checkout with its extras into an environment of its own below build/audit, beside the tools (pip-audit,
cyclonedx-bom). Writes build/audit/sbom.json (CycloneDX) and build/audit/licences.txt. Ends with 1 where something is known to be
unsafe, or where a licence is none of those below. Where pip-audit cannot reach its data, that is said, and is no failure.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "build" / "audit"
EXTRAS = "keyring,notify,metrics,otel,report,parquet,calibrate"
# Permissive ones, and those of weak copyleft that bind only who changes the library itself.
ALLOWED = (
    "MIT",
    "BSD",
    "Apache",
    "ISC",
    "PSF",
    "Python Software Foundation",
    "MPL",
    "Mozilla",
    "Zope",
    "Unlicense",
    "CNRI",
    "LGPL",
    "Public Domain",
)
# Named by no metadata; read in the project's own LICENSE.
LOOKED_AT = {"sqlite-fts4": "Apache-2.0"}


def main() -> None:
    environment, tools = FOLDER / "env", FOLDER / "tools"
    _install(environment, f"{ROOT}[{EXTRAS}]", "-c", str(ROOT / "constraints.txt"))
    _install(tools, "pip-audit", "cyclonedx-bom")
    sbom = _sbom(tools, environment)
    foreign = list(_licences(sbom))
    unsafe = _is_unsafe(tools, environment)
    sys.exit(bool(foreign) or unsafe)


def _install(environment: Path, *what: str) -> None:
    if not environment.exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    pip: list[str | Path] = [environment / "bin" / "python", "-m", "pip", "-q", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, *what], cwd=FOLDER, check=True)


def _sbom(tools: Path, environment: Path) -> Mapping[str, Any]:
    path = FOLDER / "sbom.json"
    command: list[str | Path] = [
        tools / "bin" / "cyclonedx-py",
        "environment",
        "--pyproject",
        ROOT / "pyproject.toml",
        "--output-reproducible",
    ]
    subprocess.run([*command, "-o", path, environment / "bin" / "python"], check=True)
    sbom: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    print(f"{path.relative_to(ROOT)}: CycloneDX {sbom['specVersion']}, {len(sbom['components'])} components")
    return sbom


def _licences(sbom: Mapping[str, Any]) -> Iterator[str]:
    """Writes the list; those that are none of ALLOWED."""
    lines = []
    for component in sorted(sbom["components"], key=lambda one: str(one["name"]).lower()):
        known = list(dict.fromkeys(_named(component))) or [LOOKED_AT.get(component["name"], "none named")]
        lines.append(f"{component['name']} {component['version']}: {', '.join(known)}")
        if not any(allowed in text for text in known for allowed in ALLOWED):
            print(f"to look at: {lines[-1]}")
            yield lines[-1]
    path = FOLDER / "licences.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {len(lines)} licences")


def _named(component: Mapping[str, Any]) -> Iterator[str]:
    for entry in component.get("licenses", ()):
        said = entry.get("license", {})
        yield str(entry.get("expression") or said.get("id") or said.get("name"))


def _is_unsafe(tools: Path, environment: Path) -> bool:
    site = next((environment / "lib").glob("python*")) / "site-packages"
    command: list[str | Path] = [tools / "bin" / "pip-audit", "--path", site, "--progress-spinner", "off", "--format", "json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if not ended.stdout:
        print(f"pip-audit could not reach its data here; run `make audit` where it can. It said: {ended.stderr.strip()[-200:]}")
        return False
    found = json.loads(ended.stdout)["dependencies"]
    asked = [one for one in found if "skip_reason" not in one]
    unsafe = [(one, flaw) for one in asked for flaw in one["vulns"]]
    for one, flaw in unsafe:
        print(f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}")
    print(f"pip-audit: {len(asked)} packages looked up, {len(unsafe)} known flaws, {len(found) - len(asked)} not in its data")
    return bool(unsafe)


if __name__ == "__main__":
    main()

"""npm `@hubspot/api-client`, HubSpot's own, against the sandbox. Its packages come from `node/package.json`, no lock file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parent / "node"
pytestmark = [
    pytest.mark.node,
    pytest.mark.skipif(not shutil.which("node") or not shutil.which("npm"), reason="Node.js or npm is absent"),
]


@pytest.fixture
def installed() -> Path:
    """The project with its packages beside it; installed once and kept."""
    if not (PROJECT / "node_modules" / "@hubspot" / "api-client").is_dir():
        command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"]
        subprocess.run(command, cwd=PROJECT, check=True, capture_output=True, timeout=180)
    return PROJECT


def test_the_node_client_reads_writes_and_waits_out_both_limits(a_portal: Any, installed: Path) -> None:
    portal, limited = a_portal(accounts=230, provisioned=True), a_portal(limits=True, burst_limit=5)
    environment = {**os.environ, "BASE_URL": portal.url, "LIMITED_URL": limited.url, "ACCESS_TOKEN": portal.token}

    run = subprocess.run(
        ["node", "check.mjs"], cwd=installed, env=environment, capture_output=True, text=True, timeout=90, check=False
    )

    assert run.returncode == 0, run.stderr
    seen = json.loads(run.stdout)
    retries = seen.pop("retries")
    assert seen == {
        "companies": 230,
        "dates": True,
        "inline": ["company_to_deal", "company_to_deal_unlabeled"] * 2,
        "search": {"total": 225, "first": "Açúcar 230", "after": "3"},
        "read": {"names": ["Açúcar 1"], "numErrors": 1},
        "updated": "A",
        "upserts": [True, False],
        "invalid": 400,
        "twin": 409,
        "properties": ["name", "kam_tier", "node_id"],
        "linked": [["1000000001", [192]]],
        "owners": ["ana@example.com", "ben@example.com"],
        "stages": ["false", "false", "false", "false", "true", "true"],
    }
    assert retries["answers"] == retries["found"] == 7
    assert retries["searchSeconds"] >= 1 and retries["seconds"] >= 10
    assert "[429], will retry [1] time in [10000] ms" in run.stderr and "time in [1000] ms" in run.stderr

"""Starting an embedded CRM and writing a configuration for it: shared by `sandbox` and `demo`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from kamsync.plugins import load_connector
from kamsync.sandbox.company import Company
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions
from kamsync.sandbox.server import SandboxServer

CrmOption = Annotated[str, typer.Option("--crm", help="Which CRM: salesforce, hubspot, or another installed connector.")]
SECRET_SETTINGS = ("client_secret", "access_token", "password", "security_token", "private_key", "refresh_token", "client_id")


def start_sandbox(
    crm: str,
    *,
    today: date,
    port: int = 0,
    accounts: int = 400,
    opportunities: int = 3000,
    tls: bool = False,
    provisioned: bool = False,
    daily_limit: int | None = None,
    enforce_rate_limits: bool = True,
    vendor: Mapping[str, Any] | None = None,
) -> SandboxServer:
    """A server, not yet started, over a sample company of that size. ConfigError where no connector has that name."""
    connector = load_connector(crm)
    options = SandboxOptions(
        today=today,
        daily_limit=daily_limit,
        enforce_rate_limits=enforce_rate_limits,
        provisioned=provisioned,
        vendor=vendor or {},
    )
    company = Company(accounts=accounts, opportunities=opportunities, today=today)
    return SandboxServer(cast(SandboxCrm, connector.sandbox(company, options)), port=port, tls=tls)


def environment_of(crm: str, settings: Mapping[str, Any]) -> dict[str, str]:
    """The sandbox's secrets under the environment names that `config_text` refers to."""
    return {_variable(crm, name): str(value) for name, value in settings.items() if name in SECRET_SETTINGS}


def config_text(crm: str, settings: Mapping[str, Any], *, cache: Path, first_run: str = "ask") -> str:
    """A configuration that signs in to the sandbox and runs a whole programme: a preset and a few playbooks."""
    lines = [
        "[program]",
        'name = "Key accounts"',
        'timezone = "Europe/Berlin"',
        'currency = "EUR"',
        'criteria = "balanced"',
        'playbooks = ["onboarding", "quarterly-review"]',
        'eligible = "won_count_total > 0"',
        'fallback_owner = "owner1@kamsync.example"',
        "",
        "[crm]",
        f'kind = "{crm}"',
        f'mapping = "{crm}"',
        "",
        f"[crm.{crm}]",
    ]
    for name, value in settings.items():
        secret = name in SECRET_SETTINGS
        lines.append(f'{name} = {{ env = "{_variable(crm, name)}" }}' if secret else f'{name} = "{value}"')
    lines += ["", "[cache]", f'path = "{cache.name}"', "", "[guard]", f'first_run = "{first_run}"', ""]
    return "\n".join(lines)


def _variable(crm: str, setting: str) -> str:
    return f"KAMSYNC_SANDBOX_{crm}_{setting}".upper()

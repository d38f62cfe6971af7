"""Starting an embedded CRM and writing a configuration for it: shared by `sandbox` and `demo`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from kamsync.errors import ConfigError
from kamsync.plugins import load_connector
from kamsync.sandbox.company import Company
from kamsync.sandbox.company_records import SampleCompany
from kamsync.sandbox.crm import SandboxCrm, SandboxOptions
from kamsync.sandbox.server import SandboxServer
from kamsync.sandbox.shapes import SHAPES, ShapedCompany

CrmOption = Annotated[str, typer.Option("--crm", help="Which CRM: salesforce, hubspot, or another installed connector.")]
SECRET_SETTINGS = ("client_secret", "access_token", "password", "security_token", "private_key", "refresh_token", "client_id")


def start_sandbox(
    crm: str,
    *,
    today: date,
    port: int = 0,
    company: SampleCompany | None = None,
    tls: bool = False,
    provisioned: bool = False,
    daily_limit: int | None = None,
    enforce_rate_limits: bool = True,
    vendor: Mapping[str, Any] | None = None,
) -> SandboxServer:
    """A server, not yet started, over the company (the demo's by default). ConfigError where no connector has that name."""
    connector = load_connector(crm)
    options = SandboxOptions(
        today=today,
        daily_limit=daily_limit,
        enforce_rate_limits=enforce_rate_limits,
        provisioned=provisioned,
        vendor=vendor or {},
    )
    served = company or Company(today=today)
    return SandboxServer(cast(SandboxCrm, connector.sandbox(served, options)), port=port, tls=tls)


def sample_company(
    today: date, *, shape: str | None = None, accounts: int | None = None, opportunities: int | None = None
) -> SampleCompany:
    """The demo's company in the given sizes, or one of a shape. ConfigError where there is no such shape."""
    if shape is None:
        return Company(400 if accounts is None else accounts, 3000 if opportunities is None else opportunities, today=today)
    if shape not in SHAPES:
        raise ConfigError(f"--shape {shape!r} is no shape.", fix=f"Choose one of {', '.join(SHAPES)}.")
    if opportunities is not None:
        raise ConfigError(
            f"--opportunities has no say with --shape {shape}: they follow from what its accounts do.",
            fix="Leave --opportunities out; --accounts sets the size.",
        )
    return ShapedCompany(SHAPES[shape], today=today, accounts=accounts)


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
        'renewal_types = ["Renewal", "renewal"]',
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

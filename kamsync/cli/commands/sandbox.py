"""`kamsync sandbox`: serves an embedded CRM on loopback, with a page that shows what a key account manager would see."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import JsonOption
from kamsync.cli.sandboxes import CrmOption, config_text, environment_of, sample_company, start_sandbox
from kamsync.files import write_private
from kamsync.sandbox.shapes import SHAPES


def sandbox(
    crm: CrmOption = "salesforce",
    port: Annotated[int, typer.Option(help="The port on 127.0.0.1; 0 takes a free one.", min=0, max=65535)] = 8765,
    shape: Annotated[str | None, typer.Option(help=f"A company of a kind: {', '.join(SHAPES)}.")] = None,
    accounts: Annotated[
        int | None, typer.Option(help="Accounts of the sample company; 400, or as many as its shape has.", min=0)
    ] = None,
    opportunities: Annotated[int | None, typer.Option(help="Opportunities of the sample company; 3000.", min=0)] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https with a certificate of its own.")] = False,
    provisioned: Annotated[bool, typer.Option("--provisioned", help="As if `kamsync setup` had run.")] = False,
    daily_limit: Annotated[int | None, typer.Option(help="API calls a day; the vendor's usual limit by default.", min=0)] = None,
    unlimited: Annotated[bool, typer.Option("--unlimited", help="No burst limits, for benchmarks.")] = False,
    write_config: Annotated[Path | None, typer.Option(help="Also write a config.toml that signs in to this sandbox.")] = None,
    json: JsonOption = False,
) -> None:
    """Serve an embedded CRM with a sample company, until Ctrl-C."""
    today = datetime.now(UTC).date()
    server = start_sandbox(
        crm,
        today=today,
        port=port,
        company=sample_company(today, shape=shape, accounts=accounts, opportunities=opportunities),
        tls=tls,
        provisioned=provisioned,
        daily_limit=daily_limit,
        enforce_rate_limits=not unlimited,
    )
    with server:
        settings = dict(server.crm.settings(server.base_url))
        if server.ca_path is not None:
            settings["ca_bundle"] = str(server.ca_path)  # what signs in has to trust our certificate
        if write_config is not None:
            write_private(write_config, config_text(crm, settings, cache=write_config.with_suffix(".db")), "configuration file")
            if not json:
                show(f"{write_config} takes its secrets from the environment:")
                show("\n".join(f"export {name}='{value}'" for name, value in environment_of(crm, settings).items()))
        if json:
            show_json({"url": server.base_url, "crm": crm, "settings": settings, "ca": str(server.ca_path or "")})
        else:
            show(f"{crm} sandbox: {server.base_url}   (what a key account manager would see)")
            show("Sign in with these settings; the secrets are the sandbox's own and open nothing else:")
            show(f"[crm.{crm}]\n" + "\n".join(f'{name} = "{value}"' for name, value in settings.items()))
        say("Serving. Ctrl-C stops it.")
        server.wait()

"""`kamsync demo`: the whole loop against the embedded sandbox CRM, by the very commands that an admin would type."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.commands import accounts as accounts_command
from kamsync.cli.commands import apply as apply_command
from kamsync.cli.commands import explain as explain_command
from kamsync.cli.commands import plan as plan_command
from kamsync.cli.commands import setup as setup_command
from kamsync.cli.commands import sync as sync_command
from kamsync.cli.console import say, show
from kamsync.cli.sandboxes import CrmOption, config_text, environment_of, start_sandbox


def demo(
    crm: CrmOption = "salesforce",
    serve: Annotated[bool, typer.Option("--serve", help="Keep the CRM's page up afterwards, until Ctrl-C.")] = False,
) -> None:
    """Run the whole loop on an embedded CRM with a sample company. No account needed, nothing leaves this machine."""
    started = time.monotonic()
    today = datetime.now(UTC).date()
    server = start_sandbox(crm, today=today)
    with server, tempfile.TemporaryDirectory(prefix="kamsync-demo-") as folder:
        settings = server.crm.settings(server.base_url)
        os.environ.update(environment_of(crm, settings))
        config = Path(folder) / "config.toml"
        config.write_text(config_text(crm, settings, cache=config.with_suffix(".db")), encoding="utf-8")
        config.chmod(0o600)
        say(f"An embedded {crm} CRM with a sample company serves on {server.base_url}", "dim")

        _step("kamsync setup --yes", lambda: setup_command.setup(config=config, yes=True))
        _step("kamsync plan", lambda: plan_command.plan(config=config, limit=6))
        _step("kamsync apply --yes", lambda: apply_command.apply(config=config, yes=True))
        _step("kamsync sync", lambda: sync_command.sync(config=config))
        _step("kamsync accounts --limit 8", lambda: accounts_command.accounts(config=config, limit=8))
        first = accounts_command.first_account(config)
        _step(f"kamsync explain {first!r}", lambda: explain_command.explain(first, config=config))
        show("")
        show(f"Done in {time.monotonic() - started:.0f} s, with {server.calls()} API calls in all. Your own CRM: kamsync init")
        if serve:
            say(f"What a key account manager sees: {server.base_url}   (Ctrl-C stops it)")
            server.wait()


def _step(command: str, run: Callable[[], None]) -> None:
    """Shows the command as an admin would type it, then runs it; an exit code of 0 is no end."""
    show("")
    show(f"$ {command}")
    try:
        run()
    except typer.Exit as ended:
        if ended.exit_code != 0:
            raise

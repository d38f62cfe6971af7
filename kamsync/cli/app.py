"""The list of commands. Each lives in a module of its own; this one only names them."""

from __future__ import annotations

from typing import Annotated

import typer

from kamsync import __version__
from kamsync.cli import (
    accounts,
    apply,
    backtest,
    criteria,
    demo,
    doctor,
    explain,
    facts,
    history,
    init,
    plan,
    pull,
    run,
    runs,
    sandbox,
    setup,
    simulate,
    status,
    sync,
    undo,
)
from kamsync.cli.console import configure, show

app = typer.Typer(
    name="kamsync",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Finds your key accounts in Salesforce or HubSpot, says why, and keeps their tiers and account-plan tasks current.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 held back by a guard. --debug shows tracebacks.",
)


def _show_version(wanted: bool) -> None:
    if wanted:
        show(f"kamsync {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[bool, typer.Option("--version", help="Show the version.", callback=_show_version, is_eager=True)] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text at a terminal too.")] = False,
) -> None:
    configure(colour=not no_color)


app.command("demo")(demo.demo)
app.command("init")(init.init)
app.command("doctor")(doctor.doctor)
app.command("setup")(setup.setup)
app.command("pull")(pull.pull)
app.command("plan")(plan.plan)
app.command("apply")(apply.apply)
app.command("sync")(sync.sync)
app.command("run")(run.run)
app.command("explain")(explain.explain)
app.command("accounts")(accounts.accounts)
app.command("status")(status.status)
app.command("history")(history.history)
app.command("runs")(runs.runs)
app.command("undo")(undo.undo)
app.command("simulate")(simulate.simulate)
app.command("backtest")(backtest.backtest)
app.command("facts")(facts.facts)
app.add_typer(criteria.app, name="criteria", help="Check criteria files.")
app.command("sandbox")(sandbox.sandbox)

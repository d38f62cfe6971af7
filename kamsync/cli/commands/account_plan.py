"""`kamsync account-plan ACCOUNT`: the account's plan on one page, as Markdown, HTML or JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import orjson
import typer

from kamsync.cli.console import show
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.files import write_private
from kamsync.report.account_plan.documents import as_html, as_json, as_markdown
from kamsync.run.account_plan import account_plan_of, planning, portfolio_of
from kamsync.run.moments import today
from kamsync.run.people import Seen, see_account
from kamsync.store.accounts import find_account
from kamsync.store.evaluate import Evaluation

Format = Literal["md", "html", "json"]


def account_plan(
    account: Annotated[str, typer.Argument(help="The account's id, or its name or a part of it.")],
    config: ConfigOption = DEFAULT_CONFIG,
    format: Annotated[Format, typer.Option(help="Markdown, one HTML file that prints, or JSON.")] = "md",
    out: Annotated[Path | None, typer.Option(help="The file to write, instead of the terminal.", readable=False)] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the CRM for people and goals.")] = False,
    json: JsonOption = False,
) -> None:
    """Show an account's plan on one page. Standing, reasons, goals, figures, white space, people, tasks and risks.

    Reads the cache; the names of people, and the goals that people keep for the account, come from the CRM as the page is made,
    and are kept nowhere.
    """
    session = open_session(config)
    session.check_target(out)
    day = today(session.config, datetime.now(UTC))
    with session.cache(must_exist=True) as cache:
        account_id, _ = find_account(cache, account)
        seen = Seen() if offline else see_account(session.connection, session.config, account_id, day)
        with Evaluation(session.config.cache_path, planning(session.config.compiled), day) as evaluation:
            portfolio = portfolio_of(cache, session.config.program, evaluation, day)
            plan = account_plan_of(cache, session.config.program, evaluation, portfolio, account_id, day, seen)
    program = session.config.program
    if json or format == "json":
        document = as_json(plan, program, session.config.compiled.hash)
        written = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    else:
        written = as_html(plan, program) if format == "html" else as_markdown(plan, program)
    if out is None:
        show(written.rstrip("\n"))
        return
    write_private(out, written, "account plan")
    show(f"Wrote {out}")

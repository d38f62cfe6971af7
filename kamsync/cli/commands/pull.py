"""`kamsync pull`: CRM → cache."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated

import typer

from kamsync.cli.console import pulling, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.printable import one_line
from kamsync.run.lock import run_lock
from kamsync.run.refresh import refresh


def pull(
    config: ConfigOption = DEFAULT_CONFIG,
    full: Annotated[bool, typer.Option("--full", help="Read everything instead of what changed.")] = False,
    json: JsonOption = False,
) -> None:
    """Read what changed in the CRM into the cache. Writes nothing to the CRM."""
    session, started = open_session(config), time.monotonic()
    with run_lock(session.config.cache_path), session.cache() as cache, session.connection() as connection, pulling() as progress:
        summary = refresh(connection, cache, session.config, now=datetime.now(UTC), full=full, progress=progress)
        usage = connection.usage()
    if json:
        rows = {"rows": dict(summary.rows), "deleted": dict(summary.deleted), "problems": list(summary.problems)}
        show_json({**rows, "api_calls": usage.used_by_us, "api_calls_left": usage.remaining})
        return
    for stream, count in summary.rows.items():
        gone = summary.deleted.get(stream, 0)
        show(f"  {stream.replace('_', ' '):<14}{count:>10,}" + (f"   {gone:,} gone" if gone else ""))
    for problem in summary.problems:
        show(f"  ! {one_line(problem)}")
    left = f" of {usage.remaining:,} left" if usage.remaining is not None else ""
    show(f"Pulled in {time.monotonic() - started:.1f} s with {usage.used_by_us} API calls{left}.")
    show("Next: kamsync plan, which writes nothing to the CRM.")

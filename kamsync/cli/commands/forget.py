"""`kamsync forget ACCOUNT`: erases an account from this machine for good."""

from __future__ import annotations

from typing import Annotated

import typer

from kamsync.cli.console import ask, at_terminal, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption, YesOption
from kamsync.cli.session import open_session
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.run.lock import run_lock
from kamsync.store.erasure import erase_account, known_ids


def forget(
    account: Annotated[str, typer.Argument(help="An account's id, or its whole name; also one that the CRM has deleted.")],
    config: ConfigOption = DEFAULT_CONFIG,
    yes: YesOption = False,
    json: JsonOption = False,
) -> None:
    """Erase an account from cache, history and journal. Writes nothing to the CRM; undo no longer covers it."""
    session = open_session(config)
    if not yes and not at_terminal():
        raise ConfigError("Nobody is here to answer whether to erase.", fix="Add --yes.")
    with session.cache(must_exist=True) as cache, run_lock(session.config.cache_path):
        found = known_ids(cache, account)
        if len(found) != 1:
            raise ConfigError(
                f"{'No account' if not found else f'{len(found)} accounts'} here called {one_line(account)!r}.",
                fix=f"Name one by its id: {', '.join(found[:5])}." if found else "See `kamsync accounts`; ids work as well.",
            )
        if not yes and not ask(f"Erase everything about {one_line(account)} ({found[0]}) from this machine?"):
            show("Nothing has been erased.")
            return
        counts = erase_account(cache, found[0])
    if json:
        show_json({"account_id": found[0], "erased": counts})
        return
    said = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in counts.items())
    show(f"Erased for good: {said}.")
    show("While the CRM has the account, the next full pull brings it back: erase it there first.")
    show("Logs, saved plans and copies of the cache are yours to erase.")

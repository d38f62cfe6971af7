"""`kamsync digest`: tells the programme and each owner what moved, what is due and what is at risk, through [[notify]]."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import open_session
from kamsync.errors import ConfigError
from kamsync.files import write_private
from kamsync.report.digest.documents import Message, as_json, as_page, message_of
from kamsync.run.channels import check_apprise
from kamsync.run.digests import Delivery, digests_now, owner_named, send_digests

OwnerOption = Annotated[str, typer.Option(help="Only this owner's digest: a name, an e-mail or an id.", metavar="OWNER")]
PreviewOption = Annotated[
    Path | None, typer.Option(help="Write what would be sent into this HTML file instead of sending it.", readable=False)
]
SAID = {
    "sent": "told",
    "failed": "not told",
    "unknown": "perhaps not told",
    "nobody": "not told",
}


def digest(
    config: ConfigOption = DEFAULT_CONFIG,
    owner: OwnerOption = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what this week's digests say; send nothing.")] = False,
    preview: PreviewOption = None,
    json: JsonOption = False,
) -> None:
    """Tell the team who entered, who left and what is due.

    Also why, accounts at risk and overrides about to expire. Each channel of [[notify]] with who = "program" or "owner" hears
    a period's digest once. Reads the cache only.
    """
    session = open_session(config)
    session.check_target(preview)
    now = datetime.now(UTC)
    with session.cache(must_exist=True) as cache:
        person = owner_named(cache, owner) if owner else None
        if dry_run or preview is not None:
            found = digests_now(cache, session.config, now, owner=person)
            if preview is not None:
                if not found:
                    show("There is nothing to say, so nothing was written.")
                    return
                write_private(preview, as_page(found), "preview")
                show(f"Wrote {preview}")
            elif json:
                show_json({"version": 1, "digests": [as_json(one, program) for one, program in found]})
            else:
                _show([message_of(one, program) for one, program in found])
            return
        if not any(channel.who != "failures" for channel in session.config.channels):
            raise ConfigError(
                f"{config}: no [[notify]] hears of digests.",
                fix='Add one with who = "program" or who = "owner"; --dry-run prints them without.',
            )
        check_apprise()
        told = send_digests(cache, session.config, now, owner=person)
    if json:
        show_json({"version": 1, "told": [_delivery_json(one) for one in told]})
    else:
        _tell(told)
    if not all(one.is_well for one in told):
        raise typer.Exit(1)


def _show(messages: list[Message]) -> None:
    show("\n\n\n".join(f"{one.title}\n\n{one.text}" for one in messages) or "There is nothing to say.")


def _tell(told: list[Delivery]) -> None:
    for one in told:
        line = f"Channel {one.channel} ({one.source}), {one.reader_name or 'the programme'}: {SAID[one.outcome]}"
        if one.is_well:
            show(line)
        else:
            say(f"{line}: {one.why}", "red")
    if not told:
        show("There is nothing to say that was not said before.")


def _delivery_json(one: Delivery) -> dict[str, object]:
    return {
        "channel": one.channel,
        "source": one.source,
        "reader": one.reader or None,
        "name": one.reader_name or None,
        "outcome": one.outcome,
        "why": one.why,
    }

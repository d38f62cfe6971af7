"""`[[notify]]`: whom kamsync tells what, through which channel. Raises ConfigError with file and line; secrets come last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from kamsync.config.models import NotifyTable
from kamsync.config.secrets import Surroundings, resolve_secret
from kamsync.config.toml_source import TomlSource
from kamsync.contract import Secret, Setting
from kamsync.errors import ConfigError

Who = Literal["failures", "program", "owner"]
When = Literal["weekly", "sync"]
OWNER_ADDRESS = "{email}"  # in an address: the e-mail of the owner whose digest goes there
_ADDRESS = Setting("url", "Where to send, as apprise writes addresses.", type="url", secret=True)


@dataclass(frozen=True, slots=True)
class Channel:
    """One channel: its address, and what it hears of.

    `tags`: the owners whose digests go there, by id, name or e-mail; empty, those of all. `language` "": the programme's.
    """

    address: Secret
    who: Who = "failures"
    when: When = "weekly"
    tags: tuple[str, ...] = ()
    language: str = ""


def build_channels(tables: Sequence[NotifyTable], source: TomlSource, around: Surroundings) -> tuple[Channel, ...]:
    """The channels of the file, in its order. Raises ConfigError on a key that says nothing to its channel, or a lost secret."""
    return tuple(_channels(tables, source, around))


def _channels(tables: Sequence[NotifyTable], source: TomlSource, around: Surroundings) -> Iterator[Channel]:
    for number, table in enumerate(tables):
        of_digests = {"when": table.when, "language": table.language} if table.who == "failures" else {}
        of_owners = {"tags": table.tags} if table.who != "owner" else {}
        for key, value in {**of_digests, **of_owners}.items():
            if value:
                needed = "owner" if key == "tags" else "program"
                raise ConfigError(
                    f"{source.place(('notify', number, key))}: {key} says nothing to a channel with who = {table.who!r}.",
                    fix=f'Leave it out, or write who = "{needed}".',
                )
        address = resolve_secret(table.url, source.place(("notify", number, "url")), _ADDRESS, around)
        if OWNER_ADDRESS in address.reveal() and table.who != "owner":
            raise ConfigError(
                f"{source.place(('notify', number, 'url'))}: an address with {OWNER_ADDRESS} and who = {table.who!r}.",
                fix=f'Write who = "owner", or the address itself in place of {OWNER_ADDRESS}.',
            )
        yield Channel(address, table.who, table.when or "weekly", tuple(table.tags), table.language or "")

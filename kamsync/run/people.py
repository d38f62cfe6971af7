"""Who is at an account, read from the CRM while a page is made: nothing of it touches the cache, a file or a log."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date

from kamsync.config import Config
from kamsync.contract import Connection, NamesPeople, PullRequest
from kamsync.decide.people import Person, people_at
from kamsync.errors import KamsyncError
from kamsync.model import Stream


@dataclass(frozen=True, slots=True)
class Seen:
    """`people`: None where they were not read; `trouble` says why, "" where nobody wanted them."""

    people: tuple[Person, ...] | None = None
    trouble: str = ""


def see_people(connect: Callable[[], AbstractContextManager[Connection]], config: Config, account_id: str, as_of: date) -> Seen:
    """Signs in and asks. A CRM that cannot be reached, or refuses, is no reason for a page not to come."""
    if config.program.contacts == "never":
        return Seen()
    request = PullRequest(Stream.CONTACTS, config.mapping.asked(Stream.CONTACTS))
    try:
        with connect() as connection:
            if not isinstance(connection, NamesPeople):
                return Seen()
            shown = connection.fetch_people(account_id, request)
    except KamsyncError as error:
        return Seen(trouble=error.message)
    columns = [column.name for column in request.columns]
    ties = [dict(zip(columns, row, strict=True)) for row in shown.rows]
    return Seen(people_at(ties, shown.names, account_id, as_of))

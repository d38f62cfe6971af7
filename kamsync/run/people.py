"""Who is at an account and what people want of it, read from the CRM while a page is made.

Nothing of it touches the cache, a file or a log.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import date

from kamsync.config import Config
from kamsync.contract import Connection, GoalsKept, KeepsNotes, NamesPeople, PullRequest, TellsGoals
from kamsync.decide.people import Person, people_at
from kamsync.errors import KamsyncError
from kamsync.model import Stream
from kamsync.model.exchange import NoteRef
from kamsync.note_text import own_lines

NO_GOALS = GoalsKept()


@dataclass(frozen=True, slots=True)
class Seen:
    """`people`: None where they were not read; `trouble` says why, "" where nobody wanted them. `goals`: what people keep in the
    CRM; `noted`: lines that they keep in the account's note."""

    people: tuple[Person, ...] | None = None
    trouble: str = ""
    goals: GoalsKept = NO_GOALS
    noted: tuple[str, ...] = ()


def see_account(connect: Callable[[], AbstractContextManager[Connection]], config: Config, account_id: str, as_of: date) -> Seen:
    """Signs in and asks. A CRM that cannot be reached, or refuses, is no reason for a page not to come."""
    plan, wants_people = config.mapping.plan, config.program.contacts != "never"
    if not (wants_people or plan.texts or plan.account_plans or config.program.plan_note):
        return Seen()
    try:
        with connect() as connection:
            people, trouble = _people(connection, config, account_id, as_of) if wants_people else (None, "")
            goals, noted = _goals(connection, config, account_id)
            return Seen(people, trouble, goals, noted)
    except KamsyncError as error:
        return Seen(trouble=error.message)


def _people(connection: Connection, config: Config, account_id: str, as_of: date) -> tuple[tuple[Person, ...] | None, str]:
    """Those who are there; or None, and why they were not told."""
    if not isinstance(connection, NamesPeople):
        return None, ""
    request = PullRequest(Stream.CONTACTS, config.mapping.asked(Stream.CONTACTS))
    try:
        shown = connection.fetch_people(account_id, request)
    except KamsyncError as error:
        return None, error.message
    columns = [column.name for column in request.columns]
    ties = [dict(zip(columns, row, strict=True)) for row in shown.rows]
    return people_at(ties, shown.names, account_id, as_of), ""


def _goals(connection: Connection, config: Config, account_id: str) -> tuple[GoalsKept, tuple[str, ...]]:
    """What people keep in fields and records, and what they wrote into the note."""
    goals = NO_GOALS
    try:
        if isinstance(connection, TellsGoals):
            goals = connection.fetch_goals(account_id)
        if not config.program.plan_note or not isinstance(connection, KeepsNotes):
            return goals, ()
        seen = connection.fetch_notes([NoteRef(account_id, "")]).get(account_id)
    except KamsyncError as error:
        return replace(goals, trouble=goals.trouble or error.message), ()
    return goals, own_lines(seen.body) if seen is not None else ()

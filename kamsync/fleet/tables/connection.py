"""One connection to the fleet's database for one transaction, and what is wrong with it in words that mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import psycopg

from kamsync.contract import Secret
from kamsync.errors import ConfigError, TryLater
from kamsync.printable import one_line
from kamsync.redaction import redact

CONNECT_SECONDS = 5
STATEMENT_MILLISECONDS = 20_000
# A process that is suspended, or a machine that is gone, in the middle of a transaction must not hold its rows for ever.
IDLE_MILLISECONDS = 20_000


class Database:
    """Where the tables are. Each call of those that extend it is a connection and a transaction of its own."""

    def __init__(self, database: Secret, reading: psycopg.Connection[Any] | None = None) -> None:
        self._database = database
        self._reading = reading

    @contextmanager
    def at_one_moment(self) -> Iterator[Self]:
        """The same tables as they are now, for questions that belong together: one connection, and no change between them."""
        with self.connected() as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
            yield type(self)(self._database, connection)

    @contextmanager
    def connected(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction. Raises TryLater where the database does not answer, ConfigError where it is none of a fleet."""
        if self._reading is not None:
            yield self._reading
            return
        with (
            saying_what_is_wrong(),
            psycopg.connect(
                self._database.reveal(),
                connect_timeout=CONNECT_SECONDS,
                options=f"-c statement_timeout={STATEMENT_MILLISECONDS} {idle_option()}",
                application_name="kamsync fleet",
            ) as connection,
        ):
            yield connection


def idle_option() -> str:
    """Of every connection to the database: how long it may hold rows and say nothing."""
    return f"-c idle_in_transaction_session_timeout={IDLE_MILLISECONDS}"


@contextmanager
def saying_what_is_wrong() -> Iterator[None]:
    """Raises PostgreSQL's errors as TryLater or ConfigError, with what mends each.

    The words hold no password: libpq leaves it out, and `redact` again.
    """
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise ConfigError("This database is none of a fleet yet.", fix="Prepare it: kamsync fleet init") from error
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.errors.IdleInTransactionSessionTimeout) as error:
        said = redact(one_line(str(error)))
        raise TryLater(
            f"The fleet's database does not answer: {said}",
            fix="Check that it runs, and the address, the user and the password in [fleet] database.",
        ) from error
    except psycopg.ProgrammingError as error:
        raise ConfigError(
            f"The fleet's database cannot be used: {redact(one_line(str(error)))}",
            fix="Check the address in [fleet] database and its user's rights; prepare it with `kamsync fleet init`.",
        ) from error

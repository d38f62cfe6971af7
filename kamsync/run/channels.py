"""Carries a message to a channel by apprise (https://github.com/caronc/apprise/wiki), and says why where it was not taken.

An address is a secret, and apprise's own words may hold parts of it: they are heard here, and pass on without them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kamsync.contract import Secret
from kamsync.errors import ConfigError
from kamsync.printable import one_line
from kamsync.redaction import Redactor, redact, redact_people

SHORTEST_PART = 4  # of an address: shorter parts are no secret by themselves
LONGEST_WORD = 16  # of an address: what is longer and no host is a key by itself, wherever it stands
_PARTS = re.compile(r"[/@:?&=#,;]+")
_NEEDS = "[[notify]] needs: pip install 'kamsync[notify]'"


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent: a plain title, and the body in the forms that there are; "" where there is none. `text` is always there."""

    title: str
    text: str
    markdown: str = ""
    html: str = ""

    def form(self, name: str) -> str:
        """The body in a form by apprise's name."""
        return {"html": self.html, "markdown": self.markdown, "text": self.text}[name]


def deliver(address: str, parcel: Parcel) -> str:
    """Sends to one address; "" where it was taken, else why not, without anything of the address."""
    hidden = _parts_of(address)
    try:
        import apprise  # the extra `notify`, which takes long to load
    except ImportError:
        return _NEEDS
    with _hearing() as heard:
        service = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if service is None:
            return "it is no address that apprise knows"
        forms = (name for name in ("html", "markdown", "text") if parcel.form(name) and service.resolve_format(name) == name)
        chosen = next(forms, "text")
        carrier = apprise.Apprise()
        carrier.add(service)
        taken = carrier.notify(title=parcel.title, body=parcel.form(chosen), body_format=chosen)
    if taken:
        return ""
    words = "; ".join(dict.fromkeys(one_line(hidden(redact_people(redact(word)))) for word in heard.words))
    return words or "it was not taken"


def check_apprise() -> None:
    """Raises ConfigError where the library is missing."""
    try:
        import apprise  # noqa: F401 - asked for only
    except ImportError as error:
        raise ConfigError(_NEEDS, fix="Install it, then run the command again.") from error


def hide_address(address: Secret) -> None:
    """From now on no line of any output holds the long words of the address: a log file is read by others than a channel."""
    for word in re.split(r"[/@:?&=]", address.reveal()):
        redact.add(word if len(word) >= LONGEST_WORD and "." not in word else None)


class _Heard(logging.Handler):
    """What apprise says while it sends."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.words.append(record.getMessage())


@contextmanager
def _hearing() -> Iterator[_Heard]:
    logger, heard = logging.getLogger("apprise"), _Heard()
    before = logger.propagate
    logger.addHandler(heard)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.propagate = before
        logger.removeHandler(heard)


def _parts_of(address: str) -> Redactor:
    """Hides every part of the address but for its kind and its host."""
    hidden = Redactor(SHORTEST_PART)
    hidden.add(address)
    _, _, rest = address.partition("://")
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    host = authority.rpartition("@")[2].partition(":")[0]
    is_host = "." in host or host == "localhost"
    for part in _PARTS.split(rest):
        if not (is_host and part == host):
            hidden.add(part)
    return hidden

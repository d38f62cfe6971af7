"""How often a playbook makes its tasks for one account, as a word in the task's key.

A key `<playbook>:<task>:<occurrence>:<account id>` is created at most once, so what makes two occurrences different words
decides whether a second task is made (DECISIONS.md §8). Pure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from kamsync.decide.fact import FactValue
from kamsync.decide.months import add_months, days_after, whole_months
from kamsync.decide.program import Place
from kamsync.errors import ConfigError

KEY_LENGTH = 255  # the key field in both CRMs
PERIODS = ("once", "entry", "month", "quarter", "year")
_COUNTED = re.compile(r"(?P<count>[1-9]\d{0,3}) (?P<unit>day|month)s?")
VALUE_PREFIX = "value:"
_ENTRY = re.compile(r"(?P<tier>.+)-(?P<since>\d{4}-\d{2}-\d{2})")


class NoOccurrence(ValueError):
    """The fact whose value names the occurrence is null; the text says which, for people."""


class NotYet(NoOccurrence):
    """The first period has not passed: nothing is wrong, and there is nothing to tell."""


@dataclass(frozen=True, slots=True)
class Key:
    """A task key taken apart. `occurrence` may itself contain colons, the other parts never do."""

    playbook: str
    task: str
    occurrence: str
    account_id: str


def occurrence_word(every: str, as_of: date, tier: str, since: date, facts: Mapping[str, FactValue]) -> str:
    """The word of this occurrence: `once`, `A-2026-11-23`, `2026-11`, `2026-Q4`, `2026`, or the fact's value."""
    match every:
        case "once":
            return "once"
        case "entry":
            return entry_word(tier, since)
        case "month":
            return f"{as_of:%Y-%m}"
        case "quarter":
            return f"{as_of:%Y}-Q{(as_of.month + 2) // 3}"
        case "year":
            return f"{as_of:%Y}"
    value = facts.get(every.removeprefix(VALUE_PREFIX))
    if value is None:
        raise NoOccurrence(f"it is made once for each {every.removeprefix(VALUE_PREFIX)}, which this account does not have")
    return f"{value:.10g}" if isinstance(value, float) else " ".join(str(value).split())


def is_counted(every: str) -> bool:
    """Whether `every` is a number of days or months, counted from `since`."""
    return _COUNTED.fullmatch(every) is not None


def counted_word(every: str, as_of: date, since: date) -> str:
    """The first day of the running period, `2027-02-23`. Raises NotYet before one whole period after `since`."""
    match = _COUNTED.fullmatch(every)
    if match is None:
        raise ValueError(f"{every!r} counts no periods")
    count, is_days = int(match["count"]), match["unit"] == "day"
    passed = ((as_of - since).days if is_days else whole_months(since, as_of) or 0) // count
    if passed < 1:
        raise NotYet(f"{every} have not passed since {since}")
    return (since + timedelta(days=passed * count) if is_days else add_months(since, passed * count)).isoformat()


def staggered(since: date, account_id: str, stagger_days: int) -> date:
    """`since`, later by as many days (0…stagger_days) as the account's id says: the same on every machine and every day."""
    if not stagger_days:
        return since
    digest = hashlib.sha256(account_id.encode()).digest()
    return days_after(since, int.from_bytes(digest[:4], "big") % (stagger_days + 1))


def entry_word(tier: str, since: date) -> str:
    """The word for entering `tier` on `since`."""
    return f"{tier}-{since.isoformat()}"


def entry_of(occurrence: str) -> tuple[str, date] | None:
    """Tier and day of an `entry` occurrence, None where it is another kind."""
    match = _ENTRY.fullmatch(occurrence)
    return (match["tier"], date.fromisoformat(match["since"])) if match else None


def task_key(playbook: str, task: str, occurrence: str, account_id: str) -> str:
    """The task's key for ever. An occurrence too long for the CRM's field is replaced by its beginning and its hash."""
    key = f"{playbook}:{task}:{occurrence}:{account_id}"
    if len(key) <= KEY_LENGTH:
        return key
    digest = hashlib.sha256(occurrence.encode()).hexdigest()[:32]
    room = KEY_LENGTH - len(key) + len(occurrence) - len(digest) - 1
    return f"{playbook}:{task}:{occurrence[: max(room, 0)]}~{digest}:{account_id}"


def parse_key(key: str) -> Key | None:
    """The parts of a key that this program made, None for any other text."""
    playbook, _, rest = key.partition(":")
    task, _, rest = rest.partition(":")
    occurrence, _, account_id = rest.rpartition(":")
    return Key(playbook, task, occurrence, account_id) if playbook and task and occurrence and account_id else None


def check_every(every: str, facts: Mapping[str, str], place: Place) -> None:
    """Refuses, with ConfigError, an `every` that is none, or that names no fact."""
    if every in PERIODS or is_counted(every):
        return
    fact = every.removeprefix(VALUE_PREFIX)
    if not every.startswith(VALUE_PREFIX) or not fact:
        choices = ", ".join((*PERIODS, "<N> days", "<N> months", "value:<fact>"))
        raise ConfigError(f"{place}: every = {every!r} is no occurrence.", fix=f"Write one of: {choices}.")
    if fact not in facts:
        raise ConfigError(f"{place}: every = {every!r}: {fact!r} is no fact.", fix="`kamsync facts` lists the facts.")

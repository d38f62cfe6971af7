"""What a run asks of the CRM: the streams and columns that the programme uses, and nothing more."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from kamsync.config import Config
from kamsync.contract import PullRequest
from kamsync.decide.compiled import ALWAYS_LOADED
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import CORE_COLUMNS, Column, Stream

ACTIVITY_MONTHS = 24  # DECISIONS.md §2: older activities are not pulled


def pull_requests(config: Config, as_of: date) -> tuple[PullRequest, ...]:
    """One request a stream, without cursors, owners first (tasks and accounts refer to them)."""
    streams = config.compiled.streams
    requests = [_plain(Stream.OWNERS), _plain(Stream.RATES), PullRequest(Stream.ACCOUNTS, account_columns(config))]
    requests.append(PullRequest(Stream.OPPORTUNITIES, _mapped(Stream.OPPORTUNITIES, config.mapping.opportunities)))
    if Stream.LINE_ITEMS in streams:
        requests.append(PullRequest(Stream.LINE_ITEMS, _mapped(Stream.LINE_ITEMS, config.mapping.line_items)))
    if Stream.ACTIVITIES in streams:
        requests.append(replace(_plain(Stream.ACTIVITIES), since=_months_before(as_of, ACTIVITY_MONTHS)))
    requests.append(_plain(Stream.TASKS))
    return tuple(requests)


def account_columns(config: Config) -> tuple[Column, ...]:
    """The mapped account fields that the programme reads, then the flags."""
    wanted = config.compiled.account_fields | config.compiled.facts
    mapped = tuple(column for column in config.mapping.accounts if column.name in wanted)
    own = {column.name for column in mapped}
    core = tuple(column for column in CORE_COLUMNS[Stream.ACCOUNTS] if column.name in ALWAYS_LOADED and column.name not in own)
    flags = tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, field) for name, field in config.mapping.flags.items())
    return (*core, *mapped, *flags)


def _plain(stream: Stream) -> PullRequest:
    return PullRequest(stream, CORE_COLUMNS[stream])


def _mapped(stream: Stream, mapped: tuple[Column, ...]) -> tuple[Column, ...]:
    """The stream's columns, each with the field that the mapping names for it; the optional ones only where it names one."""
    fields = {column.name: column for column in mapped}
    wanted = (column for column in CORE_COLUMNS[stream] if column.name in fields or not column.is_optional)
    return tuple(fields.get(column.name, column) for column in wanted)


def _months_before(day: date, months: int) -> date:
    """The first of the month, so that the bound, and with it the cursor's fingerprint, moves once a month at most."""
    total = day.year * 12 + day.month - 1 - months
    return date(total // 12, total % 12 + 1, 1)

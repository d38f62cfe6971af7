"""What a run asks of the CRM: the streams and columns that the programme uses, and nothing more."""

from __future__ import annotations

from datetime import date

from kamsync.config import Config
from kamsync.contract import PullRequest
from kamsync.decide.compiled import ALWAYS_LOADED
from kamsync.flags import FLAG_PREFIX, FLAGS
from kamsync.model import STREAMS, Column, Stream


def pull_requests(config: Config, as_of: date) -> tuple[PullRequest, ...]:
    """One request a stream that the programme needs, without cursors, owners first (tasks and accounts refer to them)."""
    wanted = (stream for stream, record in STREAMS.items() if record.is_always_pulled or stream in config.compiled.streams)
    return tuple(PullRequest(stream, _columns(config, stream), since=_since(stream, as_of)) for stream in wanted)


def account_columns(config: Config) -> tuple[Column, ...]:
    """The mapped account fields that the programme reads, then the flags."""
    wanted = config.compiled.account_fields | config.compiled.facts
    mapped = tuple(column for column in config.mapping.of(Stream.ACCOUNTS) if column.name in wanted)
    own = {column.name for column in mapped}
    core = tuple(column for column in STREAMS[Stream.ACCOUNTS].columns if column.name in ALWAYS_LOADED and column.name not in own)
    flags = tuple(Column(FLAG_PREFIX + name, FLAGS[name].kind, field) for name, field in config.mapping.flags.items())
    return (*core, *mapped, *flags)


def _columns(config: Config, stream: Stream) -> tuple[Column, ...]:
    return account_columns(config) if stream is Stream.ACCOUNTS else config.mapping.asked(stream)


def _since(stream: Stream, as_of: date) -> date | None:
    months = STREAMS[stream].months
    return None if months is None else _months_before(as_of, months)


def _months_before(day: date, months: int) -> date:
    """The first of the month, so that the bound, and with it the cursor's fingerprint, moves once a month at most."""
    total = day.year * 12 + day.month - 1 - months
    return date(total // 12, total % 12 + 1, 1)

"""Tells people by apprise that nights fail, or that the data has grown old, and that all is well again.

Each once, then when it changes or after a day. What was told last stands in the cache. A channel that does not take a message is
logged and asked again after the next run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kamsync.config import Config
from kamsync.config.channels import Channel
from kamsync.log import log
from kamsync.printable import one_line
from kamsync.redaction import redact, redact_people
from kamsync.report.run_trace import in_words
from kamsync.run.channels import Parcel, deliver, hide_address
from kamsync.run.outcome import oldest_allowed
from kamsync.run.trace import seen_runs
from kamsync.store.database import Cache
from kamsync.store.runs import Run
from kamsync.store.schema import Meta

AGAIN_AFTER = timedelta(days=1)
TROUBLES = ("failed", "refused", "partial")
SAY_NOTHING = ("running", "interrupted", "declined")  # of how the nights go; the run before them does
LOOKED_AT = 20  # runs back to one that says something
Send = Callable[[str, str], bool]


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What is wrong. `key` tells it from another trouble; title and lines are for people."""

    key: str
    title: str
    lines: tuple[str, ...]


def tell(cache: Cache, config: Config, now: datetime, send: Send) -> None:
    """Sends what is new about the last run and the age of the data.

    `send` takes a title and a text, and says whether every channel took them.
    """
    run = next((one for one in seen_runs(cache, LOOKED_AT) if one.status not in SAY_NOTHING and one.kind != "undo"), None)
    troubles = [*_of_run(run), *_of_age(cache, config, now)]
    key = "\n".join(trouble.key for trouble in troubles)
    told = json.loads(cache.meta(Meta.TOLD) or '{"trouble": "", "at": ""}')
    is_same = key == told["trouble"]
    if is_same and (not key or now - datetime.fromisoformat(told["at"]) < AGAIN_AFTER):
        return
    title = ", ".join(trouble.title for trouble in troubles) or "well again"
    lines = [line for trouble in troubles for line in trouble.lines] or (list(_lines(run)) if run else [])
    if send(one_line(f"{config.program.name}: {title}"), "\n".join(one_line(line) for line in lines)):
        cache.set_meta(Meta.TOLD, json.dumps({"trouble": key, "at": now.isoformat(timespec="seconds")}))


def _of_run(run: Run | None) -> Iterator[_Trouble]:
    if run is not None and run.status in TROUBLES:
        yield _Trouble(f"{run.status}: {run.message}", f"run {run.status}", tuple(_lines(run)))


def _of_age(cache: Cache, config: Config, now: datetime) -> Iterator[_Trouble]:
    """The data is old where the schedule should have read the CRM twice since it was read last."""
    pulled, oldest = cache.meta(Meta.PULLED_AT), oldest_allowed(config, now)
    if pulled is None or oldest is None:
        return
    age = now - datetime.fromisoformat(pulled)
    if age > oldest:
        said = f"The CRM was last read at {pulled}, {in_words(age.total_seconds())} ago."
        expected = f"The schedule lets no more than {in_words(oldest.total_seconds())} pass; see `kamsync status`."
        yield _Trouble("the data is old", "the data is old", (said, expected))


def sender(channels: Sequence[Channel]) -> Send:
    """Sends to every one of the channels; those that do not take a message are logged."""

    def send(title: str, text: str) -> bool:
        for channel in channels:
            hide_address(channel.address)
        parcel = Parcel(redact(title), redact_people(redact(text)))
        whys = [deliver(channel.address.reveal(), parcel) for channel in channels]
        for number, (channel, why) in enumerate(zip(channels, whys, strict=True), start=1):
            if why:
                log().error("not told", channel=number, source=channel.address.source, error=why)
        return not any(whys)

    return send


def _lines(run: Run) -> Iterator[str]:
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in run.summary.items() if count)
    lines = (f"Run {run.run_id}: {run.status}", run.message, run.fix and f"To mend it: {run.fix}", counts)
    yield from (line for line in lines if line)

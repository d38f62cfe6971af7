"""Tells people by apprise that nights fail, and that they are well again: once, then when it changes or after a day.

What was told last stands in the cache. A channel that does not take a message is logged and asked again after the next run.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from kamsync.contract import Secret
from kamsync.log import log
from kamsync.printable import one_line
from kamsync.redaction import redact
from kamsync.run.trace import seen_runs
from kamsync.store.database import Cache
from kamsync.store.journal import Run
from kamsync.store.schema import Meta

AGAIN_AFTER = timedelta(days=1)
TROUBLES = ("failed", "refused", "partial")
LONGEST_WORD = 16  # of an address: what is longer and no host is a key by itself
Send = Callable[[str, str], bool]


def tell(cache: Cache, program: str, now: datetime, send: Send) -> None:
    """Sends what is new about the last run. `send` takes a title and a text, and says whether every channel took them."""
    run = next(iter(seen_runs(cache, 1)), None)
    if run is None or run.status == "interrupted":
        return
    trouble = f"{run.status}: {run.message}" if run.status in TROUBLES else ""
    told = json.loads(cache.meta(Meta.TOLD) or '{"trouble": "", "at": ""}')
    is_same = trouble == told["trouble"]
    if is_same and (not trouble or now - datetime.fromisoformat(told["at"]) < AGAIN_AFTER):
        return
    title = f"{program}: {'run ' + run.status if trouble else 'well again'}"
    if send(one_line(title), _text(run)):
        cache.set_meta(Meta.TOLD, json.dumps({"trouble": trouble, "at": now.isoformat(timespec="seconds")}))


def sender(channels: Sequence[Secret]) -> Send:
    """Sends to every channel, an address of apprise's each (https://github.com/caronc/apprise/wiki)."""

    def send(title: str, text: str) -> bool:
        try:
            import apprise  # the extra `notify`
        except ImportError:
            log().error("not told", error="[[notify]] needs: pip install 'kamsync[notify]'")
            return False
        taken = True
        for number, channel in enumerate(channels, start=1):
            for word in re.split(r"[/@:?&=]", channel.reveal()):
                redact.add(word if len(word) >= LONGEST_WORD and "." not in word else None)
            service = apprise.Apprise()
            done = service.add(channel.reveal()) and service.notify(title=redact(title), body=redact(text), body_format="text")
            if not done:
                log().error("not told", channel=number, source=channel.source)
            taken = taken and bool(done)
        return taken

    return send


def _text(run: Run) -> str:
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in run.summary.items() if count)
    lines = (f"Run {run.run_id}: {run.status}", run.message, run.fix and f"To mend it: {run.fix}", counts)
    return "\n".join(one_line(line) for line in lines if line)

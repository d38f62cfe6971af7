"""The door of a sandbox CRM: counts the calls of a process, and kills the process before or after one of them.

In front of the CRM's own application, so that a call of a process that was killed before it leaves no trace, and one that was
killed after it has done its work, with nobody left to read the answer.
"""

from __future__ import annotations

import mmap
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from kamsync.sandbox.faults import AsgiApp, Message, Receive, Scope, Send
from tests.accidents.zygote import DUE, PID, get


@dataclass
class Gate:
    """Passes calls on to `app`. `shared` is the file that the process under watch has in common with us.

    `edits` are done once each, after the call of their number and before its answer: what people do in the same minute.
    """

    app: AsgiApp
    shared: mmap.mmap
    calls: int = 0
    fatal: int | None = None
    after: bool = False
    edits: list[tuple[int, Callable[[], None]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._busy = 0
        self._lock = threading.Lock()

    def reset(self, fatal: int | None = None, *, after: bool = False) -> None:
        """For a new process, which dies at its call `fatal` (from 0)."""
        self.calls, self.fatal, self.after = 0, fatal, after

    def wait_until_idle(self) -> None:
        """Until the last call of a dead process is done."""
        while self._busy:
            time.sleep(0.001)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._lock:
            self._busy += 1
        try:
            await self._pass(scope, receive, send)
        finally:
            with self._lock:
                self._busy -= 1

    async def _pass(self, scope: Scope, receive: Receive, send: Send) -> None:
        number = self.calls
        self.calls += 1
        if get(self.shared, DUE) or (number == self.fatal and not self.after):
            self._kill()
            await _no_answer(send)
            return
        answer: list[Message] = []

        async def hold(message: Message) -> None:
            answer.append(message)

        await self.app(scope, receive, hold)
        if number == self.fatal:
            self._kill()
        while self.edits and number >= self.edits[0][0]:
            self.edits.pop(0)[1]()
        for message in answer:
            await send(message)

    def _kill(self) -> None:
        os.kill(get(self.shared, PID), signal.SIGKILL)


async def _no_answer(send: Send) -> None:
    await send({"type": "http.response.start", "status": 503, "headers": []})
    await send({"type": "http.response.body", "body": b""})

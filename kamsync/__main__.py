"""`python -m kamsync`, and the `kamsync` command: ready for a signal before the libraries load."""

from __future__ import annotations

import atexit
import gc
import signal
import sys
from types import FrameType

LOOK_FOR_CYCLES_AFTER = 20_000  # new objects, instead of Python's 700
TERMINATED = 143  # 128 and the signal's number, as shells say it


def main() -> None:
    """Runs the command line. SIGTERM ends a process that has not begun its work; one at work stops gently (run.stop_signal)."""
    signal.signal(signal.SIGTERM, _end)
    # What is loaded stays: looking for cycles in it takes 5 % of a quiet sync's processor time, and taking it apart at the end a
    # quarter (measured), during which somebody waits.
    gc.set_threshold(LOOK_FOR_CYCLES_AFTER)
    gc.disable()  # until the command is loaded (cli.app)
    atexit.register(gc.freeze)
    from kamsync.cli import main as run

    run()


def _end(number: int, frame: FrameType | None) -> None:
    # `kamsync run` was asked to end, and ends: that is no failure, however early.
    raise SystemExit(0 if "run" in sys.argv[1:2] else TERMINATED)


if __name__ == "__main__":
    main()

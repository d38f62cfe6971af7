"""The bars of a pull at a terminal: a line a stream with its count, of how many, and the time it takes."""

from __future__ import annotations

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text


class LiveBars:
    """Bars on a console, live from the first record on; they vanish when they are stopped."""

    def __init__(self, console: Console) -> None:
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description:<14}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:>9,.0f}"),
            _OfTotal(),
        )
        # Standard output stays its own: `kamsync plan > file` would have its results drawn above the bars instead.
        self._bars = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, redirect_stdout=False)
        self._stream = ""
        self._task = TaskID(0)
        self._bars.start()

    def advance(self, stream: str, count: int, total: int | None) -> None:
        """Moves the bar of `stream`; the one before it, if another, has ended."""
        if stream != self._stream:
            self._end_stream()
            self._stream, self._task = stream, self._bars.add_task(stream.replace("_", " "), total=total)
        self._bars.update(self._task, completed=count, total=total)

    def stop(self) -> None:
        """Takes the bars off the screen."""
        self._bars.stop()

    def _end_stream(self) -> None:
        if self._stream:
            count = self._bars.tasks[self._task].completed
            self._bars.update(self._task, completed=count or 1, total=count or 1)


class _OfTotal(ProgressColumn):
    """ "of 1,200" where the total is known and not yet reached."""

    def render(self, task: Task) -> Text:
        open_total = task.total is not None and not task.finished
        return Text(f"of {task.total:,.0f}" if open_total else "")

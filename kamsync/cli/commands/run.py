"""`kamsync run`: the scheduler in the foreground."""

from __future__ import annotations

from kamsync.cli.console import say
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption
from kamsync.cli.printing import show_applied
from kamsync.cli.session import _log, open_session
from kamsync.run.daemon import run_schedule
from kamsync.run.stopping import Stopping
from kamsync.run.sync import sync as run_sync


def run(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Hold the schedule of [schedule] in the foreground, for systemd, Docker or a terminal; Ctrl-C or SIGTERM ends it gently."""
    session, stopping = open_session(config), Stopping()

    def work(full: bool) -> None:
        with session.shell("sync", stopping=stopping) as shell:
            planned, applied = run_sync(shell, full=full)
        show_applied(planned.plan.run_id, applied, problems=planned.plan.problems)

    say(f"kamsync runs for {session.config.program.name!r}; Ctrl-C ends it.")
    run_schedule(session.config, work, _log, stopping)

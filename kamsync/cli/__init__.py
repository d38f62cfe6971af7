"""The command line: parse, call the shell, show, exit. One module a command; nothing is decided here.

Exit codes: 0 done, 1 failed (or a record failed), 2 wrong usage or configuration, 3 refused by a guard, 130 interrupted.
"""

from __future__ import annotations

import sys

from kamsync.cli.console import say
from kamsync.errors import KamsyncError

INTERRUPTED = 130


def main() -> None:
    """Runs the command in sys.argv; every error becomes a message with its mend, a traceback only under --debug."""
    from kamsync.cli.app import build_app  # a wrong import of a command must become a message too

    debug = "--debug" in sys.argv
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    try:
        build_app(arguments)(args=arguments, prog_name="kamsync")
    except KamsyncError as error:
        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        say("Interrupted. What was written is in the journal; the next run goes on from there.", "yellow")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # `kamsync accounts | head` is no failure
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        say(f"kamsync met a bug: {type(error).__name__}: {error}", "bold red")
        say("  Run the same command with --debug and report what it prints.", "")
        sys.exit(1)


def show_error(error: KamsyncError) -> None:
    """What happened, and what to do next."""
    say(error.message, "bold red")
    if error.fix:
        say(f"  {error.fix}")

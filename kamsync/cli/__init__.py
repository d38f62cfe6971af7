"""The command line: parse, call the shell, show, exit. One module a command; nothing is decided here.

Exit codes: 0 done, 1 failed (or a record failed), 2 wrong usage or configuration, 3 refused by a guard, 130 interrupted.
"""

from __future__ import annotations

import sys

from kamsync.cli.outlet import close_outlets, open_outlets
from kamsync.errors import ConfigError, KamsyncError
from kamsync.printable import one_line

FAILED = 1
INTERRUPTED = 130
INTERRUPTION = "Interrupted. What was written until then is in `kamsync runs`, if anything; the next run goes on from there."


def main() -> None:
    """Runs the command in sys.argv; every error becomes a message with its mend, a traceback only under --debug."""
    open_outlets()
    debug = "--debug" in sys.argv
    code = _run([argument for argument in sys.argv[1:] if argument != "--debug"], debug=debug)
    failed = close_outlets()
    if failed is not None:
        _say(f"The results could not be written to standard output: {failed.strerror}.", "bold red")
    sys.exit(code or (FAILED if failed is not None else 0))


def _run(arguments: list[str], *, debug: bool) -> int:
    """The exit code. Raises only what is a bug, and only under --debug."""
    try:
        from kamsync.cli.app import build_app  # a wrong import of a command must become a message too

        build_app()(args=arguments, prog_name="kamsync")
    except SystemExit as ended:
        if ended.code == INTERRUPTED:  # Typer has taken the KeyboardInterrupt
            _say(INTERRUPTION, "yellow")
        return ended.code if isinstance(ended.code, int) else FAILED if ended.code else 0
    except KamsyncError as error:
        show_error(error)
        if "--json" in arguments:
            from kamsync.cli.console import error_document, show_json

            show_json(error_document(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say(INTERRUPTION, "yellow")
        return INTERRUPTED
    except OSError as error:  # a folder without permission, a full disk: outside the program, whatever asked for it
        if debug:
            raise
        where = f": {error.filename}" if error.filename else ""
        _say(f"The system refused: {one_line(error.strerror or str(error))}{one_line(where)}", "bold red")
        _say("  Check the permissions, the owner and the free space there; --debug shows what was tried.")
        return FAILED
    except Exception as error:
        if debug:
            raise
        _say(f"kamsync met a bug: {type(error).__name__}: {one_line(str(error))}", "bold red")
        _say("  Run the same command with --debug and report what it prints.", "")
        return FAILED
    return 0


def show_error(error: KamsyncError) -> None:
    """What happened, and what to do next. A ConfigError has a line for each mistake; the words of others may be the CRM's."""
    several = isinstance(error, ConfigError)
    _say(error.message if several else one_line(error.message), "bold red")
    if error.fix:
        _say(f"  {error.fix if several else one_line(error.fix)}")


def _say(message: str, style: str = "") -> None:
    from kamsync.cli.console import say  # a help that is asked for needs no console

    say(message, style)

"""`kamsync calibrate`: weights that the past suggests, with what they would have gained. Suggests, never sets."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kamsync.cli.console import say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.cli.shipped_files import ForceOption, check_free, write_copy
from kamsync.config import criteria_from_text, criteria_text, load_criteria
from kamsync.config.answers import check_choice
from kamsync.config.weights import reweighted, weights_diff
from kamsync.decide.program import Program
from kamsync.errors import ConfigError
from kamsync.report.calibration import calibration_lines, calibration_to_json
from kamsync.run.moments import today

if TYPE_CHECKING:
    from kamsync.decide.calibration import Wanted
    from kamsync.run.calibration import Learned

NEEDS_ARITHMETIC = ConfigError("Calibration needs libraries that are not installed.", fix="pip install 'kamsync[calibrate]'")


def calibrate(
    criteria: Annotated[
        str | None, typer.Option("--criteria", help="A criteria file or a preset's name; without it, what is in use.")
    ] = None,
    wanted: Annotated[str, typer.Option(help="What the best shall bring in the next year: both, revenue, growth.")] = "both",
    penalty: Annotated[
        float, typer.Option(min=0.0, max=1000.0, help="How hard today's weights pull, against the past: 1 is as hard.")
    ] = 1.0,
    fixed: Annotated[
        list[str] | None, typer.Option("--fixed", metavar="FIELD", help="An account field that was the same then; repeatable.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the criteria with the suggested weights to this file.")] = None,
    force: ForceOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Suggest weights from past years, as a diff. Sets nothing. From what customers brought, later years held out."""
    if out is not None:
        check_free(out, force=force)
    session = open_session(config)
    text, name = criteria_text(criteria, session.config)
    program = (load_criteria(criteria, session.config) if criteria else session.config.compiled).program
    day = parse_day(as_of) or today(session.config, datetime.now(UTC))
    try:
        from kamsync.decide.calibration import WANTED
        from kamsync.run.calibration import learn  # the extra `calibrate`
    except ImportError:
        raise NEEDS_ARITHMETIC from None
    goal = cast("Wanted", check_choice(wanted, WANTED, "goal of a calibration"))
    with session.cache(must_exist=True) as cache:
        learned = learn(cache, program, day, goal, penalty, fixed or (), _tell)
    new = reweighted(text, learned.found.changes)
    _check(program, criteria_from_text(new, name, session.config).program, learned)
    diff = weights_diff(text, new, name)
    if out is not None:
        write_copy(new, out, force=force)
    if json:
        asked = {"criteria": criteria or name.removesuffix(".toml"), "as_of": day.isoformat(), "wanted": goal, "penalty": penalty}
        show_json(calibration_to_json(learned.found, learned.left_out, learned.notes, diff, asked))
        return
    for line in calibration_lines(learned.found, learned.left_out, learned.notes, goal, penalty):
        show(line)
    _show_next_step(out, diff)


def _show_next_step(out: Path | None, diff: str) -> None:
    """Before the diff, so that `patch` reads the whole output."""
    if not diff:
        show("Nothing to change: the past suggests the weights of today.")
        return
    show(
        f"Wrote {out}. To see what it changes: kamsync simulate --criteria {out}"
        if out is not None
        else "Nothing was changed. To try it: kamsync calibrate --out FILE, then kamsync simulate --criteria FILE. As a diff:"
    )
    show("")
    show(diff.rstrip("\n"))


def _check(program: Program, made: Program, learned: Learned) -> None:
    """That the text says what was suggested: a file may be written in a way that is not read line by line."""
    expected = {c.name: learned.found.changes.get(c.name, c.weight) for c in program.criteria}
    if {c.name: c.weight for c in made.criteria} != {name: weight for name, weight in expected.items() if weight}:
        listed = ", ".join(f"{name} {weight:g}" for name, weight in learned.found.changes.items())
        raise ConfigError(
            f"The criteria are not written as [[criteria]] tables with a line each for name and weight. Suggested: {listed}.",
            fix="Set these weights yourself, or write the criteria so: kamsync criteria show balanced.",
        )


def _tell(day: date, customers: int) -> None:
    say(f"{day.isoformat()}: {customers:,} customers", "dim")

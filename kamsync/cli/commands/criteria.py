"""`kamsync criteria [list|show NAME|copy NAME FILE|suggest|check FILE]`: the shipped presets; what criteria know and do."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from kamsync.cli.console import at_terminal, out, say, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, AsOfOption, ConfigOption, JsonOption, parse_day
from kamsync.cli.session import open_session
from kamsync.cli.shipped_files import ForceOption, TargetArgument, document_of, list_shipped, shipped_text, write_copy
from kamsync.cli.suggestion import WANTED, ask_wishes, check_wanted, field_name, suggestion_lines
from kamsync.config import load_criteria
from kamsync.config.shipped import shipped_places
from kamsync.decide.influence import influences
from kamsync.decide.suggest import Wishes, suggest
from kamsync.numerals import counted
from kamsync.run.moments import today
from kamsync.store.evaluate import Evaluation
from kamsync.store.portrait import portray

BARS = " ▁▂▃▄▅▆▇█"
DOES_LITTLE = 0.002

NameArgument = Annotated[str, typer.Argument(help="The preset's name; `kamsync criteria` lists them.", metavar="NAME")]

app = typer.Typer()


@app.callback(invoke_without_command=True)
def _group(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show the shipped criteria, and check a file of your own. Without a command: list them."""
    if context.invoked_subcommand is None:
        list_criteria(config=config, json=json)


@app.command("list")
def list_criteria(config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """List the shipped presets with what each is for; the one in use is marked."""
    used = document_of(config).get("program", {}).get("criteria")
    list_shipped("criteria", used=frozenset([used] if used else []), json=json)
    if not json:
        show('To use one: criteria = "balanced" under [program]. To see what it would change: kamsync simulate --criteria NAME')


@app.command("show")
def show_criteria(name: NameArgument) -> None:
    """Show a shipped preset with its explanations, as TOML."""
    show(shipped_text(name, "criteria", "preset").rstrip())


@app.command("copy")
def copy_criteria(name: NameArgument, file: TargetArgument, force: ForceOption = False) -> None:
    """Write a shipped preset to a file that you can edit, check and simulate."""
    write_copy(shipped_text(name, "criteria", "preset"), file, force=force)
    show(f"Wrote {file}. Edit it, then: kamsync criteria check {file}, kamsync simulate --criteria {file}")
    show("To use it, put its tables into your configuration in place of [program] criteria.")


@app.command("suggest")
def suggest_preset(
    wanted: Annotated[str | None, typer.Option(help=f"What key accounts should bring: {', '.join(WANTED)}.")] = None,
    owners: Annotated[int | None, typer.Option(min=1, help="How many owners look after accounts.")] = None,
    per_owner: Annotated[int | None, typer.Option(min=1, help="How many key accounts one of them can carry.")] = None,
    recurring: Annotated[bool | None, typer.Option("--recurring/--one-off", help="Whether most business is contracts.")] = None,
    strategic_field: Annotated[str | None, typer.Option(help="The CRM's field that marks strategic accounts.")] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    json: JsonOption = False,
) -> None:
    """Look at the pulled org, ask four things, and name the preset that fits, with the reasons. Changes nothing."""
    session = open_session(config)
    with session.cache(must_exist=True):
        pass
    org = portray(session.config.cache_path, session.config.compiled, today(session.config, datetime.now(UTC)))
    marked_by = field_name(strategic_field) if strategic_field else None
    wishes = Wishes(check_wanted(wanted) if wanted else None, owners, per_owner, recurring, marked_by)
    found = suggest(org, ask_wishes(wishes) if at_terminal() and not json else wishes, shipped_places())
    if json:
        show_json({"version": 1, **asdict(found), "org": {**asdict(org), "mapped": sorted(org.mapped)}})
        return
    for line in suggestion_lines(found):
        show(line)
    name = found.preset
    show(f'To use it: criteria = "{name}" under [program]. What it would change: kamsync simulate --criteria {name}')


@app.command("check")
def check(
    file: Annotated[str, typer.Argument(help="A criteria file or a preset's name.")],
    config: ConfigOption = DEFAULT_CONFIG,
    as_of: AsOfOption = None,
    json: JsonOption = False,
) -> None:
    """Load and check a criteria file, and show what each criterion does on the cached accounts."""
    session = open_session(config)
    compiled = load_criteria(file, session.config)
    program = compiled.program
    with session.cache(must_exist=True):
        pass
    day = parse_day(as_of) or today(session.config, datetime.now(UTC))
    with Evaluation(session.config.cache_path, compiled, day) as evaluation:
        found = influences(program, evaluation.scaled_scores(), evaluation.known_values())
        problems = evaluation.problems
    for problem in problems:
        say(f"! {problem}")
    if json:
        show_json([asdict(one) for one in found])
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Criterion", "Axis", "Weight", "Known", "0 … 100", "Moves the ranking"):
        table.add_column(name, justify="right" if name in ("Weight", "Known") else "left", no_wrap=True)
    by_name = {criterion.name: criterion for criterion in program.criteria}
    for one in found:
        criterion = by_name[one.criterion]
        most = max(one.histogram) or 1
        bars = "".join(BARS[(count * (len(BARS) - 1) + most - 1) // most] for count in one.histogram)
        known = f"{one.known / one.scored:.0%}" if one.scored else "—"
        moves = (
            "health only"
            if one.moves is None
            else f"{one.moves:.1%}" + ("   does almost nothing" if one.moves < DOES_LITTLE else "")
        )
        table.add_row(criterion.name, criterion.axis, f"{criterion.weight:g}", known, bars, moves)
    out.print(table)
    counts = ", ".join(
        (
            counted(len(program.criteria), "criterion", "criteria"),
            counted(len(program.tiers), "tier"),
            counted(len(program.rules), "rule"),
        )
    )
    show(f"{file}: {counts}; every expression is sound.")

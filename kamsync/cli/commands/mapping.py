"""`kamsync mapping [show|copy FILE]`: which CRM field each name stands for, and what the cache found there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table

from kamsync.cli.console import out, show, show_json
from kamsync.cli.options import DEFAULT_CONFIG, ConfigOption, JsonOption
from kamsync.cli.session import Session, open_session
from kamsync.cli.shipped_files import ForceOption, TargetArgument, document_of, shipped_text, write_copy
from kamsync.contract import ListsAccountFields
from kamsync.errors import ConfigError
from kamsync.files import exists
from kamsync.flags import FLAG_PREFIX
from kamsync.model import Stream
from kamsync.numerals import counted
from kamsync.printable import one_line
from kamsync.report.text_width import cut
from kamsync.run.moments import today
from kamsync.run.requests import pull_requests
from kamsync.store.fill_rates import Filled, load_filling

EXAMPLE_WIDTH = 32

app = typer.Typer()


@dataclass(frozen=True, slots=True)
class MappedField:
    """One mapped name. `filled` is the share of records (0…1) that hold a value, null where nothing was pulled of it."""

    stream: str
    name: str
    field: str
    type: str
    pulled: bool
    filled: float | None
    example: str | float | int | None


@app.callback(invoke_without_command=True)
def _group(context: typer.Context, config: ConfigOption = DEFAULT_CONFIG, json: JsonOption = False) -> None:
    """Show what is mapped, or copy the mapping to change it. Without a command: show."""
    if context.invoked_subcommand is None:
        show_mapping(config=config, json=json)


@app.command("show")
def show_mapping(
    config: ConfigOption = DEFAULT_CONFIG,
    unmapped: Annotated[
        bool, typer.Option("--unmapped", help="Ask the CRM which other fields its accounts have, and list those instead.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show every mapped field with how well it is filled and an example. Reads the cache only, but for --unmapped."""
    session = open_session(config)
    if unmapped:
        _show_unmapped(session, json=json)
        return
    rows = list(_rows(session))
    if json:
        show_json([asdict(row) for row in rows])
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("Of", "Name", "CRM field", "Type", "Filled", "Example"):
        table.add_column(name, justify="right" if name == "Filled" else "left", overflow="fold")
    for row in rows:
        table.add_row(row.stream, row.name, row.field or "(the connector knows)", row.type, _filled(row), _example(row))
    out.print(table)
    if not exists(session.config.cache_path, "cache"):
        show("Nothing has been pulled yet, so nothing is known of what stands there. To see it: kamsync pull")
    elif any(not row.pulled for row in rows):
        show('"not read": no criterion, rule or playbook asks for it, so pulls leave it out.')
    show("To map other fields: kamsync mapping copy FILE, edit it, and name it in [crm] mapping")


@app.command("copy")
def copy_mapping(
    file: TargetArgument,
    config: ConfigOption = DEFAULT_CONFIG,
    crm: Annotated[str | None, typer.Option(help="Whose mapping; without it, that of the configuration's CRM.")] = None,
    force: ForceOption = False,
) -> None:
    """Write the shipped mapping to a file that you can edit."""
    kind = crm or document_of(config).get("crm", {}).get("kind")
    if not isinstance(kind, str):
        raise ConfigError(f"There is no {config} that names a CRM.", fix="Say which: --crm salesforce or --crm hubspot")
    write_copy(shipped_text(kind, "", "mapping"), file, force=force)
    show(f'Wrote {file}. Edit it, then name it in your configuration: mapping = "{file}" under [crm]')


def _show_unmapped(session: Session, *, json: bool) -> None:
    """The org's own fields first: a programme of one's own is made of them."""
    mapping = session.config.mapping
    mapped = {column.field for column in mapping.of(Stream.ACCOUNTS)} | set(mapping.flags.values())
    with session.connection() as connection:
        if not isinstance(connection, ListsAccountFields):
            raise ConfigError(
                f"The connector {session.config.connector.kind} does not tell which fields there are.", fix="Look in the CRM."
            )
        found = [field for field in connection.fetch_account_fields() if field.name not in mapped]
    found.sort(key=lambda field: (not field.is_custom, field.label.casefold(), field.name))
    if json:
        show_json([asdict(field) for field in found])
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    for name in ("CRM field", "Label", "Type", ""):
        table.add_column(name, overflow="fold")
    for field in found:
        table.add_row(one_line(field.name), one_line(field.label), field.kind, "your own" if field.is_custom else "")
    out.print(table)
    show(f"{counted(len(found), 'field')} that the mapping does not name. To map one: kamsync mapping copy FILE")


def _rows(session: Session) -> Iterator[MappedField]:
    mapping = session.config.mapping
    requests = pull_requests(session.config, today(session.config, datetime.now(UTC)))
    asked = {request.stream: {column.name for column in request.columns} for request in requests}
    for stream, columns in mapping.columns.items():
        found = _filling(session, stream, [column.name for column in columns])
        for column in columns:
            pulled = column.name in asked.get(stream, set())
            yield _row(str(stream), column.name, column.field, column.kind, pulled, found.get(column.name))
    flags = _filling(session, Stream.ACCOUNTS, [FLAG_PREFIX + flag for flag in mapping.flags])
    for flag, field in mapping.flags.items():
        yield _row("flags", flag, field, "flag", True, flags.get(FLAG_PREFIX + flag))
    yield _row("task", "key", mapping.task_key, "text", True, _filling(session, Stream.TASKS, ["key"]).get("key"))


def _filling(session: Session, stream: Stream, names: list[str]) -> dict[str, Filled]:
    if not exists(session.config.cache_path, "cache"):
        return {}
    with session.cache() as cache:
        return load_filling(cache, stream, names)


def _row(stream: str, name: str, field: str, kind: str, pulled: bool, found: Filled | None) -> MappedField:
    share = found.known / found.records if found and found.records and pulled else None
    return MappedField(stream.replace("_", " "), name, field, kind, pulled, share, found.example if found and pulled else None)


def _filled(row: MappedField) -> str:
    if not row.pulled:
        return "not read"
    return "—" if row.filled is None else f"{row.filled:.0%}"


def _example(row: MappedField) -> str:
    return "" if row.example is None else cut(str(row.example), EXAMPLE_WIDTH)

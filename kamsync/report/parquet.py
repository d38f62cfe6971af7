"""Tables as Parquet, by pyarrow (extra `parquet`): typed columns, so that nobody's spreadsheet guesses. Pure."""

from __future__ import annotations

import io

import pyarrow
import pyarrow.parquet

from kamsync.report.overview.tables import Cell, Column, ColumnKind, Table

_TYPES: dict[ColumnKind, pyarrow.DataType] = {
    "money": pyarrow.float64(),
    "share": pyarrow.float64(),
    "score": pyarrow.float64(),
    "figure": pyarrow.float64(),
    "count": pyarrow.int64(),
    "days": pyarrow.float64(),
    "date": pyarrow.date32(),
}


def parquet_bytes(table: Table) -> bytes:
    """The table whole; None is null."""
    arrays = [_array(column, table.cells(column.name)) for column in table.columns]
    names = [column.name for column in table.columns]
    written = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays(arrays, names=names), written)
    return written.getvalue()


def _array(column: Column, cells: list[Cell]) -> pyarrow.Array:
    kind = _TYPES.get(column.kind, pyarrow.string())
    values = [None if cell is None else str(cell) for cell in cells] if kind == pyarrow.string() else cells
    return pyarrow.array(values, type=kind)

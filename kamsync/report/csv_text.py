"""Tables as CSV that a spreadsheet opens without running anything: RFC 4180, and no text begins a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from kamsync.printable import one_line

# What spreadsheets take for the beginning of a formula: https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """The table with a line of column names; None is an empty cell, numbers stay numbers, text is one line and defused."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return written.getvalue()


def _cell(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    text = one_line(str(value))
    return f"'{text}" if text.lstrip().startswith(_FORMULA_STARTS) else text

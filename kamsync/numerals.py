"""Numbers with what they count, as the terminal's English says them."""

from __future__ import annotations


def counted(number: int, one: str, many: str = "") -> str:
    """ "1 account", "1,200 accounts", "0 accounts"; `many` where the plural is more than an s: "1 activity", "2 activities"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"

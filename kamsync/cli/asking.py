"""Asking a person at the terminal before anything is written."""

from __future__ import annotations

import typer


def confirmed(question: str) -> bool:
    """Whether they said yes; Ctrl-C and the end of input mean no."""
    try:
        return typer.confirm(question, err=True)
    except typer.Abort:
        return False

"""Desks for the console's tests: those of the journeys."""

from __future__ import annotations

from tests.journeys.conftest import open_desk

__all__ = ["open_desk"]

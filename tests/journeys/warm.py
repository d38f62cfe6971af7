"""What the first command of a process would load and look up, done before the processes of the tests are forked from this one."""

from __future__ import annotations

import gc
import importlib
from datetime import date

from kamsync.cli.app import load_command
from kamsync.cli.command_list import commands
from kamsync.decide.calendar import business_calendar, country_code
from kamsync.decide.kinds import sqlite
from kamsync.plugins import installed_connectors

# What commands load when they come to it; the parts of HubSpot's client are loaded at their first call.
LATE = (
    "apscheduler.triggers.cron",
    "encodings.utf_16_le",
    "encodings.utf_8_sig",
    "kamsync.cli.progress_bars",
    "kamsync.report.charts.gallery",
    "kamsync.report.digest.documents",
    "kamsync.run.digests",
    "kamsync_hubspot.connection",
    "kamsync_salesforce.connection",
    *(
        f"hubspot.crm.{name}"
        for name in ("associations", "associations.v4", "lists", "objects", "owners", "pipelines", "properties")
    ),
    "opentelemetry.sdk.trace",
    "pydantic.type_adapter",
    "rich._unicode_data.unicode17-0-0",
    "scipy.optimize",
    "sqlglot.dialects.sqlite",
    "sqlglot.generators.sqlite",
    "sqlglot.parsers.sqlite",
    "sqlite_utils.migrations",
    "structlog",
    "typer._adapters",
    "typer._click._textwrap",
    "typer._click.decorators",
)

for command in commands():
    load_command(command)
for name in LATE:
    importlib.import_module(name)
installed_connectors()
sqlite()
business_calendar(country_code("Brasil")).is_business_day(date(2026, 1, 1))
gc.collect()
gc.freeze()  # a child that looks through what it shares with us has to copy it

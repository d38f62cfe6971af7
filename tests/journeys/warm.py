"""What the first command of a process would load and look up, done before the processes of the tests are forked from this one."""

from __future__ import annotations

import gc
import importlib
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlite_utils.plugins import ensure_plugins_loaded

from kamsync.cli.app import load_command
from kamsync.cli.command_list import commands
from kamsync.cli.sandboxes import config_text
from kamsync.config import load_config
from kamsync.decide.calendar import account_calendar
from kamsync.decide.kinds import sqlite
from kamsync.plugins import installed_connectors
from kamsync.sandbox.words import COUNTRIES

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
ensure_plugins_loaded()
sqlite()
for country in COUNTRIES:
    account_calendar(country.name, "").is_business_day(datetime.now(UTC).date())
# What a desk's configuration says: expressions and playbooks are read once in a process.
with TemporaryDirectory() as folder:
    for crm in ("hubspot", "salesforce"):
        path = Path(folder) / f"{crm}.toml"
        text = config_text(crm, {}, cache=Path("kamsync.db"))
        path.write_text(re.sub("^playbooks = .*$", 'playbooks = "all"', text, flags=re.MULTILINE), encoding="utf-8")
        load_config(path, environment={})
gc.collect()
gc.freeze()  # a child that looks through what it shares with us has to copy it

"""The cache's schema and how an older one becomes it, by sqlite-utils: each step is applied once, in order.

Steps are frozen text: what one of them made for an earlier version is never derived from today's records, so a cache of any
version comes out alike. A column that a stream or a flag gains is a step of its own; `tests/store/test_migrations.py` fails
where one is missing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence

_FIRST = """
CREATE TABLE "owners" ("id" TEXT, "name" TEXT, "email" TEXT, "is_active" INTEGER, "manager_id" TEXT,
  "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE "rates" ("currency" TEXT, "valid_from" TEXT, "rate" REAL, "_pull" INTEGER NOT NULL,
  PRIMARY KEY ("currency", "valid_from"));
CREATE TABLE "accounts" ("id" TEXT, "name" TEXT, "owner_id" TEXT, "parent_id" TEXT, "type" TEXT, "industry" TEXT, "country" TEXT,
  "employees" REAL, "annual_revenue" REAL, "currency" TEXT, "created_date" TEXT, "flag_tier" TEXT, "flag_score" REAL,
  "flag_segment" TEXT, "flag_health" TEXT, "flag_reasons" TEXT, "flag_since" TEXT, "flag_evaluated_at" TEXT,
  "flag_override" TEXT, "flag_override_until" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE "opportunities" ("id" TEXT, "account_id" TEXT, "name" TEXT, "amount" REAL, "currency" TEXT, "close_date" TEXT,
  "stage" TEXT, "is_closed" INTEGER, "is_won" INTEGER, "probability" REAL, "type" TEXT, "owner_id" TEXT,
  "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE INDEX "opportunities_lookup" ON "opportunities" ("account_id");
CREATE TABLE "line_items" ("id" TEXT, "opportunity_id" TEXT, "product_family" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE INDEX "line_items_lookup" ON "line_items" ("opportunity_id", "product_family");
CREATE TABLE "activities" ("id" TEXT, "account_id" TEXT, "kind" TEXT, "activity_date" TEXT, "_pull" INTEGER NOT NULL,
  PRIMARY KEY ("id", "account_id"));
CREATE INDEX "activities_lookup" ON "activities" ("account_id", "activity_date", "kind");
CREATE TABLE "tasks" ("id" TEXT, "key" TEXT, "account_id" TEXT, "owner_id" TEXT, "subject" TEXT, "due" TEXT, "is_open" INTEGER,
  "is_deleted" INTEGER, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id"));
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE cursors (stream TEXT PRIMARY KEY, cursor TEXT, fingerprint TEXT NOT NULL, pulled_at TEXT NOT NULL);
CREATE TABLE written (account_id TEXT PRIMARY KEY, tier TEXT NOT NULL, since TEXT, run_id TEXT, written_at TEXT);
CREATE TABLE drift (account_id TEXT PRIMARY KEY, tier TEXT NOT NULL, seen TEXT NOT NULL);
CREATE TABLE history (
  id INTEGER PRIMARY KEY, account_id TEXT NOT NULL, name TEXT, as_of TEXT NOT NULL, run_id TEXT NOT NULL, tier TEXT NOT NULL,
  previous_tier TEXT NOT NULL, code TEXT NOT NULL, score REAL, segment TEXT, health TEXT, criteria_hash TEXT NOT NULL,
  receipt TEXT NOT NULL);
CREATE INDEX history_account ON history (account_id, id);
CREATE TABLE task_ledger (
  key TEXT PRIMARY KEY, account_id TEXT NOT NULL, task_id TEXT, owner_id TEXT, subject TEXT, due TEXT, status TEXT NOT NULL,
  run_id TEXT NOT NULL);
CREATE TABLE waiting_tasks (key TEXT PRIMARY KEY, account_id TEXT NOT NULL, run_id TEXT NOT NULL);
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, kind TEXT NOT NULL, as_of TEXT, started_at TEXT NOT NULL, finished_at TEXT, status TEXT NOT NULL,
  summary TEXT NOT NULL DEFAULT '{}', message TEXT NOT NULL DEFAULT '');
CREATE TABLE journal (
  run_id TEXT NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, ref TEXT NOT NULL, account_id TEXT NOT NULL, intent TEXT NOT NULL,
  outcome TEXT, record_id TEXT, message TEXT, at TEXT, PRIMARY KEY (run_id, seq));
"""

# written and drift were this program's own memory of tiers, waiting_tasks of tasks: the CRM shows both now.
# history.settled: 0 while nobody knows whether the write happened. merges: which account an id lives on as, with the override
# that the lost account had.
_TRUTH_IN_THE_CRM = """
DROP TABLE written;
DROP TABLE drift;
DROP TABLE waiting_tasks;
ALTER TABLE accounts ADD COLUMN "flag_decided_tier" TEXT;
ALTER TABLE accounts ADD COLUMN "flag_receipt" TEXT;
ALTER TABLE history ADD COLUMN settled INTEGER NOT NULL DEFAULT 1;
ALTER TABLE history ADD COLUMN previous_health TEXT;
CREATE INDEX history_run ON history (run_id);
ALTER TABLE runs ADD COLUMN criteria_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN undoes TEXT NOT NULL DEFAULT '';
ALTER TABLE runs ADD COLUMN fix TEXT NOT NULL DEFAULT '';
CREATE TABLE merges (
  old_id TEXT PRIMARY KEY, new_id TEXT NOT NULL, override TEXT, override_until TEXT, seen TEXT NOT NULL);
"""

_PEOPLE = """
CREATE TABLE "contacts" ("id" TEXT, "account_id" TEXT, "contact_id" TEXT, "tie" TEXT, "roles" TEXT, "is_active" INTEGER,
  "left_date" TEXT, "last_activity_date" TEXT, "_pull" INTEGER NOT NULL, PRIMARY KEY ("id", "account_id"));
CREATE INDEX "contacts_lookup" ON "contacts" ("account_id");
"""

# One column a figure of decide.kpis; history.kpi is the figure's number, history.day the day's ordinal.
_FIGURES = """
CREATE TABLE kpi_now (
  number INTEGER PRIMARY KEY, account_id TEXT NOT NULL UNIQUE, revenue, growth, pipeline, win_rate, engagement, satisfaction,
  score, health, owner, champion);
CREATE TABLE kpi_history (
  account INTEGER NOT NULL, kpi INTEGER NOT NULL, day INTEGER NOT NULL, value, PRIMARY KEY (account, kpi, day)) WITHOUT ROWID;
"""

# Name and SQL of each step, oldest first. A cache remembers the names: they are never changed, nor is what a step did.
STEPS: tuple[tuple[str, str], ...] = (
    ("first_schema", _FIRST),
    # The last evaluation, from which one account is explained (store.last_evaluation).
    ("kept_evaluation", "CREATE TABLE kept (account_id TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID;"),
    # What was decided is read from the CRM; recovery, undo and merges have what they need.
    ("truth_in_the_crm", _TRUTH_IN_THE_CRM),
    # A replayed day sees what was in the CRM on it, and nothing that came later.
    ("opportunities_know_their_age", 'ALTER TABLE "opportunities" ADD COLUMN "created_date" TEXT;'),
    # What the live value of contracts is computed from, where the admin maps it.
    (
        "opportunities_carry_contracts",
        """
        ALTER TABLE "opportunities" ADD COLUMN "contract_start" TEXT;
        ALTER TABLE "opportunities" ADD COLUMN "contract_months" REAL;
        ALTER TABLE "opportunities" ADD COLUMN "contract_end" TEXT;
        """,
    ),
    # A stay that began anew after an undo is told from a second one.
    ("moves_know_what_they_came_from", "ALTER TABLE history ADD COLUMN previous_since TEXT;"),
    # Each list of writes that a run chose not to make, once, by the name of its content; runs.held names a run's list.
    (
        "what_was_held_back",
        """
        CREATE TABLE held_back (list TEXT NOT NULL, seq INTEGER NOT NULL, account_id TEXT NOT NULL, account TEXT NOT NULL,
          what TEXT NOT NULL, reason TEXT NOT NULL, key TEXT NOT NULL, waits INTEGER NOT NULL, PRIMARY KEY (list, seq));
        ALTER TABLE runs ADD COLUMN held TEXT NOT NULL DEFAULT '';
        """,
    ),
    ("people_of_accounts", _PEOPLE),
    ("figures_over_time", _FIGURES),
    # The programme that an account was last explained under (store.known_program).
    ("known_programmes", "CREATE TABLE known_programmes (config TEXT PRIMARY KEY, inputs TEXT NOT NULL, body BLOB NOT NULL);"),
    # The last digest of each channel and reader: up to which entry of the history it told, and what besides (store.digests).
    (
        "digests_told",
        """
        CREATE TABLE digests (channel TEXT NOT NULL, reader TEXT NOT NULL, period TEXT NOT NULL, since INTEGER NOT NULL,
          upto INTEGER NOT NULL, said TEXT NOT NULL, state TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (channel, reader));
        """,
    ),
    # The notes with the plans of accounts, as far as they are known (store.notes).
    (
        "plan_notes",
        "CREATE TABLE plan_notes (account_id TEXT PRIMARY KEY, note_id TEXT NOT NULL, state TEXT NOT NULL,"
        " made_from TEXT NOT NULL, text TEXT NOT NULL);",
    ),
)
SCHEMA_VERSION = len(STEPS)


def _statements(script: str) -> Iterator[str]:
    """One after the other: a script run as a whole would commit what it is a part of, and sqlite-utils looks for their ends
    letter by letter."""
    statement = ""
    for part in script.split(";"):
        statement += part + ";"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def migrate(connection: sqlite3.Connection, steps: Sequence[tuple[str, str]] = STEPS) -> None:
    """Brings the database to the schema of `steps`: all of it or nothing, so that a killed process leaves no cache half made.

    Fewer steps than STEPS make a cache of an earlier version.
    """
    import sqlite_utils  # it takes long to load, and most commands find the schema as it should be
    from sqlite_utils.migrations import Migrations

    def running(sql: str) -> Callable[[sqlite_utils.Database], None]:
        def run(database: sqlite_utils.Database) -> None:
            for statement in _statements(sql):
                database.execute(statement)

        return run

    migrations = Migrations("kamsync")
    for name, sql in steps:
        migrations(name=name)(running(sql))
    database = sqlite_utils.Database(connection)
    with database.atomic():
        migrations.apply(database)
        database.execute(f"PRAGMA user_version = {len(steps)}")

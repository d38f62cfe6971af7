"""Every key that a configuration, a criteria file or a mapping may hold is used by a file here, on a run that plans and applies.

A new key of the models, a new choice of a key or a new scale fails this file until one of its programmes uses it.
"""

from __future__ import annotations

import json
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kamsync.config import mapping as mapping_file
from kamsync.config.models import ConfigFile, CriteriaFile, CriterionTable
from kamsync.decide.occurrences import PERIODS
from kamsync.decide.scales import scale_keys
from kamsync.flags import FLAGS
from kamsync.model import Kind
from tests.run.memory_desk import MemoryDesk

TODAY = datetime.now(UTC).date()
FIELDS: dict[str, Kind] = {
    "nps": "number",
    "segments": "text",
    "is_strategic": "boolean",
    "reference_date": "date",
    "touched_at": "instant",
    "coach_id": "text",
    "next_renewal_date": "date",
}
# Everything about scales, missing values, decay and optional criteria.
SCALES = """
[program]
currency = "EUR"
eligible = "employees > 1 or is_strategic"
active = "won_count_total > 0 or is_strategic"
[cache]
path = "deep.db"
[[tiers]]
name = "A"
label = { en = "Strategic", es = "Estratégica" }
enter = 40
leave = 35.5
[[tiers]]
name = "B"
enter = 10
[[criteria]]
name = "values"
axis = "attractiveness"
goal = "market"
weight = 3
value = "country"
scale = { values = { Brazil = 100, "South Africa" = 60 }, else = 5 }
[[criteria]]
name = "truth"
axis = "attractiveness"
goal = "market"
weight = 1
value = "is_strategic"
scale = { values = { true = 100, false = 20 } }
[[criteria]]
name = "linear"
unit = "count"
actionable = false
label = "Satisfaction"
axis = "strength"
goal = "retention"
weight = 2.5
value = "nps"
scale = { linear = [100, 0] }
missing = "skip"
decay = { since = "reference_date", half_life_days = 365 }
[[criteria]]
name = "log"
unit = "months"
axis = "attractiveness"
goal = "expansion"
weight = 1
value = "employees"
scale = { log = [10, 10000] }
missing = "zero"
[[criteria]]
name = "bands"
unit = "days"
axis = "strength"
goal = "authority"
weight = 1
value = "won_count_total"
scale = { bands = [[1, 25], [3, 75.5]] }
missing = 12.5
[[criteria]]
name = "rank"
unit = "money"
axis = "attractiveness"
goal = "retention"
weight = 1
value = "won_amount_12m"
scale = { percentile = true, within = "coalesce(industry, 'none')" }
[[criteria]]
name = "share"
unit = "percent"
axis = "attractiveness"
goal = "retention"
weight = 1
value = "won_amount_12m"
scale = { share = [0, 20] }
[[criteria]]
name = "flag"
unit = "date"
axis = "health"
goal = "retention"
weight = 1
value = "has(segments, 'ent') and touched_at > '2020-01-01'"
scale = { flag = true }
[[criteria]]
name = "unmapped"
optional = true
axis = "health"
goal = "retention"
weight = 1
value = "a_field_that_nobody_mapped"
scale = { flag = true }
"""
# Everything about tiers, rules, holds, capacity, settings of the programme.
# They may stand in a file of their own, as `simulate` and `criteria check` read it.
CRITERIA = """
[[tiers]]
name = "A"
enter = 50
leave = 45
min_days = 90
max_accounts = 2
top_percent = 50.5
max_per_owner = 2
[[tiers]]
name = "B"
enter = 20
[[criteria]]
name = "size"
label = { pt_BR = "Tamanho", en = "Size" }
axis = "attractiveness"
goal = "market"
weight = 1
value = "employees"
scale = { linear = [0, 1000] }
[[rules]]
when = "industry = 'Energy'"
floor = "B"
reason = { pt_BR = "Energia", en = "Energy" }
[[rules]]
when = "country = 'Brazil'"
ceiling = "B"
reason = "Served by partners"
[[rules]]
when = "won_count_total = 0 and nps < 0"
exclude = true
[[seats]]
tier = "A"
count = 1
when = "is_strategic"
rank = "employees"
evidence = "reference_date"
valid_days = 500
reason = { pt_BR = "Abre um mercado", en = "Opens a market" }
[[seats]]
tier = "B"
count = 2
when = "a_field_that_nobody_mapped > 1"
evidence = "reference_date"
valid_days = 90
optional = true
[review]
months = [1, 7]
between = "rises"
approve = true
[segments]
attractiveness = 60
strength = 40
labels = { key = "Chave", development = "Desenvolver", maintenance = "Manter", opportunistic = "Oportunidade" }
[health]
green = 80
amber = 20
min_coverage = 0.25
"""
HOLDS = f"""
[program]
name = "Contas-chave"
timezone = "America/Sao_Paulo"
currency = "EUR"
language = "pt_BR"
country = "BR"
contacts = "never"
unknown_currency = "ignore"
renewal_types = ["Renewal"]
min_coverage = 0.1
drift = "reclaim"
adopt_days = 30
existing_tiers = "override"
write_scope = "all"
score_deadband = 1
fallback_owner = "bob@example.com"
unit = "group"
members = "none"
max_new_tasks_per_owner_per_run = 1
{CRITERIA}
[[playbooks]]
name = "welcome"
label = {{ en = "Welcome", pt_BR = "Boas-vindas" }}
when = "entered"
every = "entry"
[[playbooks.tasks]]
name = "call"
subject = {{ en = "Call {{{{ name }}}}", pt_BR = "Ligar para {{{{ name }}}}" }}
body = {{ en = "{{{{ employees }}}} people" }}
due = "10 business days"
assignee = "owner.manager"
priority = "high"
[[playbooks.tasks]]
name = "plan"
subject = "Plan"
due = 3
assignee = "role:coach_id, owner"
priority = "low"
type = "call"
after = "call"
[[playbooks.tasks]]
name = "letter"
subject = "Letter"
due = "90 days"
type = "email"
ahead_days = 30
late_days = 10
[[playbooks]]
name = "review"
when = "tier_rank = 1"
every = "90 days"
stagger_days = 20
not_with = ["welcome"]
group = "reviews"
quiet_days = 30
[[playbooks.tasks]]
name = "hold"
subject = "Hold"
type = "meeting"
[goals]
retention = {{ kpi = "satisfaction", target = 50 }}
expansion = {{ kpi = "growth", target = 0.1 }}
authority = {{ kpi = "engagement", target = 2 }}
market = {{ kpi = "pipeline", target = 1000 }}
[plans]
note = true
max_due_per_owner_per_day = 3
[schedule]
sync = "0 6 * * 1-5"
full_pull = "0 3 * * 0"
jitter_seconds = 60
[guard]
max_changed_share = 1
max_vanished_share = 0.5
api_budget_share = 0.9
first_run = "go"
[history]
months = 24
[log]
format = "json"
level = "debug"
file = "every.log"
[[notify]]
url = {{ env = "MEMORY_TOKEN" }}
who = "failures"
[[notify]]
url = {{ env = "MEMORY_TOKEN" }}
who = "owner"
when = "sync"
tags = ["ana@example.com"]
language = "es"
[[notify]]
url = {{ env = "MEMORY_TOKEN" }}
who = "program"
when = "weekly"
language = "en"
[[notify]]
url = {{ env = "MEMORY_TOKEN" }}
who = "program"
language = "pt_BR"
[serve]
port = 9464
"""
# A preset, shipped playbooks, and every other choice.
PRESET = """
[program]
criteria = "smb"
playbooks = ["onboarding", "renewal"]
currency = "EUR"
language = "es"
eligible = "true"
contacts = "auto"
unknown_currency = "error"
drift = "adopt"
existing_tiers = "current"
write_scope = "flagged"
unit = "group"
members = "inherit"
[guard]
first_run = "ask"
[log]
format = "plain"
level = "info"
""" + "".join(
    f"""
[[playbooks]]
name = "p{number}"
when = "tier = 'A' or tier is null or score > 0"
every = "{every}"
when_clear = "{"close" if number % 2 else "keep"}"
on_owner_change = "{"follow" if number % 2 else "keep"}"
[[playbooks.tasks]]
name = "t"
subject = "Do {number}"
due = "5"
priority = "normal"
type = "todo"
assignee = "{assignee}"
"""
    for number, (every, assignee) in enumerate(
        (every, ("owner", "user:bob@example.com")[number % 2])
        for number, every in enumerate((*(one for one in PERIODS if one != "entry"), "value:next_renewal_date"))
    )
)
INHERITS = 'inherit = "common.toml"\n'
LANGUAGE = (
    INHERITS
    + """
[program]
playbooks = "all"
language = "en"
contacts = "always"
criteria = "balanced"
currency = "EUR"
unit = "account"
[review]
months = [1]
between = "hold"
[goals]
retention = { kpi = "win_rate", target = 0.5 }
expansion = { kpi = "revenue", target = 5000 }
market = { kpi = "score", target = 60 }
"""
)
CRITERIA = f'unit = "account"\nmembers = "none"\nactive = "won_count_total > 0"\n{CRITERIA}'
GROUPED = CRITERIA.replace('"account"', '"group"', 1).replace('"none"', '"inherit"', 1)
PROGRAMMES = {"scales": SCALES, "holds": HOLDS, "preset": PRESET, "language": LANGUAGE}


def used(model: type[BaseModel], document: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The keys of the model that the document holds, and the choices that it makes, as (model, key) and (model, key, choice)."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        if key not in document:
            continue
        yield model.__name__, key
        value = document[key]
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str | bool | int | float):
                yield model.__name__, key, str(item)
        inner = inner_model(field.annotation)
        if inner is not None:
            tables = value if isinstance(value, list) else value.values() if is_named(field.annotation) else [value]
            for table in tables:
                if isinstance(table, Mapping):
                    yield from used(inner, table)
        if (model, key) == (CriterionTable, "scale"):
            yield from (("scale", one) for one in value)


def wanted(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    """Everything that `used` must find between all documents."""
    for name, field in model.model_fields.items():
        key = field.alias or name
        yield model.__name__, key
        yield from ((model.__name__, key, str(choice)) for choice in choices(field.annotation))
        inner = inner_model(field.annotation)
        if inner is not None:
            yield from wanted(inner)


def inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := inner_model(one))), None)


def is_named(annotation: Any) -> bool:
    """A table of tables by name."""
    return typing.get_origin(annotation) is dict or any(is_named(one) for one in typing.get_args(annotation))


def choices(annotation: Any) -> Iterator[object]:
    if typing.get_origin(annotation) is typing.Literal:
        yield from typing.get_args(annotation)
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for one in typing.get_args(annotation):
            yield from choices(one)


MAPPING = """
crm = "memory"
[account]
{fields}
[account.nps]
field = "nps"
type = "number"
[account.country]
field = "country"
values = {{ BR = "Brazil" }}
[account.segments]
field = "segments"
type = "text"
[account.is_strategic]
field = "is_strategic"
type = "boolean"
[account.reference_date]
field = "reference_date"
type = "date"
[account.touched_at]
field = "touched_at"
type = "instant"
[account.next_renewal_date]
field = "next_renewal_date"
type = "date"
[opportunity]
id = "id"
account_id = "account_id"
amount = "amount"
currency = "currency"
close_date = "close_date"
is_closed = "is_closed"
is_won = "is_won"
type = {{ field = "type", values = {{ Verlaengerung = "Renewal" }} }}
[line_item]
id = "id"
opportunity_id = "opportunity_id"
product_family = "product_family"
[contact]
roles = {{ field = "roles", values = {{ CHAMPION = "champion" }} }}
[flags]
{flags}
[plan]
customer_goals = "customer_goals"
our_objectives = "our_objectives"
account_plans = true
[task]
key = "kam_task_key"
[options]
"""


def a_mapping() -> str:
    plain = ("id", "name", "owner_id", "parent_id", "type", "industry", "employees", "annual_revenue", "currency", "created_date")
    return MAPPING.format(
        fields="\n".join(f'{name} = "{name}"' for name in (*plain, "coach_id")),
        flags="\n".join(f'{flag} = "kam_{flag}"' for flag in FLAGS),
    )


def a_desk(folder: Path, monkeypatch: pytest.MonkeyPatch, program: str) -> MemoryDesk:
    """Twelve accounts that differ in everything that the programmes read."""
    desk = MemoryDesk(folder, monkeypatch, program, FIELDS)
    (folder / "memory.toml").write_text(a_mapping(), encoding="utf-8")
    if program.startswith(INHERITS):  # which stands above the first table
        (folder / "common.toml").write_text('[program]\nname = "Common"\n', encoding="utf-8")
        desk.write_config(INHERITS + (folder / "config.toml").read_text(encoding="utf-8").replace(INHERITS, ""))
    crm = desk.crm
    boss = crm.add_owner("Bob", "bob@example.com")
    owners = [crm.add_owner("Ana", "ana@example.com", manager_id=boss), boss]
    for number in range(12):
        account = crm.add_account(
            f"Account {number}",
            owner_id=owners[number % 2],
            country=["BR", "South Africa", "Chile", None][number % 4],
            industry=["Energy", "Retail", None][number % 3],
            employees=number * 90.0,
            nps=[None, -10.0, 40.0][number % 3],
            segments=["ent;gov", "smb", None][number % 3],
            is_strategic=[True, False, None][number % 3],
            reference_date=TODAY - timedelta(days=number * 40) if number % 2 else None,
            touched_at=datetime(2024, 1, 1, tzinfo=UTC),
            coach_id=boss,
            next_renewal_date=TODAY + timedelta(days=number * 20) if number % 2 else None,
        )
        for past in range(number):
            won = crm.add_opportunity(account, TODAY, 100.0 * number)
            crm.win(won, TODAY - timedelta(days=60 * past + 1))
            crm.add_line_item(won, f"Family {past % 4}")
        crm.add_opportunity(account, TODAY + timedelta(days=50), 500.0, type="Verlaengerung")
        crm.add_activity(account, "meeting", TODAY - timedelta(days=number))
    return desk


def test_every_key_and_every_choice_of_the_files_is_used_here() -> None:
    crm = {"kind": "memory", "mapping": "memory.toml"}
    documents = [{**tomllib.loads(text), "crm": crm} for text in PROGRAMMES.values()]
    found = {one for document in documents for one in used(ConfigFile, document)}
    found |= {one for text in (CRITERIA, GROUPED) for one in used(CriteriaFile, tomllib.loads(text))}
    found |= set(used(mapping_file._Mapping, tomllib.loads(a_mapping())))
    everything = {*wanted(ConfigFile), *wanted(CriteriaFile), *wanted(mapping_file._Mapping)}
    everything |= {("scale", key) for key in scale_keys()} | {("PlaybookTable", "every", every) for every in PERIODS}

    assert sorted(everything - found) == []


@pytest.mark.parametrize("name", PROGRAMMES)
def test_a_programme_plans_applies_explains_and_simulates(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch, PROGRAMMES[name])
    (tmp_path / "other.toml").write_text(GROUPED if name == "preset" else CRITERIA, encoding="utf-8")

    planned = desk.good("plan", "--json").json
    assert planned["changes"]
    desk.good("apply", "--yes")
    if name != "holds":  # one task an owner and run: the others follow one by one
        assert desk.good("plan", "--json").json["changes"] == []
    for account in desk.crm.accounts():
        receipt = desk.good("explain", account.id, "--json").json
        assert sum(round(100 * one["points"]) for one in receipt["contributions"]) == round(100 * (receipt["score"] or 0))
    for criteria in ("other.toml", "retention"):
        desk.good("simulate", "--criteria", criteria, "--json")
        desk.good("criteria", "check", criteria, "--json")
    json.dumps(desk.good("accounts", "--json").json, allow_nan=False)


def test_scores_of_values_are_those_that_the_file_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = a_desk(tmp_path, monkeypatch, SCALES)
    desk.good("apply", "--yes")

    scaled = {}
    for account in desk.crm.accounts():
        receipt = desk.good("explain", account.id, "--json").json
        if receipt["eligible"]:
            for one in receipt["contributions"]:
                scaled[(one["criterion"], str(one["value"]))] = one["scaled"]

    assert scaled[("values", "Brazil")] == 100
    assert scaled[("values", "South Africa")] == 60
    assert scaled[("values", "Chile")] == 5
    assert scaled[("values", "None")] == 0
    assert (scaled[("truth", "1")], scaled[("truth", "0")]) == (100, 20)

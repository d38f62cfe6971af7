"""Every wrong value of every key is told in our own words, with its line; the words of a library reach nobody."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from kamsync.config import load_config
from kamsync.config.mapping import _Mapping, load_mapping
from kamsync.config.models import ConfigFile
from kamsync.errors import ConfigError
from tests.config.desk import GOOD, Folder

# What pydantic says, as its documentation lists it: https://docs.pydantic.dev/latest/errors/validation_errors/
FOREIGN = re.compile(
    r"Input should|valid (string|integer|number|dictionary|list|boolean)|pydantic|constrained|\^\(|regex|pattern|Field required|"
    r"Extra inputs|instance of|Value error|String should|literal_error|NoneType|function-|strict=|greater than|less than|"
    r"\[key\]|\bdict\b|\bstr\b|\bint\b|\bfloat\b|\bbool\b|Table\b|_Field|_Task"
)
WRONG = (
    '"text"', '""', '"\\u200b"', "5", "-1", "1.5", "1e300", "inf", "nan", "true", "false", "[]", "[1]", '["a"]', "[[1, 2]]", "{}",
    "{ a = 1 }", '{ a = "b" }', "2024-01-01", "2024-01-01T00:00:00Z", "99999999999999999999999999", '"' + "x" * 5_000 + '"',
    "[{}]", "[{ a = 1 }]", '{ "Bad Key" = 5 }', '{ "Bad Key" = "x" }',
)  # fmt: skip


def keys_of(model: type[BaseModel], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The dotted way to every key of a model, through tables and arrays of tables."""
    for name, info in model.model_fields.items():
        key = (*path, info.alias or name)
        yield key
        for inner in models_in(info.annotation):
            yield from keys_of(inner, key)


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in typing.get_args(annotation):
        yield from models_in(argument)


ARRAYS = {"tiers", "criteria", "rules", "playbooks", "tasks", "line_items"}


def document(path: tuple[str, ...], value: str) -> str:
    """A configuration with one more value at that path, whatever stands there otherwise."""
    text = value
    for position, key in reversed(list(enumerate(path))):
        if position and key:
            text = f"{{ {key} = {text} }}"
            if path[position - 1] in ARRAYS:
                text = f"[{text}]"
    return f"{path[0]} = {text}\n"


@pytest.mark.parametrize("path", list(keys_of(ConfigFile)), ids=".".join)
def test_every_wrong_value_of_a_configuration_is_told_in_our_words(tmp_path: Path, path: tuple[str, ...]) -> None:
    config = tmp_path / "config.toml"
    for value in WRONG:
        text = document(path, value)
        if path[0] != "crm":
            text += GOOD[GOOD.index("[crm]") : GOOD.index("[[tiers]]")]
        config.write_text(text)
        try:
            load_config(config, environment={"TOKEN": "canary-0123456789"})
        except ConfigError as error:
            said = error.message.replace(str(config), "config.toml")
            assert not FOREIGN.search(said), said
            assert error.fix
            assert all(len(line) < 400 for line in said.split("\n")), said


@pytest.mark.parametrize(
    "path", [*keys_of(_Mapping), ("account", "nps"), ("account", "Bad Name"), ("flags", "tier")], ids=".".join
)
def test_every_wrong_value_of_a_mapping_is_told_in_our_words(tmp_path: Path, path: tuple[str, ...]) -> None:
    mapping = tmp_path / "own.toml"
    for value in WRONG:
        quoted = tuple(key if re.fullmatch(r"[\w-]+", key) else f'"{key}"' for key in path)
        mapping.write_text(document(quoted, value))
        with pytest.raises(ConfigError) as caught:
            load_mapping("own.toml", crm="hubspot", folder=tmp_path)
        assert not FOREIGN.search(caught.value.message.replace(str(mapping), "")), caught.value.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('currency = "EUR"', 'currency = "eur"', ["ISO code", "write 'EUR'"]),
        ('currency = "EUR"', 'currency = "Euro"', ["ISO code", "'EUR'"]),
        ('currency = "EUR"', 'language = "pt-br"', ["'en', 'pt_BR', 'es'", "did you mean 'pt_BR'"]),
        ('currency = "EUR"', 'timezone = "Europe/Berln"', ["did you mean 'Europe/Berlin'"]),
        ('currency = "EUR"', 'timezone = "america/sao paulo"', ["did you mean 'America/Sao_Paulo'"]),
        ('currency = "EUR"', 'playbooks = ["onbording"]', ["did you mean 'onboarding'"]),
        ('currency = "EUR"', 'drift = "adapt"', ["'adopt', 'reclaim'", "did you mean 'adopt'"]),
        ('currency = "EUR"', 'existing_tiers = "overide"', ["did you mean 'override'"]),
        ('currency = "EUR"', "curency = 'EUR'", ["unknown key 'curency'", "did you mean 'currency'"]),
        ("[program]", "[programm]", ["unknown key 'programm'", "did you mean 'program'"]),
        ('kind = "hubspot"', 'kind = "hubspt"', ["Did you mean 'hubspot'"]),
        ('kind = "hubspot"', 'kind = "hubspot"\nmapping = "hubspt"', ["did you mean 'hubspot'"]),
        ("access_token =", "acces_token =", ["did you mean 'access_token'"]),
        ("[crm.hubspot]", "[crm.hubspott]", ["did you mean 'hubspot'"]),
        ("weight = 10", 'weight = "10"', ["config.toml:15", "criteria[1].weight must be a number, not '10'"]),
        ("weight = 10", "weight = true", ["must be a number, not true"]),
        ("weight = 10", "weight = -1", ["must be at least 0, not -1"]),
        ("weight = 10", "weight = inf", ["must be a finite number"]),
        ("enter = 80", "enter = 800", ["must be at most 100, not 800"]),
        ("enter = 80", "", ["tiers[1].enter is missing"]),
        ('name = "A"', "name = 5", ["tiers[1].name must be a text in quotes, not 5"]),
        ('name = "A"', 'name = "A"\nlabel = 5', ["must be a text in quotes or a table, not 5"]),
        ('axis = "attractiveness"', 'axis = "attractivness"', ["did you mean 'attractiveness'"]),
        ("{ percentile = true }", "{ linear = [1] }", ["linear = [lo, hi] takes two numbers"]),
        ("[program]", "program = 5\n[x]", ["program must be a table, not 5"]),
        ('[crm.hubspot]\naccess_token = { env = "TOKEN" }', "hubspot = 5", ["[crm.hubspot] must be a table"]),
    ],
)
def test_a_mistake_is_told_with_its_mend(folder: Folder, old: str, new: str, said: list[str]) -> None:
    assert old in GOOD
    folder.write(GOOD.replace(old, new, 1))
    message = folder.refused()
    assert [word for word in said if word not in message] == [], message


def test_a_near_name_is_offered_for_presets(folder: Folder) -> None:
    folder.write('[program]\ncriteria = "balancd"\n' + GOOD[GOOD.index("[crm]") : GOOD.index("[[tiers]]")])
    assert "did you mean 'balanced'" in folder.refused()
    folder.write(GOOD)
    told = folder.run("simulate", "--criteria", "balancd")
    assert told.code == 2 and "Did you mean 'balanced'" in told.err and "kamsync init" not in told.err


@pytest.mark.parametrize(
    ("crm", "setting", "url", "said"),
    [
        ("salesforce", "login_url", "https://acme.my.salesforce.com/services/oauth2", ["/services/oauth2", "login_url ="]),
        ("salesforce", "login_url", "https://acme.my.salesforce.com/?x=1", ["?x=1"]),
        ("salesforce", "instance_url", "https://acme.my.salesforce.com/services", ["/services", "instance_url"]),
        ("salesforce", "login_url", "http://acme.my.salesforce.com", ["clear text", "https://"]),
        ("salesforce", "login_url", "acme.my.salesforce.com", ["not a web address"]),
        ("salesforce", "login_url", "https://acme my.salesforce.com", ["not a web address"]),
        ("hubspot", "base_url", "https://api.hubapi.com/crm/v3", ["/crm/v3"]),
        ("hubspot", "base_url", "http://api.hubapi.com", ["clear text"]),
    ],
)
def test_an_address_is_refused_by_what_is_wrong_with_it(
    folder: Folder, crm: str, setting: str, url: str, said: list[str]
) -> None:
    table = {
        "salesforce": '[crm.salesforce]\nclient_id = "x"\nclient_secret = { env = "TOKEN" }\n',
        "hubspot": '[crm.hubspot]\naccess_token = { env = "TOKEN" }\n',
    }[crm]
    more = "" if setting == "login_url" or crm == "hubspot" else 'login_url = "https://acme.my.salesforce.com"\n'
    folder.write(f'[crm]\nkind = "{crm}"\n{table}{setting} = "{url}"\n{more}' + GOOD[GOOD.index("[[tiers]]") :])
    told = folder.run("doctor")
    assert told.code in (1, 2) and [word for word in said if word not in told.out + told.err] == [], told


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ " + "(" * 300 + "1" + ")" * 300 + " }}", "nested too deeply"),
        ("{{ " + "[" * 3_000 + " }}", "config.toml"),
        ("{% if 1 %}" * 200 + "x" + "{% endif %}" * 200, ""),
        ("{{ " + "-" * 3_000 + "1 }}", "nested too deeply"),
        ("{{ '{a}'.format() }}", ""),
        ("{{ [][5] }}{{ {}['a'] }}", ""),
        ("{{ name.nope() }}", ""),
    ],
)
def test_a_template_of_any_kind_is_read_or_refused(folder: Folder, template: str, said: str) -> None:
    task = f"[[playbooks.tasks]]\nname = 'call'\nsubject = '''{template}'''\n"
    playbook = f"[[playbooks]]\nname = 'call'\nwhen = \"tier = 'A'\"\n{task}"
    folder.write(GOOD + playbook)
    told = folder.load()
    assert told.code in (0, 2) and said in told.err and "bug" not in told.err and "Traceback" not in told.err, told

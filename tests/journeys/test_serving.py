"""What serves until it is stopped: the sandbox with every option that it has, the demo, the console."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import ssl
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.journeys.command import Started, run_command
from tests.run.test_every_option import CONSOLE, DEMO, METADATA, SANDBOX, SHAPED, UNMAPPED


@contextmanager
def served(line: str, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """A command that serves: the line that says so, and its JSON where that is asked for. It is stopped at the end."""
    process = Started(shlex.split(line), folder, os.environ)
    try:
        waiting = next(said for said in process.stderr if "Ctrl-C" in said)
        yield waiting, _first_document(process.stdout) if "--json" in line else {}
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


def _first_document(lines: Iterable[str]) -> dict[str, Any]:
    text = ""
    for line in lines:
        text += line
        if line == "}\n":
            break
    found: dict[str, Any] = json.loads(text)
    return found


def page(url: str, ca: str = "") -> str:
    with urllib.request.urlopen(url, timeout=10, context=ssl.create_default_context(cafile=ca) if ca else None) as answer:
        return str(answer.read().decode())


def test_a_sandbox_is_what_its_options_say_and_its_configuration_opens_it(tmp_path: Path) -> None:
    with served(SANDBOX, tmp_path) as (_, told):
        shown = page(told["url"], told["ca"])
        config = (tmp_path / "served.toml").read_text(encoding="utf-8")
        secrets = {name: told["settings"][key] for key, name in re.findall(r'(\w+) = \{ env = "(\w+)" \}', config)}
        environment = {**os.environ, **secrets}
        doctor, setup, unmapped = (
            run_command(shlex.split(line), tmp_path, environment) for line in ("doctor --config served.toml", METADATA, UNMAPPED)
        )

    assert told["crm"] == "salesforce" and told["url"].startswith("https://")
    assert shown.count("<tr") >= 3
    assert " of 770 " in doctor[1] and "KAM_Tier__c" not in doctor[1], doctor[1]
    assert setup[0] == 0, setup[1]
    assert list((tmp_path / "source").rglob("*.field-meta.xml"))
    assert unmapped[0] == 0 and "NPS__c" in {field["name"] for field in json.loads(unmapped[1])}


def test_a_console_is_what_its_options_say(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with served(SANDBOX, tmp_path) as (_, told):
        config = (tmp_path / "served.toml").read_text(encoding="utf-8")
        secrets = {name: told["settings"][key] for key, name in re.findall(r'(\w+) = \{ env = "(\w+)" \}', config)}
        environment = {**os.environ, **secrets}
        assert run_command(["pull", "--config", "served.toml"], tmp_path, environment)[0] == 0
        process = Started(shlex.split(CONSOLE.replace("PORT", str(port))), tmp_path, environment)
        try:
            address = process.stdout.readline().strip()
            browser = requests.Session()
            shown = browser.get(f"http://127.0.0.1:{port}/plan?{address.partition('?')[2]}", timeout=30)
        finally:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)

    assert address.startswith("http://accounts.example.com/?token=")
    assert 'lang="es"' in shown.text and "solo lectura" in shown.text


def test_a_shape_is_served_as_a_company_of_its_kind(tmp_path: Path) -> None:
    with served(SHAPED, tmp_path) as (_, told):
        assert "<tr" in page(told["url"])


def test_the_demo_keeps_the_crms_page_up_where_it_is_told_to(tmp_path: Path) -> None:
    with served(DEMO, tmp_path) as (waiting, _):
        url = next(word for word in waiting.split() if word.startswith("http"))
        assert "HubSpot" in page(url) or "hubspot" in page(url)

"""The CRM's page: what a key account manager sees there, in the programme's language."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.journeys.conftest import Desk, desks

CRMS = ("salesforce", "hubspot")


@pytest.fixture(scope="module", params=CRMS)
def desk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A CRM that a programme in Spanish has written to."""
    with desks(tmp_path_factory.mktemp("page")) as open_one:
        desk = open_one(request.param, accounts=40, opportunities=300)
        desk.edit_config('name = "Key accounts"', 'name = "Cuentas clave"\nlanguage = "es"')
        desk.good("setup", "--yes")
        desk.good("apply", "--yes")
        yield desk


def page(desk: Desk, path: str = "/") -> str:
    answer = requests.get(desk.server.base_url + path, timeout=10)
    assert answer.status_code == 200
    return answer.text


def text(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"(?s)<style>.*?</style>", " ", markup))).split())


def test_the_list_begins_with_the_best_and_speaks_the_programmes_language(desk: Desk) -> None:
    shown = page(desk)
    tiers = re.findall(r'class="tier">([^<]+)<', shown)
    scores = [float(one.replace(",", ".")) for one in re.findall(r'class="number">([^<]+)<', shown)]
    best = [score for score, tier in zip(scores, tiers, strict=False) if tier.startswith("A")]

    assert '<html lang="es">' in shown
    headings = re.findall(r"<th[^>]*>([^<]+)<", shown)
    assert {"Cuenta", "Categoría de cuenta clave", "Salud de cuenta clave", "Propietario"} <= set(headings)
    assert set(tiers) == {"A – Estratégica", "B – Prioritaria", "C – Seguimiento"}
    assert tiers == sorted(tiers)
    assert best == sorted(best, reverse=True)


def test_an_account_shows_reasons_tasks_and_the_choice_with_the_labels_of_the_crm(desk: Desk) -> None:
    (path, *_) = re.findall(r'href="(/_sandbox/accounts/[^"]+)"', page(desk))
    shown = page(desk, path)

    assert "Por puntuación " in text(shown)
    assert "Excepción de categoría de cuenta clave" in text(shown) and "No es cuenta clave" in text(shown)
    assert re.search(r"Tareas .*Vencimiento", text(shown))
    assert not re.search(r"\d{4}-\d\d-\d\d", text(shown)), "a date stands there as machines write it"
    english = ("green", "amber", "red", "key", "development", "Tasks", "Owner")
    assert not [word for word in english if re.search(rf"\b{word}\b", text(shown))]


def test_only_key_accounts_can_be_shown_and_one_can_be_searched(desk: Desk) -> None:
    (name, *_) = (html.unescape(one) for one in re.findall(r'class="name"><a [^>]*>([^<]+)<', page(desk)))

    flagged = page(desk, "/?flagged=1")
    assert len(re.findall(r'class="tier"', flagged)) == len(re.findall(r'class="name"', flagged)) > 0
    assert name in text(page(desk, f"/?q={name}"))
    assert "Ninguna cuenta coincide." in text(page(desk, "/?q=nobody-is-called-so"))


@pytest.mark.parametrize("crm", CRMS)
def test_before_setup_there_is_nothing_to_see_but_accounts(crm: str, tmp_path: Path) -> None:
    with desks(tmp_path) as open_one:
        desk = open_one(crm, accounts=3, opportunities=3)
        shown = page(desk)
        (path, *_) = re.findall(r'href="(/_sandbox/accounts/[^"]+)"', shown)

        assert "tier" not in text(shown).casefold() and "Account" in text(shown)
        assert "Your choice" not in text(page(desk, path))

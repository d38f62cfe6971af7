"""Checks of what people answer to `kamsync init`: each returns the value as the configuration wants it.

A wrong answer is a ConfigError that names the nearest right one. Pure, but for the tables of time zones, countries and
currencies that the libraries bring.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from babel.core import Locale, get_global

from kamsync.config.shipped import shipped_names
from kamsync.decide.calendar import check_country
from kamsync.decide.program import Place
from kamsync.errors import ConfigError
from kamsync.glossary import LANGUAGES
from kamsync.http import is_loopback

_LANGUAGE_NAMES = {"english": "en", "portuguese": "pt_BR", "português": "pt_BR", "pt": "pt_BR", "spanish": "es", "español": "es"}
MOST_LISTED = 20
SALESFORCE_SUFFIXES = (".my.salesforce.com", ".my.salesforce.mil", ".cloudforce.com")


def check_choice(answer: str, choices: Collection[str], what: str) -> str:
    """One of `choices`, whatever its case."""
    found = next((choice for choice in choices if choice.casefold() == answer.strip().casefold()), None)
    if found is None:
        listed = ", ".join(list(choices)[:MOST_LISTED]) + (" …" if len(choices) > MOST_LISTED else ".")
        raise _wrong(answer, what, _near(answer, choices), f"One of: {listed}")
    return found


def check_timezone(answer: str) -> str:
    """An IANA name: as such, in any case, or by its city ("São Paulo" is America/Sao_Paulo)."""
    zones = sorted(zone for zone in available_timezones() if "/" in zone or zone in ("UTC", "GMT"))
    wanted = _plain(answer)
    whole = [zone for zone in zones if _plain(zone) == wanted]
    found = whole or [zone for zone in zones if _plain(zone.rpartition("/")[2]) == wanted]
    if len(found) == 1:
        return found[0]
    near = found or _near(answer, zones) or _near(answer, {zone.rpartition("/")[2]: zone for zone in zones})
    raise _wrong(answer, "time zone", near, "Write it like America/Sao_Paulo or Europe/Berlin.")


def check_currency(answer: str) -> str:
    """An ISO 4217 code that some country uses today: as such, or by its English name ("Brazilian real")."""
    names = _currencies()
    code = answer.strip().upper()
    if code in names:
        return code
    by_name = {name.casefold(): code for code, name in names.items()}
    wanted = answer.strip().casefold()
    if wanted in by_name:
        return by_name[wanted]
    near = [by_name[name] for name in get_close_matches(wanted, by_name, n=1)] or _near(code, names)
    hint = [f"{one} ({names[one]})" for one in near]
    raise _wrong(answer, "ISO currency code in use", hint, "Write three letters, such as EUR, USD, BRL or MXN.")


def check_language(answer: str) -> str:
    """A language that the program writes in, by its code or its name."""
    wanted = answer.strip().replace("-", "_")
    return check_choice(_LANGUAGE_NAMES.get(wanted.casefold(), wanted), LANGUAGES, "language")


def check_holiday_country(answer: str) -> str:
    """An ISO 3166 code with a holiday calendar (BR, BR-SP), by the country's English name too; "" for weekends only."""
    wanted = answer.strip()
    if not wanted:
        return ""
    names = {name.casefold(): code for code, name in Locale("en").territories.items() if len(code) == 2 and code.isalpha()}
    code: str = names.get(wanted.casefold(), wanted.upper())
    try:
        check_country(code, Place())
    except (ConfigError, ValueError) as error:
        near = [f"{names[name]} ({name.title()})" for name in get_close_matches(wanted.casefold(), names, n=1)]
        raise _wrong(answer, "country with a holiday calendar", near, "An ISO code such as BR, MX, US or BR-SP.") from error
    return code


def check_preset(answer: str) -> str:
    """The preset's name as it is written. Raises ConfigError with the nearest one where there is none of that name."""
    return check_choice(answer, shipped_names("criteria"), "preset")


def check_playbooks(answer: str) -> tuple[str, ...]:
    """Names separated by commas or blanks, each once; "none" or nothing for no tasks at all."""
    wanted = [word for word in answer.replace(",", " ").split() if word.casefold() not in ("none", "-")]
    return tuple(dict.fromkeys(check_choice(word, shipped_names("playbooks"), "playbook") for word in wanted))


def check_address(crm: str, answer: str) -> str:
    """The CRM's address as https://host, without a path. http is accepted on loopback only (a sandbox)."""
    text = answer.strip()
    parts = urlsplit(text if "://" in text else f"https://{text}")
    host = parts.hostname or ""
    if host and parts.scheme == "http" and is_loopback(host):
        return f"http://{parts.netloc}"
    usual = "https://acme.my.salesforce.com" if crm == "salesforce" else "https://api.hubapi.com"
    if parts.scheme != "https" or "." not in host or parts.username:
        near = (
            [f"https://{host}"] if "." in host else [f"https://{host}.my.salesforce.com"] if host and crm == "salesforce" else []
        )
        raise _wrong(answer, "address of the CRM", near, f"Write it like {usual}.")
    if crm == "salesforce":
        _check_my_domain(answer, host)
    return f"https://{parts.netloc}"


def _check_my_domain(answer: str, host: str) -> None:
    if host.endswith(SALESFORCE_SUFFIXES) or host in ("login.salesforce.com", "test.salesforce.com"):
        return
    org = host.removesuffix(".lightning.force.com").removesuffix(".my.salesforce-setup.com").removesuffix(".salesforce.com")
    near = [f"https://{org}.my.salesforce.com"] if org != host else []
    raise _wrong(answer, "Salesforce address", near, "Setup → My Domain shows it: https://….my.salesforce.com.")


def _wrong(answer: str, what: str, near: Iterable[str], otherwise: str) -> ConfigError:
    hint = " or ".join(list(near)[:3])
    return ConfigError(f"{answer.strip()!r} is no {what}.", fix=f"Did you mean {hint}? {otherwise}" if hint else otherwise)


def _near(answer: str, names: Collection[str] | dict[str, str]) -> list[str]:
    """The nearest of the names (of a mapping: what it leads to), compared without case and accents."""
    plain = {_plain(name): names[name] if isinstance(names, dict) else name for name in names}
    return [plain[found] for found in get_close_matches(_plain(answer), plain, n=1, cutoff=0.7)]


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.strip().casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).replace(" ", "_")


@lru_cache(maxsize=1)
def _currencies() -> dict[str, str]:
    """English names by code, of the currencies that are legal tender somewhere today (CLDR, territory currencies)."""
    tables = get_global("territory_currencies").values()
    current = {code for rows in tables for code, _, end, tender in rows if end is None and tender}
    names = Locale("en").currencies
    return {code: names.get(code, code) for code in sorted(current)}

"""What people read in the portal, by language: kamsync's words, and those of a property group."""

from __future__ import annotations

from collections.abc import Mapping

from kamsync import words

_OWN: Mapping[str, Mapping[str, str]] = {
    "en": {
        "group": "Key account management",
    },
    "pt_BR": {
        "group": "Gestão de contas-chave",
    },
    "es": {
        "group": "Gestión de cuentas clave",
    },
}


def texts(language: str) -> Mapping[str, str]:
    """The texts of a language; of its base language, or English, where there are none."""
    return words.texts(language, _OWN)

"""The languages that the program writes in, and the words of the field, one a thing and a language.

`words` (fields and pick lists in the CRM) and `decide.texts` (reasons and tasks) take them from here, and a test holds the guides
in docs/ to them. In Brazil and Latin America a customer's tier is its *categoria* (of an A-B-C classification), and what
overrules it an exception.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

LanguageName = Literal["en", "pt_BR", "es"]
LANGUAGES: tuple[LanguageName, ...] = get_args(LanguageName)  # in the order in which tables of texts give them


def known_language(name: str) -> LanguageName:
    """The language of that name; of a regional or differently written one (`pt-br`, `es_MX`) by its first part, else English."""
    wanted = name.replace("-", "_").casefold()
    by_name = {one.casefold(): one for one in reversed(LANGUAGES)}
    by_first_part = {one.partition("_")[0]: language for one, language in by_name.items()}
    return by_name.get(wanted) or by_first_part.get(wanted.partition("_")[0]) or LANGUAGES[0]


def _frozen(**words: str) -> Mapping[str, str]:
    return MappingProxyType(words)


TIER = _frozen(en="tier", pt_BR="categoria", es="categoría")
OVERRIDE = _frozen(en="tier override", pt_BR="exceção de categoria", es="excepción de categoría")
SCORE = _frozen(en="score", pt_BR="pontuação", es="puntuación")
SEGMENTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": _frozen(key="Key", development="Development", maintenance="Maintenance", opportunistic="Opportunistic"),
        "pt_BR": _frozen(key="Chave", development="Desenvolvimento", maintenance="Manutenção", opportunistic="Oportunista"),
        "es": _frozen(key="Clave", development="Desarrollo", maintenance="Mantenimiento", opportunistic="Oportunista"),
    }
)
HEALTH: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "en": _frozen(green="Green", amber="Amber", red="Red"),
        "pt_BR": _frozen(green="Verde", amber="Amarelo", red="Vermelho"),
        "es": _frozen(green="Verde", amber="Ámbar", red="Rojo"),
    }
)

"""The words of the field, one a thing and a language: what setup labels, what reasons say, what the guides explain.

`words` (fields and pick lists in the CRM) and `decide.texts` (reasons and tasks) take them from here, and a test holds the guides
in docs/ to them. In Brazil and Latin America a customer's tier is its *categoria* (of an A-B-C classification), and what
overrules it an exception. Data only.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType


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

"""The words that people read in the CRM, in the three languages of the program.

Only words: how numbers look is the business of `reader`, what is said when that of `reasons` and `templates`. An unknown language
reads English. A code's `head` is stable from run to run (no score, no rank), so that a text in the CRM can be recognised by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kamsync.decide.decision import Code
from kamsync.glossary import HEALTH, SEGMENTS, known_language

FALLBACK_LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Language:
    """`heads` by settling code; `until` and all from `capacity` to `short` are str.format patterns.

    `capacity_of_one`: of a tier with a single place. The last three: the score, from which score on a tier is reached, and how
    much is missing for it.
    """

    name: str
    list_separator: str
    heads: Mapping[Code, str]
    until: str
    capacity: str
    capacity_of_one: str
    coverage: str
    scored: str
    enters: str
    short: str
    segments: Mapping[str, str]
    health: Mapping[str, str]


_ENGLISH = Language(
    name="en",
    list_separator=", ",
    heads=MappingProxyType(
        {
            "score": "By score",
            "hysteresis": "Kept: still near its tier's score",
            "low_coverage": "Kept: too little data to move it",
            "min_days": "Kept: minimum time in its tier",
            "floor": "Raised by a rule",
            "ceiling": "Limited by a rule",
            "excluded": "Excluded by a rule",
            "not_eligible": "Not eligible",
            "capacity": "A better tier is full",
            "seat": "A reserved place",
            "review": "Kept until the next review",
            "group": "As its group",
            "override": "Set by a person",
        }
    ),
    until="until {day}",
    capacity="{tier}: rank {rank}, for {limit} places",
    capacity_of_one="{tier}: rank {rank}, for one place",
    coverage="{share} % known",
    scored="score {score}",
    enters="{tier} from {enter}",
    short="{missing} short of {tier}",
    segments=SEGMENTS["en"],
    health=HEALTH["en"],
)

_PORTUGUESE = Language(
    name="pt_BR",
    list_separator="; ",
    heads=MappingProxyType(
        {
            "score": "Pela pontuação",
            "hysteresis": "Mantida: ainda perto da pontuação da categoria",
            "low_coverage": "Mantida: dados insuficientes para mudar",
            "min_days": "Mantida: tempo mínimo na categoria",
            "floor": "Elevada por regra",
            "ceiling": "Limitada por regra",
            "excluded": "Excluída por regra",
            "not_eligible": "Não elegível",
            "capacity": "Categoria superior lotada",
            "seat": "Vaga reservada",
            "review": "Mantida até a próxima revisão",
            "group": "Como o seu grupo",
            "override": "Definida por uma pessoa",
        }
    ),
    until="até {day}",
    capacity="{tier}: posição {rank}, para {limit} vagas",
    capacity_of_one="{tier}: posição {rank}, para uma vaga",
    coverage="{share} % conhecido",
    scored="pontuação {score}",
    enters="{tier} a partir de {enter}",
    short="faltam {missing} para {tier}",
    segments=SEGMENTS["pt_BR"],
    health=HEALTH["pt_BR"],
)

_SPANISH = Language(
    name="es",
    list_separator="; ",
    heads=MappingProxyType(
        {
            "score": "Por puntuación",
            "hysteresis": "Se mantiene: aún cerca de la puntuación de su categoría",
            "low_coverage": "Se mantiene: faltan datos para moverla",
            "min_days": "Se mantiene: tiempo mínimo en su categoría",
            "floor": "Elevada por una regla",
            "ceiling": "Limitada por una regla",
            "excluded": "Excluida por una regla",
            "not_eligible": "No elegible",
            "capacity": "Categoría superior completa",
            "seat": "Lugar reservado",
            "review": "Se mantiene hasta la próxima revisión",
            "group": "Como su grupo",
            "override": "Fijada por una persona",
        }
    ),
    until="hasta el {day}",
    capacity="{tier}: puesto {rank}, para {limit} lugares",
    capacity_of_one="{tier}: puesto {rank}, para un lugar",
    coverage="{share} % conocido",
    scored="puntuación {score}",
    enters="{tier} desde {enter}",
    short="faltan {missing} para {tier}",
    segments=SEGMENTS["es"],
    health=HEALTH["es"],
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({text.name: text for text in (_ENGLISH, _PORTUGUESE, _SPANISH)})


def language(name: str) -> Language:
    """The language of that name; a regional or differently written one (`pt-br`, `es_MX`) by its first part, else English."""
    return LANGUAGES[known_language(name)]


def in_language(texts: Mapping[str, str], name: str) -> str:
    """The text for that language, else English, else the first there is, else empty."""
    for wanted in (name, language(name).name, FALLBACK_LANGUAGE):
        if texts.get(wanted):
            return texts[wanted]
    return next(iter(texts.values()), "")

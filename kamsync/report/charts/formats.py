"""Charts → Vega-Lite as JSON, SVG, PNG, and the JavaScript that shows them, all by vl-convert: no browser and no network."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Literal

import vl_convert

from kamsync.report.charts import theme
from kamsync.report.charts.pictures import Chart
from kamsync.user_cache import kept_text

Locale = Literal["pt-BR", "es-ES", "en-US"]
LOCALES: Mapping[str, Locale] = MappingProxyType({"pt_BR": "pt-BR", "es": "es-ES", "en": "en-US"})
SNIPPET = "window.vegaEmbed = vegaEmbed;"
PNG_SCALE = 2.0


def spec_of(chart: Chart) -> dict[str, Any]:
    """The chart as Vega-Lite, with what all pictures have in common."""
    return {**chart.to_dict(), "config": dict(theme.CONFIG)}


def svg_of(spec: dict[str, Any], language: str) -> str:
    """The picture as SVG text."""
    locale = LOCALES.get(language, LOCALES["en"])
    return vl_convert.vegalite_to_svg(spec, format_locale=locale, time_format_locale=locale)


def png_of(spec: dict[str, Any], language: str) -> bytes:
    """The picture in twice its size, on white: a PNG has no page behind it."""
    locale = LOCALES.get(language, LOCALES["en"])
    white = {**spec, "background": "#ffffff"}
    return vl_convert.vegalite_to_png(white, scale=PNG_SCALE, format_locale=locale, time_format_locale=locale)


@lru_cache(maxsize=1)
def bundle() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script, 0.9 MB. Making it takes more than a second, so it is kept."""
    return kept_text("charts.js", (version("vl-convert-python"), SNIPPET), lambda: vl_convert.javascript_bundle(SNIPPET))


def locales(language: str) -> dict[str, Any]:
    """How numbers and days look on axes, for Vega-Embed."""
    name = LOCALES.get(language, LOCALES["en"])
    return {"formatLocale": vl_convert.get_format_locale(name), "timeFormatLocale": vl_convert.get_time_format_locale(name)}

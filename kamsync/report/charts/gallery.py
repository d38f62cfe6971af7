"""All pictures of an overview at once, for the report and for files."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import MappingProxyType
from typing import Any

from kamsync.report.charts.formats import bundle, locales, spec_of, svg_of
from kamsync.report.charts.pictures import Canvas, draw, pictured
from kamsync.report.overview.cells import Words
from kamsync.report.overview.overview import Overview
from kamsync.report.page import Picture, Pictures


def specs(canvas: Canvas) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each section that has something to draw, as Vega-Lite."""
    for name in pictured():
        chart = draw(name, canvas)
        if chart is not None:
            yield name, spec_of(chart)


def pictures(overview: Overview, words: Words, link: Callable[[str], str]) -> Pictures:
    """Everything that the report's file needs to show pictures by itself."""
    drawn = {name: Picture(spec, svg_of(spec, words.language)) for name, spec in specs(Canvas(overview, words, link))}
    return Pictures(MappingProxyType(drawn), bundle(), locales(words.language))

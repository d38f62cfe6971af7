"""Colours and shapes that everybody can tell apart, on light paper and on dark; what every picture has in common.

The palette is Okabe and Ito's (https://jfly.uni-koeln.de/color/), without the two that vanish on white; shapes and words say the
same as colour. Text, axes and grids take the page's colours by its style sheet, so that one picture serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from kamsync.decide.program import NO_TIER

TIER_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8B5CF6", "#B8860B")
TIER_SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
NO_TIER_COLOUR, NO_TIER_SHAPE = "#7F8A96", "cross"
HEALTH_COLOURS: Mapping[str, str] = MappingProxyType(
    {"green": "#009E73", "amber": "#E69F00", "red": "#D55E00", "unknown": "#9AA5B1"}
)
STATE_COLOURS: Mapping[str, str] = MappingProxyType(
    {"overdue": "#D55E00", "soon": "#E69F00", "later": "#56B4E9", "done": "#009E73"}
)
GROUP_COLOURS: Mapping[str, str] = MappingProxyType({"key": "#0072B2", "rest": "#7F8A96"})
SPACE_COLOURS: Mapping[str, str] = MappingProxyType({"yes": "#0072B2", "no": "#C9D3DC"})
GROUND = "#8FA3B5"
ACCENT = "#0072B2"
WIDTH = 720
CONFIG: Mapping[str, Any] = MappingProxyType(
    {
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif",
        "background": "transparent",
        "view": {"stroke": None},
        "axis": {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": 600, "gridOpacity": 0.5, "labelLimit": 220},
        "legend": {"orient": "bottom", "labelFontSize": 12, "titleFontSize": 12, "symbolSize": 90},
    }
)


def tier_colours(tiers: Sequence[str]) -> tuple[list[str], list[str]]:
    """Domain and range of the tiers' colours, no tier last. More tiers than colours begin again; their shapes differ."""
    return [*tiers, NO_TIER], [*(TIER_COLOURS[i % len(TIER_COLOURS)] for i in range(len(tiers))), NO_TIER_COLOUR]


def tier_shapes(tiers: Sequence[str]) -> tuple[list[str], list[str]]:
    """Domain and range of the tiers' shapes, no tier last."""
    return [*tiers, NO_TIER], [*(TIER_SHAPES[i % len(TIER_SHAPES)] for i in range(len(tiers))), NO_TIER_SHAPE]

"""Each table that has a picture → an Altair chart. What a mark says to a pointer it also says to a screen reader.

Values that people read (tooltips, descriptions) are said by `overview.cells`, so that they look the same in table and picture.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

import altair as alt

from kamsync.report.charts import theme
from kamsync.report.overview.cells import Words
from kamsync.report.overview.overview import Overview
from kamsync.report.overview.position import drawn
from kamsync.report.overview.tables import Table

LABELLED = 14  # names on the matrix
LABELLED_ON_A_PHONE, ROOMY = 4, 500  # pixels
MATRIX_HEIGHT = 460
LABEL_WIDTH, LABEL_HEIGHT, LETTER_WIDTH = 150, 14, 6.0  # pixels
MOST_BARS = 30
MOST_SPACE_ROWS = 40
ROW_HEIGHT = 20
SAID = "said"
Link = Callable[[str], str]
Chart = alt.Chart | alt.LayerChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Canvas:
    """What drawing needs besides the overview: the reader's words, and an account's address ("" where it has none)."""

    overview: Overview
    words: Words
    link: Link = lambda account_id: ""

    @property
    def tiers(self) -> tuple[str, ...]:
        """The tiers' names, best first."""
        return self.overview.sources.tiers


def draw(name: str, canvas: Canvas) -> Chart | None:
    """The picture of that section; None where it has none, or nothing to show."""
    make = _DRAWINGS.get(name)
    table = canvas.overview.sections.get(name)
    return None if make is None or table is None or not table.rows else make(canvas, table)


def pictured() -> tuple[str, ...]:
    """The sections that have a picture."""
    return tuple(_DRAWINGS)


def _data(table: Table, words: Words, said: Sequence[str], rows: int | None = None) -> list[dict[str, Any]]:
    """Rows for Vega; `said` names the columns that the description of a mark reads out."""
    kinds = {column.name: column.kind for column in table.columns}
    found = []
    for record in table.records()[:rows]:
        values: dict[str, Any] = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in record.items()
            if name != "account_id"
        }
        for name in said:
            values[f"{name}_{SAID}"] = words.cell(record[name], kinds[name])
        values[SAID] = "; ".join(f"{words.column(name)} {values[f'{name}_{SAID}']}" for name in said)
        found.append(values)
    return found


def _tips(words: Words, names: Sequence[str]) -> list[alt.Tooltip]:
    return [alt.Tooltip(f"{name}_{SAID}:N", title=words.column(name)) for name in names]


def _tier_colour(canvas: Canvas, *, with_none: bool = True) -> alt.Color:
    domain, colours = theme.tier_colours(canvas.tiers)
    kept = len(domain) if with_none else len(domain) - 1
    scale = alt.Scale(domain=domain[:kept], range=colours[:kept])
    none = canvas.words.say("no_tier")
    legend = alt.Legend(title=canvas.words.column("tier"), labelExpr=f"datum.label == 'none' ? '{none}' : datum.label")
    return alt.Color("tier:N", scale=scale, legend=legend)


def _worded(canvas: Canvas, field: str, colours: Mapping[str, str], kind: str) -> alt.Color:
    """A colour for each word of a closed list, its legend in the reader's language."""
    words = canvas.words
    said = {key: words.cell(key, kind) for key in colours}  # type: ignore[arg-type]  # a kind of column, by name
    labels = "{" + ", ".join(f"'{key}': '{label}'" for key, label in said.items()) + "}"
    legend = alt.Legend(title=words.column(field), labelExpr=f"{labels}[datum.label] || datum.label")
    return alt.Color(f"{field}:N", scale=alt.Scale(domain=list(colours), range=list(colours.values())), legend=legend)


def _matrix(canvas: Canvas, table: Table) -> Chart:
    words, program = canvas.words, canvas.overview.sources.program
    said = ("account", "tier", "score", "attractiveness", "strength", "revenue", "health", "owner")
    table = drawn(table)
    points = _data(table, words, said)
    for values, account_id in zip(points, table.cells("account_id"), strict=True):
        values["href"] = canvas.link(str(account_id))
    x = alt.X("strength:Q", title=words.column("strength"), scale=alt.Scale(domain=[0, 100]))
    y = alt.Y("attractiveness:Q", title=words.column("attractiveness"), scale=alt.Scale(domain=[0, 100]))
    domain, shapes = theme.tier_shapes(canvas.tiers)
    ground = _ground(canvas)
    lines = _thresholds(program.segment_strength, program.segment_attractiveness)
    encoded: dict[str, Any] = {"href": "href:N"} if any(values["href"] for values in points) else {}
    dots = (
        alt.Chart({"values": points})
        .mark_point(filled=True, opacity=0.8, strokeWidth=1, stroke="#ffffff")
        .encode(
            x=x,
            y=y,
            size=alt.Size("revenue:Q", title=words.column("revenue"), scale=alt.Scale(range=[30, 900]), legend=None),
            color=_tier_colour(canvas),
            shape=alt.Shape("tier:N", scale=alt.Scale(domain=domain, range=shapes), legend=None),
            tooltip=_tips(words, said),
            description=alt.Description(f"{SAID}:N"),
            order=alt.Order("revenue:Q", sort="descending"),
            **encoded,
        )
    )
    names = (
        alt.Chart({"values": labelled(points, theme.WIDTH, MATRIX_HEIGHT)})
        .mark_text(dy=-12, fontSize=11, limit=150, aria=False)
        .encode(
            x="strength:Q",
            y="attractiveness:Q",
            # A phone has no room for more.
            text=alt.condition(f"width > {ROOMY} || datum.rank < {LABELLED_ON_A_PHONE}", "account:N", alt.value("")),
        )
    )
    return alt.layer(ground, *lines, dots, names).properties(width=theme.WIDTH, height=MATRIX_HEIGHT)


def labelled(points: Sequence[Mapping[str, Any]], width: int, height: int) -> list[Mapping[str, Any]]:
    """The largest accounts whose names can be written without covering another's."""
    taken: list[tuple[float, float, float]] = []  # left, right, top
    chosen: list[Mapping[str, Any]] = []
    for values in sorted(points, key=lambda values: -float(values["revenue"] or 0)):
        half = min(LABEL_WIDTH, LETTER_WIDTH * len(str(values["account"]))) / 2
        x, y = float(values["strength"]) * width / 100, float(values["attractiveness"]) * height / 100
        if all(x + half < left or x - half > right or abs(y - top) > LABEL_HEIGHT for left, right, top in taken):
            taken.append((x - half, x + half, y))
            chosen.append({**values, "rank": len(chosen)})
        if len(chosen) == LABELLED:
            break
    return chosen


def _ground(canvas: Canvas) -> alt.Chart:
    table = canvas.overview.cells
    cells = _data(table, canvas.words, ("accounts",))
    for values in cells:
        values |= {"x2": values["strength"] + 10, "y2": values["attractiveness"] + 10}
    made: alt.Chart = (
        alt.Chart({"values": cells})
        .mark_rect(color=theme.GROUND, aria=False)
        .encode(
            x="strength:Q",
            y="attractiveness:Q",
            x2="x2:Q",
            y2="y2:Q",
            opacity=alt.Opacity("accounts:Q", scale=alt.Scale(type="sqrt", range=[0.06, 0.4]), legend=None),
        )
    )
    return made


def _thresholds(strength: float, attractiveness: float) -> tuple[alt.Chart, alt.Chart]:
    upright = alt.Chart({"values": [{"strength": strength}]}).mark_rule(strokeDash=[5, 4], aria=False).encode(x="strength:Q")
    level = (
        alt.Chart({"values": [{"attractiveness": attractiveness}]})
        .mark_rule(strokeDash=[5, 4], aria=False)
        .encode(y="attractiveness:Q")
    )
    return upright, level


def _over_time(canvas: Canvas, table: Table) -> Chart:
    words = canvas.words
    said = ("day", "tier", "accounts", "score")
    base = alt.Chart({"values": _data(table, words, said)}).encode(
        x=alt.X("day:T", title=None, scale=alt.Scale(type="utc")),
        color=_tier_colour(canvas, with_none=False),
        tooltip=_tips(words, said),
        description=alt.Description(f"{SAID}:N"),
    )
    domain, shapes = theme.tier_shapes(canvas.tiers)
    shape = alt.Shape("tier:N", scale=alt.Scale(domain=domain[:-1], range=shapes[:-1]), legend=None)
    y = alt.Y("accounts:Q", title=words.column("accounts"), axis=alt.Axis(tickMinStep=1))
    lines = base.mark_line(aria=False).encode(y=y)
    return alt.layer(lines, base.mark_point(filled=True, size=60).encode(y=y, shape=shape)).properties(
        width=theme.WIDTH, height=260
    )


def _bars(
    canvas: Canvas, table: Table, y: str, x: str, colour: Any, said: Sequence[str], axis_format: str = "", order: Any = None
) -> alt.Chart:
    """Lying bars, a row a name, in the table's order."""
    words = canvas.words
    rows = _data(table, words, said)
    names = list(dict.fromkeys(str(values[y]) for values in rows))[:MOST_BARS]
    kept = [values for values in rows if str(values[y]) in set(names)]
    x_axis = alt.Axis(format=axis_format) if axis_format else alt.Axis(tickMinStep=1)
    encoded = {} if order is None else {"order": order}
    made: alt.Chart = (
        alt.Chart({"values": kept})
        .mark_bar()
        .encode(
            y=alt.Y(f"{y}:N", title=None, sort=names),
            x=alt.X(f"{x}:Q", title=words.column(x), axis=x_axis),
            color=colour,
            tooltip=_tips(words, said),
            description=alt.Description(f"{SAID}:N"),
            **encoded,
        )
        .properties(width=theme.WIDTH, height=max(60, ROW_HEIGHT * len(names)))
    )
    return made


def _revenue_by_tier(canvas: Canvas, table: Table) -> Chart:
    bars = _bars(
        canvas, table, "tier", "revenue", _tier_colour(canvas), ("tier", "accounts", "revenue", "revenue_share"), "~s"
    ).properties(height=40 * len(table.rows))
    return alt.layer(
        bars, bars.mark_text(align="left", dx=5, aria=False).encode(text=f"revenue_share_{SAID}:N", color=alt.value("black"))
    )


def _concentration(canvas: Canvas, table: Table) -> Chart:
    words = canvas.words
    said = ("largest", "revenue", "revenue_share")
    base = alt.Chart({"values": _data(table, words, said)}).encode(
        x=alt.X("largest:Q", title=words.column("largest"), scale=alt.Scale(type="log")),
        y=alt.Y(
            "revenue_share:Q", title=words.column("revenue_share"), axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1])
        ),
        tooltip=_tips(words, said),
        description=alt.Description(f"{SAID}:N"),
    )
    line = base.mark_line(color=theme.ACCENT, aria=False)
    return alt.layer(line, base.mark_point(filled=True, size=60, color=theme.ACCENT)).properties(width=theme.WIDTH, height=240)


def _health_by_tier(canvas: Canvas, table: Table) -> Chart:
    order = {health: place for place, health in enumerate(theme.HEALTH_COLOURS)}
    words = canvas.words
    said = ("tier", "health", "accounts", "before")
    rows = [values for values in _data(table, words, said) if values["accounts"]]
    for values in rows:
        values["place"] = order.get(values["health"], len(order))
    made: alt.Chart = (
        alt.Chart({"values": rows})
        .mark_bar()
        .encode(
            y=alt.Y("tier:N", title=words.column("tier"), sort=list(canvas.tiers)),
            x=alt.X("accounts:Q", title=words.column("accounts"), stack="normalize", axis=alt.Axis(format="%")),
            color=_worded(canvas, "health", theme.HEALTH_COLOURS, "health"),
            order=alt.Order("place:Q"),
            tooltip=_tips(words, said),
            description=alt.Description(f"{SAID}:N"),
        )
        .properties(width=theme.WIDTH, height=44 * len(canvas.tiers))
    )
    return made


def _managers(canvas: Canvas, table: Table) -> Chart:
    said = ("owner", "accounts", "revenue", "growth", "met")
    return _bars(canvas, table, "owner", "revenue", alt.value(theme.ACCENT), said, "~s")


def _achievements(canvas: Canvas, table: Table) -> Chart:
    """The shares of both groups beside each other; money stands in the table."""
    words = canvas.words
    rows = []
    for record in table.records():
        for name in ("growth", "kept_revenue", "kept_customers", "met"):
            value = record[name]
            if value is not None:
                group = words.cell(record["group"], "group")
                shown = words.cell(value, "share")
                what = f"{group}: {words.column(name)} {shown}"
                rows.append({"figure": words.column(name), "group": record["group"], "share": value, "shown": shown, SAID: what})
    made: alt.Chart = (
        alt.Chart({"values": rows})
        .mark_bar()
        .encode(
            y=alt.Y("figure:N", title=None, sort=None),
            yOffset=alt.YOffset("group:N", sort=["key", "rest"]),
            x=alt.X("share:Q", title=None, axis=alt.Axis(format="%")),
            color=_worded(canvas, "group", theme.GROUP_COLOURS, "group"),
            tooltip=[alt.Tooltip(f"{SAID}:N", title=words.column("group"))],
            description=alt.Description(f"{SAID}:N"),
        )
        .properties(width=theme.WIDTH, height=200)
    )
    return made


def _white_space(canvas: Canvas, table: Table) -> Chart:
    families = len(canvas.overview.sources.families)
    words, said = canvas.words, ("account", "family", "bought")
    rows = _data(table, words, said, MOST_SPACE_ROWS * families)
    names = list(dict.fromkeys(values["account"] for values in rows))
    made: alt.Chart = (
        alt.Chart({"values": rows})
        .mark_rect(stroke="#ffffff", strokeWidth=1)
        .encode(
            x=alt.X("family:N", title=words.column("family"), axis=alt.Axis(labelAngle=-30, orient="top")),
            y=alt.Y("account:N", title=None, sort=names),
            color=_worded(canvas, "bought", theme.SPACE_COLOURS, "group"),
            tooltip=_tips(words, said),
            description=alt.Description(f"{SAID}:N"),
        )
        .properties(width=theme.WIDTH, height=16 * len(names))
    )
    return made


def _renewals(canvas: Canvas, table: Table) -> Chart:
    words = canvas.words
    said = ("account", "renewal", "left_days", "tier", "health", "revenue")
    made: alt.Chart = (
        alt.Chart({"values": _data(table, words, said, 300)})
        .mark_point(filled=True, opacity=0.85)
        .encode(
            x=alt.X("renewal:T", title=words.column("renewal"), scale=alt.Scale(type="utc")),
            y=alt.Y("tier:N", title=words.column("tier"), sort=list(canvas.tiers)),
            size=alt.Size("revenue:Q", scale=alt.Scale(range=[40, 700]), legend=None),
            color=_worded(canvas, "health", theme.HEALTH_COLOURS, "health"),
            tooltip=_tips(words, said),
            description=alt.Description(f"{SAID}:N"),
        )
        .properties(width=theme.WIDTH, height=50 * max(1, len(canvas.tiers)))
    )
    return made


def _load(canvas: Canvas, table: Table) -> Chart:
    return _bars(
        canvas, table, "owner", "accounts", _tier_colour(canvas, with_none=False), ("owner", "tier", "accounts", "open_tasks")
    )


def _by_state(key: str) -> Callable[[Canvas, Table], Chart]:
    def make(canvas: Canvas, table: Table) -> Chart:
        words = canvas.words
        rows = []
        for record in table.records()[:MOST_BARS]:
            for place, (state, _) in enumerate(theme.STATE_COLOURS.items()):
                count = record[state]
                if count:
                    name, what = str(record[key]), f"{record[key]}: {words.column(state)} {count}"
                    rows.append({key: name, "state": state, "count": count, "place": place, SAID: what})
        names = list(dict.fromkeys(str(values[key]) for values in rows))
        made: alt.Chart = (
            alt.Chart({"values": rows})
            .mark_bar()
            .encode(
                y=alt.Y(f"{key}:N", title=None, sort=names),
                x=alt.X("count:Q", title=words.column("tasks"), axis=alt.Axis(tickMinStep=1)),
                color=_worded(canvas, "state", theme.STATE_COLOURS, "group"),
                order=alt.Order("place:Q"),
                tooltip=[alt.Tooltip(f"{SAID}:N", title=words.column(key))],
                description=alt.Description(f"{SAID}:N"),
            )
            .properties(width=theme.WIDTH, height=max(60, ROW_HEIGHT * len(names)))
        )
        return made

    return make


def _coverage(canvas: Canvas, table: Table) -> Chart:
    said = ("criterion", "known", "unknown", "moves")
    chart = _bars(canvas, table, "criterion", "known", alt.value(theme.ACCENT), said, "%")
    return chart.encode(
        x=alt.X("known:Q", title=canvas.words.column("known"), axis=alt.Axis(format="%"), scale=alt.Scale(domain=[0, 1]))
    )


_DRAWINGS: Mapping[str, Callable[[Canvas, Table], Chart]] = MappingProxyType(
    {
        "matrix": _matrix,
        "over_time": _over_time,
        "revenue_by_tier": _revenue_by_tier,
        "concentration": _concentration,
        "health_by_tier": _health_by_tier,
        "achievements": _achievements,
        "managers": _managers,
        "white_space": _white_space,
        "renewals": _renewals,
        "load": _load,
        "tasks": _by_state("owner"),
        "playbooks": _by_state("playbook"),
        "coverage": _coverage,
    }
)

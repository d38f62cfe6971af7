"""What the past says of weights, for people and as JSON: `kamsync calibrate`.

    {"version": 1, "criteria": "balanced", "as_of", "wanted": "both", "penalty": 1.0, "learned_from": [date],
     "weights": [{"criterion", "axis", "today", "suggested", "judged"}],
     "held_out": [{"as_of", "places", "today": {"revenue", "growth"}, "suggested": {…}, "by_revenue": {…}}],
     "gain": {"mean", "low", "high"}, "left_out": [{"what", "reads"}], "notes": [sentence], "diff": "…"}

Shares and gains are 0…1. What each means: `kamsync.decide.calibration`, which is not loaded here: it wants libraries of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from kamsync.decide.replay import LeftOut

if TYPE_CHECKING:
    from kamsync.decide.calibration import Calibration, HeldOut, Weighed

_WANTED = {"both": "revenue and growth", "revenue": "revenue", "growth": "growth"}


def calibration_to_json(
    found: Calibration, left_out: Sequence[LeftOut], notes: Sequence[str], diff: str, asked: Mapping[str, Any]
) -> dict[str, Any]:
    """`asked`: criteria, as_of, wanted and penalty, as they were given."""
    return {
        "version": 1,
        **asked,
        "learned_from": [day.isoformat() for day in found.learned_from],
        "weights": [asdict(one) for one in found.weights],
        "held_out": [_held_out(one) for one in found.held_out],
        "gain": asdict(found.gain),
        "left_out": [{"what": one.what, "reads": list(one.reads)} for one in left_out],
        "notes": list(notes),
        "diff": diff,
    }


def _held_out(one: HeldOut) -> dict[str, Any]:
    kinds = {"today": one.today, "suggested": one.suggested, "by_revenue": one.by_revenue}
    return {"as_of": one.day.isoformat(), "places": one.places, **{kind: asdict(caught) for kind, caught in kinds.items()}}


def calibration_lines(
    found: Calibration, left_out: Sequence[LeftOut], notes: Sequence[str], wanted: str, penalty: float
) -> Iterator[str]:
    """The weights, what they would have brought, and how sure that is."""
    days = found.learned_from
    yield f"Learned from what customers brought in the year after each of {len(days)} days, {days[0]} to {days[-1]}."
    times = "" if penalty == 1 else f"{penalty:g} times "
    yield f"Penalty {penalty:g}: today's weights pull {times}as hard as the past."
    width = max(len(one.criterion) for one in found.weights)
    yield f"{'':{width}}   today   suggested"
    for one in found.weights:
        yield f"{one.criterion:{width}}{one.today:8g}{one.suggested:12g}{_remark(one)}"
    yield from _held_out_lines(found)
    yield from _verdict(found, wanted)
    for left in left_out:
        yield f"Not judged: {left.what}, because {left.why}. Its weight stays."
    yield from notes


def _remark(one: Weighed) -> str:
    if not one.judged:
        return "   not judged"
    return "   does nothing: dropped" if one.today and not one.suggested else ""


def _held_out_lines(found: Calibration) -> Iterator[str]:
    count = len(found.held_out)
    of_days = "1 later day" if count == 1 else f"{count} later days"
    places = sorted({one.places for one in found.held_out})
    many = f"{places[0]}" if len(places) == 1 else f"{places[0]} to {places[-1]}"
    yield f"Held out: {of_days}, judged by what had been learned a year before. The best {many} brought of the next year's"
    for what in ("revenue", "growth"):
        today, suggested, by_revenue = (
            sum(getattr(getattr(one, kind), what) for one in found.held_out) / count
            for kind in ("today", "suggested", "by_revenue")
        )
        yield f"    {what}: {today:.1%} by today's weights, {suggested:.1%} by the suggested ones, {by_revenue:.1%} by revenue"


def _verdict(found: Calibration, wanted: str) -> Iterator[str]:
    gain = found.gain
    yield (
        f"Gain in {_WANTED[wanted]}: {100 * gain.mean:+.1f} points of the whole,"
        f" in nine of ten resamples between {100 * gain.low:+.1f} and {100 * gain.high:+.1f}."
    )
    if gain.low <= 0:
        yield "That may be chance: the weights of today are as good as these, as far as the past tells."

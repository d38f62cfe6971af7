"""Bad weather by the seed: faults of every kind at random calls of a scene, and people who edit in the same minute.

A seed is one schedule, the same whenever it is played. After it, as many runs in good weather as the scene takes must leave
what the scene leaves without any of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.accidents.killing import NOTHING_TO_UNDO, Scene, nothing_left
from tests.accidents.world import Seen, World

CLEAN_EXITS = (0, NOTHING_TO_UNDO)
TRACEBACK = "Traceback"
LATEST_CALL = 26
BUSY = {"status": "error", "errorType": "RATE_LIMIT", "policyName": "TEN_SECONDLY_ROLLING", "message": "Too many requests."}
EXPIRED: Mapping[str, Any] = {
    "salesforce": [{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}],
    "hubspot": {"status": "error", "category": "EXPIRED_AUTHENTICATION", "message": "The token used for this call expired."},
}
IN_PART = {
    "status": "COMPLETE",
    "results": [],
    "numErrors": 1,
    "errors": [{"status": "error", "category": "INTERNAL_ERROR", "message": "Some records could not be handled."}],
}
REFUSED = {"status": "error", "category": "VALIDATION_ERROR", "message": "This association is not possible now."}


@dataclass(frozen=True)
class Weather:
    """Faults for `kamsync.sandbox.faults`, how many runs go through them, and after which call a person edits (None: no edit)."""

    seed: int
    faults: Sequence[Mapping[str, Any]]
    runs: int
    edit_at: int | None


def weather_of(seed: int, crm: str) -> Weather:
    """The schedule of a seed."""
    dice = random.Random(f"{crm}-{seed}")
    faults = [_fault(dice, crm) for _ in range(dice.randint(1, 5))]
    return Weather(seed, faults, dice.randint(1, 2), dice.randrange(LATEST_CALL) if dice.random() < 0.3 else None)


def _fault(dice: random.Random, crm: str) -> Mapping[str, Any]:
    kinds: list[Callable[[random.Random, str], Mapping[str, Any]]] = [_cut, _cut, _limited, _broken, _broken, _slow, _expired]
    if crm == "hubspot":
        kinds += [_in_part, _unattached]
    place = {"skip": dice.randrange(LATEST_CALL), "times": dice.choice((1, 1, 1, 2, 3, 8))}
    return {**place, **dice.choice(kinds)(dice, crm)}


def _cut(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": dice.choice(("reset_before", "reset_after", "reset_after", "truncate"))}


def _limited(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": 429, "body": BUSY, "headers": {"Retry-After": "2"} if dice.random() < 0.5 else {}}


def _broken(dice: random.Random, crm: str) -> Mapping[str, Any]:
    status = dice.choice((500, 502, 503, 504))
    return {"kind": dice.choice(("status", "html")), "status": status}


def _slow(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "slow", "seconds": 0.05}


def _expired(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": 401, "body": EXPIRED[crm]}


def _in_part(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": 207, "body": IN_PART, "path": "/batch/", "skip": dice.randrange(8)}


def _unattached(dice: random.Random, crm: str) -> Mapping[str, Any]:
    status, body = dice.choice(((400, REFUSED), (503, {}), (207, IN_PART)))
    path = "/associations/.*/batch/create"
    return {"kind": "status", "status": status, "body": body, "path": path, "skip": 0}


class Edited:
    """What a scene leaves when a person, before or during it, confirms the tier that one account gets: an override.

    It comes to the same whenever they do it, so the schedule with an edit has one right end too.
    """

    def __init__(self, world: World, scene: Scene) -> None:
        tiers = {account: flags["tier"] for account, flags in scene.ends.flags.items()}
        free = [account for account, flags in scene.ends.flags.items() if tiers[account] == "C" and not flags["override"]]
        self._world, self._account = world, free[0]
        world.put_back(scene.begins)
        self.edit()
        for _ in range(scene.runs):
            world.good(*scene.command)
        self.ends: Seen = world.seen()

    def edit(self) -> None:
        self._world.server.crm.view.set_flag(self._account, "override", "C")


def play(world: World, scene: Scene, weather: Weather, edited: Edited | None) -> list[str]:
    """Plays the scene in that weather; what was wrong afterwards, nothing where all is well. `edited` where a person edits."""
    world.put_back(scene.begins)
    faults = world.server.faults
    wrong = []
    if edited is not None and weather.edit_at is not None:
        world.gate.edit, world.gate.edit_at = edited.edit, weather.edit_at
    for fault in weather.faults:
        faults.add(**fault)
    for _ in range(weather.runs):
        ended = world.run(*scene.command)
        if TRACEBACK in ended.err or "bug" in ended.err:
            wrong.append(f"a bug: {ended.err}")
    faults.clear()
    if world.gate.edit is not None and edited is not None:
        world.gate.edit = None
        edited.edit()
    for _ in range(scene.runs):
        ended = world.run(*scene.command)
        if ended.code not in CLEAN_EXITS or (ended.code and scene.name != "undo"):
            wrong.append(f"in good weather the run ended with {ended.code}: {ended.out} {ended.err}")
    seen = world.seen()
    wrong += (edited.ends if edited is not None else scene.ends).differences(seen)
    return wrong + list(nothing_left(world, scene, seen))

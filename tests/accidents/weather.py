"""Bad weather by the seed: faults of every kind at random calls of a scene, and people who edit in the same minute.

What goes wrong on the line, on the machine (its clock, its disk) and beside it (people). A seed is one schedule, the same
whenever it is played. After it, as many runs in good weather as the scene takes must leave what the scene leaves without any
of it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.accidents.kill_stories import NOTHING_TO_UNDO, Scene, nothing_left
from tests.accidents.world import NO_TROUBLE, Seen, World

CLEAN_EXITS = (0, NOTHING_TO_UNDO)
TRACEBACK = "Traceback"
LATEST_CALL = 26
LATEST_COMMIT = 20
MINUTES = 24 * 60
SHARE_OF_EDITS, SHARE_OF_CLOCKS, SHARE_OF_DISKS = 0.3, 0.15, 0.12
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
    """Faults of the sandbox, what the machine does (zygote.Trouble), how many runs go through it, and when people edit.

    `edits_at` are the calls after which a person edits an account, one account each; empty where nobody does.
    """

    seed: int
    faults: Sequence[Mapping[str, Any]]
    trouble: Mapping[str, int]
    runs: int
    edits_at: Sequence[int]


def weather_of(seed: int, crm: str) -> Weather:
    """The schedule of a seed."""
    dice = random.Random(f"{crm}-{seed}")
    trouble = _trouble(dice)
    faults = [_fault(dice, crm) for _ in range(dice.randint(0 if trouble else 1, 4))]
    edits = sorted(dice.randrange(LATEST_CALL) for _ in range(EDITED)) if dice.random() < SHARE_OF_EDITS else []
    return Weather(seed, faults, trouble, dice.choice((1, 1, 2)), edits)


def _trouble(dice: random.Random) -> Mapping[str, int]:
    """The clock is put to another time of the same day, forth or back, or the disk is full after so many pages or bytes.

    Of another day it is right to decide otherwise, so that no other day is played here.
    """
    kind = dice.random()
    if kind < SHARE_OF_CLOCKS:
        return {"clock": dice.randrange(MINUTES), "clock_at": dice.randrange(LATEST_COMMIT)}
    if kind < SHARE_OF_CLOCKS + SHARE_OF_DISKS:
        return dice.choice(({"pages": dice.randrange(40)}, {"bytes": dice.choice((4_096, 65_536, 262_144, 1_048_576))}))
    return NO_TROUBLE


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
    return {"kind": dice.choice(("slow", "drip")), "seconds": 0.05}


def _expired(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": 401, "body": EXPIRED[crm]}


def _in_part(dice: random.Random, crm: str) -> Mapping[str, Any]:
    return {"kind": "status", "status": 207, "body": IN_PART, "path": "/batch/", "skip": dice.randrange(8)}


def _unattached(dice: random.Random, crm: str) -> Mapping[str, Any]:
    status, body = dice.choice(((400, REFUSED), (503, {}), (207, IN_PART)))
    path = "/associations/.*/batch/create"
    return {"kind": "status", "status": status, "body": body, "path": path, "skip": 0}


EDITED = 2  # accounts


class Edited:
    """What a scene leaves when people, before or during it, confirm the tier that some accounts get: an override each.

    It comes to the same whenever they do it, so the schedule with edits has one right end too.
    """

    def __init__(self, world: World, scene: Scene) -> None:
        tiers = {account: flags["tier"] for account, flags in scene.ends.flags.items()}
        free = [account for account, flags in scene.ends.flags.items() if tiers[account] == "C" and not flags["override"]]
        self._world, self._accounts = world, free[:EDITED]
        world.put_back(scene.begins)
        for edit in self.edits():
            edit()
        world.wait_for_index()
        for _ in range(scene.runs):
            world.good(*scene.command)
        self.ends: Seen = world.seen()

    def edits(self) -> list[Callable[[], None]]:
        """What is done, one account each."""
        return [partial(self._confirm, account) for account in self._accounts]

    def _confirm(self, account: str) -> None:
        self._world.server.crm.view.set_flag(account, "override", "C")


def play_all(world: World, stories: Sequence[Scene], seeds: Iterable[int]) -> Iterator[tuple[int, list[str]]]:
    """Each seed with what was wrong after its weather; the scenes take turns."""
    edits: dict[str, Edited] = {}
    for seed in seeds:
        scene, weather = stories[seed % len(stories)], weather_of(seed, world.kind)
        is_edited = bool(weather.edits_at) and scene.name != "undo"
        if is_edited and scene.name not in edits:
            edits[scene.name] = Edited(world, scene)
        yield seed, play(world, scene, weather, edits[scene.name] if is_edited else None)


def play(world: World, scene: Scene, weather: Weather, edited: Edited | None) -> list[str]:
    """Plays the scene in that weather; what was wrong afterwards, nothing where all is well. `edited` where people edit."""
    world.put_back(scene.begins)
    faults = world.server.faults
    wrong = []
    world.gate.edits = list(zip(weather.edits_at, edited.edits(), strict=True)) if edited is not None else []
    for fault in weather.faults:
        faults.add(**fault)
    for _ in range(weather.runs):
        ended = world.run(*scene.command, trouble=weather.trouble)
        if TRACEBACK in ended.err or "bug" in ended.err:
            wrong.append(f"a bug: {ended.err}")
    faults.clear()
    left, world.gate.edits = world.gate.edits, []
    for _, edit in left:
        edit()
    if edited is not None:
        world.wait_for_index()
    for _ in range(scene.runs):
        ended = world.run(*scene.command)
        if ended.code not in CLEAN_EXITS or (ended.code and scene.name != "undo"):
            wrong.append(f"in good weather the run ended with {ended.code}: {ended.out} {ended.err}")
    seen = world.seen()
    wrong += (edited.ends if edited is not None else scene.ends).differences(seen)
    return wrong + list(nothing_left(world, scene, seen))

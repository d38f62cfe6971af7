"""Stories of which one command is killed at every point, and what must hold afterwards.

A killed run followed by as many runs as the story allows leaves what the same story without a death leaves: nothing lost,
nothing twice, nobody's hand seen where nobody was. The run after that writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.accidents.programme import LIMIT, SIZE
from tests.accidents.world import Death, Ended, Moment, Seen, World

KILLED = -9
NOTHING_TO_UNDO = 3  # everything was taken back before the process died
WRITES = ("updated", "created", "existed", "attached", "closed", "deleted")


@dataclass(frozen=True)
class Scene:
    """One command at one moment, and how it goes without a death. `runs` is how many it takes until nothing is left to write."""

    name: str
    begins: Moment
    command: Sequence[str]
    runs: int
    ends: Seen
    calls: int
    commits: int
    known_runs: frozenset[str]

    def deaths(self) -> Iterator[Death]:
        """Every point of the first run, in its order."""
        for at, count in (("call", self.calls), ("commit", self.commits)):
            for number in range(count):
                yield from (Death(at, number, after=False), Death(at, number, after=True))


def scenes(world: World) -> Iterator[Scene]:
    """The stories of a company, one after the other: each scene begins where an earlier one ended well."""
    new = world.keep()
    yield _scene(world, "first sync", new, ("sync",))
    people_act(world)
    world.configure(SIZE)
    yield _scene(world, "second sync", world.keep(), ("sync",))
    last = json.loads(world.good("runs", "--json").out)[0]["run_id"]
    yield _scene(world, "undo", world.keep(), ("undo", last, "--yes"))
    world.put_back(new)
    world.configure(limit=LIMIT)
    yield _scene(world, "sync with limits", world.keep(), ("sync",), runs=2)


def people_act(world: World) -> None:
    """What happens between two syncs: an override, a tier changed by hand, tasks done."""
    view = world.server.crm.view
    view.set_flag(world.account_of_tier("B", 1), "override", "A")
    view.set_flag(world.account_of_tier("B", 3), "tier", "C")
    for place in (0, 2):
        account = world.account_of_tier("A", place)
        view.complete_task(next(task.id for task in view.tasks(account) if task.by_kamsync))
    world.wait_for_index()


def _scene(world: World, name: str, begins: Moment, command: Sequence[str], runs: int = 1) -> Scene:
    known = frozenset(str(run["run_id"]) for run in _runs(world))
    first = world.good(*command)
    for _ in range(runs - 1):
        world.good(*command)
    ends = world.seen()
    return Scene(name, begins, command, runs, ends, first.calls, first.commits, known)


def kill(world: World, scene: Scene, death: Death) -> list[str]:
    """Plays the scene with that death; what was wrong afterwards, nothing where all is well."""
    kill_run(world, scene, death)
    wrong = list(_status_of_the_dead(world, scene.known_runs))
    for _ in range(scene.runs):
        again = world.run(*scene.command)
        if again.code and not (scene.name == "undo" and again.code == NOTHING_TO_UNDO):
            wrong.append(f"the run afterwards ended with {again.code}: {again.out} {again.err}")
    seen = world.seen()
    wrong += scene.ends.differences(seen)
    wrong += nothing_left(world, scene, seen)
    return wrong


def kill_run(world: World, scene: Scene, death: Death) -> None:
    """The scene's first run, which dies."""
    world.put_back(scene.begins)
    died = world.run(*scene.command, death=death)
    if died.code != KILLED:
        raise AssertionError(f"the process lived: {died.code} {died.out} {died.err}")


def _runs(world: World) -> list[Mapping[str, Any]]:
    ended = world.run("runs", "--json")
    found: list[Mapping[str, Any]] = [] if ended.code else json.loads(ended.out)
    return found


def _status_of_the_dead(world: World, known: frozenset[str]) -> Iterator[str]:
    """A dead run is told from a living one at once; the last things that a process does come after its run."""
    new = [str(run["status"]) for run in _runs(world) if run["run_id"] not in known]
    if set(new) - {"interrupted", "done", "refused"} or new.count("interrupted") > 1:
        yield f"`runs` calls the runs {', '.join(new)}"


def nothing_left(world: World, scene: Scene, seen: Seen) -> Iterator[str]:
    """What a further run changes, although all was done: nothing where all is well."""
    ended = world.run(*scene.command, *([] if scene.name == "undo" else ["--json"]))
    if scene.name == "undo":
        if ended.code != NOTHING_TO_UNDO:
            yield f"a further undo ended with {ended.code}: {ended.out} {ended.err}"
    elif written := _written(ended):
        yield f"a further run wrote {written}"
    yield from (f"a further run changed: {text}" for text in seen.differences(world.seen()))


def _written(ended: Ended) -> Mapping[str, int] | str:
    if ended.code:
        return f"nothing, and ended with {ended.code}: {ended.out} {ended.err}"
    answer = json.loads(ended.out)
    return {name: answer[name] for name in WRITES if answer[name]}

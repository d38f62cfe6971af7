"""Stories over HTTP on both sandboxes, by `make stories`; KAMSYNC_LINE_SEEDS=7-8 plays seed 7 once more."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kamsync.testing.harness import People
from tests.accidents.world import a_world
from tests.connectors.people import HubSpotPeople, SalesforcePeople
from tests.story.on_the_line import ACCOUNTS, OPPORTUNITIES, LineStory
from tests.story.story import Broken

FIRST, LAST = (int(part) for part in os.environ.get("KAMSYNC_LINE_SEEDS", "0-25").split("-"))
PEOPLE: dict[str, Callable[[Any], People]] = {"salesforce": SalesforcePeople, "hubspot": HubSpotPeople}


@pytest.mark.slow
@pytest.mark.parametrize("crm", ["salesforce", "hubspot"])
def test_a_company_over_http_keeps_its_promises(crm: str, tmp_path: Path) -> None:
    broken = {}
    with a_world(crm, tmp_path / crm, accounts=ACCOUNTS, opportunities=OPPORTUNITIES, hurry=1_000.0) as world:
        begins = world.keep()
        for seed in range(FIRST, LAST):
            world.put_back(begins)
            try:
                LineStory(world, PEOPLE[crm](world.server.crm), seed).play()
            except Broken as error:
                broken[seed] = str(error)
    assert broken == {}, "\n".join(f"seed {seed}: {text}" for seed, text in broken.items())

"""Promises that hold over time: a company at random, on both behaviours of a CRM (`make stories` plays for longer)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings

from tests.story.machine import CompanyMachine, CompanyOnHubSpotMachine

# `make stories` sets it, and shrinks what it finds, which takes minutes; in the suite the stories are few, always the same,
# and told as they were played.
STORIES = int(os.environ.get("KAMSYNC_STORIES", "0"))
PLAYED = settings(
    max_examples=STORIES or 25,
    stateful_step_count=20,
    phases=tuple(Phase) if STORIES else (Phase.explicit, Phase.generate),
    deadline=None,
    derandomize=not STORIES,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)

TestCompany = CompanyMachine.TestCase
TestCompany.settings = PLAYED
TestCompanyOnHubSpot = CompanyOnHubSpotMachine.TestCase
TestCompanyOnHubSpot.settings = PLAYED

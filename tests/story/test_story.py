"""Promises that hold over time: a company at random, on both behaviours of a CRM (`make stories` plays for longer)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.story.machine import CompanyMachine, CompanyOnHubSpotMachine

# make stories sets it; in the suite the stories are few and the same on every machine.
STORIES = int(os.environ.get("KAMSYNC_STORIES", "0"))
PLAYED = settings(
    max_examples=STORIES or 20,
    stateful_step_count=20,
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

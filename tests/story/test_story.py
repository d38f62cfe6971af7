"""Promises that hold over time: a company at random, on both behaviours of a CRM (`make stories` plays for longer)."""

from __future__ import annotations

from tests.story.machine import CompanyMachine, CompanyOnHubSpotMachine
from tests.story.settings import STORIES, played

PLAYED = played(stories=STORIES or 25, steps=20)

TestCompany = CompanyMachine.TestCase
TestCompany.settings = PLAYED
TestCompanyOnHubSpot = CompanyOnHubSpotMachine.TestCase
TestCompanyOnHubSpot.settings = PLAYED

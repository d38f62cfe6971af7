"""No answer of a CRM is read outside the guard that makes an error of ours of what is misread."""

from __future__ import annotations

import inspect

import pytest

from kamsync.foreign import GUARDED
from kamsync_hubspot.connection import HubSpotConnection
from kamsync_salesforce.connection import SalesforceConnection

ASKS_NOTHING = {"usage", "calls_for", "record_url", "close"}


@pytest.mark.parametrize("connection", [SalesforceConnection, HubSpotConnection])
def test_each_method_that_asks_the_crm_is_guarded(connection: type) -> None:
    methods = {name for name, method in vars(connection).items() if inspect.isfunction(method) and not name.startswith("_")}
    assert methods - ASKS_NOTHING <= GUARDED

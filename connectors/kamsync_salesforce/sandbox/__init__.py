"""The embedded Salesforce: one org over the sample company that answers as the real service does.

`SandboxOptions.vendor` takes the fields of `org.OrgOptions`. Limits: one process, in memory; what a sync of accounts,
opportunities and tasks does not touch (Apex, reports, sharing, streaming) is absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kamsync.sandbox.company_records import SampleCompany
from kamsync.sandbox.crm import SandboxOptions

from .after_setup import provision
from .app import SalesforceApp
from .checkpoint import KeptOrg, keep, put_back
from .org import CLIENT_ID, CLIENT_SECRET, Org
from .seed import load
from .view import SalesforceView

__all__ = ["SalesforceSandbox", "build_sandbox"]


class SalesforceSandbox:
    """An org, its API and its page (`kamsync.sandbox.crm.SandboxCrm`)."""

    kind = "salesforce"

    def __init__(self, org: Org) -> None:
        self.org = org
        self.app = SalesforceApp(org)
        self.view = SalesforceView(org)

    def settings(self, base_url: str) -> Mapping[str, Any]:
        """The `[crm.salesforce]` table that signs in to this org at `base_url`, its secret as plain text."""
        return {
            "auth": "client_credentials",
            "login_url": base_url,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
        }

    def calls(self) -> int:
        """API calls as Salesforce counts them against the day."""
        return self.org.calls

    def keep(self) -> KeptOrg:
        """The org's whole state, for `put_back`. Both only while no call is under way."""
        return keep(self.org)

    def put_back(self, kept: KeptOrg) -> None:
        """Puts the org back to what `keep` gave: what came later is gone."""
        put_back(self.org, kept)


def build_sandbox(company: SampleCompany, options: SandboxOptions) -> SalesforceSandbox:
    """An org over the company. Raises ConfigError for a vendor option that there is not."""
    org = Org(options)
    load(org, company)
    if options.provisioned:
        provision(org)
    return SalesforceSandbox(org)

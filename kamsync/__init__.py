"""kamsync finds a company's key accounts in its CRM, says why, and keeps tiers and account-plan tasks current."""

from __future__ import annotations

__version__ = "0.1.0"  # here and not asked of the installation, which takes as long as all of `kamsync --help`

"""kamsync finds a company's key accounts in its CRM, says why, and keeps tiers and account-plan tasks current."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("kamsync")
except PackageNotFoundError:  # a checkout on the path without an installation
    __version__ = "0+unknown"

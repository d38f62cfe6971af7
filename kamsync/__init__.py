"""kamsync finds a company's key accounts in its CRM, says why, and keeps tiers and account-plan tasks current."""

from __future__ import annotations

__version__: str


def __getattr__(name: str) -> str:
    """`__version__` is asked of the installation when somebody wants it: that takes as long as all of `kamsync --help`."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("kamsync")
    except PackageNotFoundError:  # a checkout on the path without an installation
        return "0+unknown"

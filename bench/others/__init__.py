"""Seven companies of the same kinds as kamsync.sandbox.shapes, drawn in another way: for judging what was tuned on those."""

from bench.others.company import OtherCompany
from bench.others.spec import SPECS, Spec

__all__ = ["SPECS", "OtherCompany", "Spec"]

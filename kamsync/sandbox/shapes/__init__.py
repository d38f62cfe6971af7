"""Seven companies that are unlike each other, for trying criteria on: `kamsync sandbox --shape …`, and the bench `choosing`."""

from kamsync.sandbox.shapes.company import ShapedCompany
from kamsync.sandbox.shapes.shape import SHAPES, Shape
from kamsync.sandbox.shapes.truth import Truth

__all__ = ["SHAPES", "Shape", "ShapedCompany", "Truth"]

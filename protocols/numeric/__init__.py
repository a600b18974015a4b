"""Division, roots and what they need, on values: engine-independent."""

from protocols.numeric.division import divide, reciprocal
from protocols.numeric.normalize import Exponent, leading_bit
from protocols.numeric.roots import inverse_root, roots, sqrt

__all__ = ["Exponent", "divide", "inverse_root", "leading_bit", "reciprocal", "roots", "sqrt"]

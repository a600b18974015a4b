"""Division, roots, exponentials, sigmoids and what they need, on values: engine-independent."""

from protocols.numeric.activation import precise_sigmoid, sigmoid, softmax, tanh
from protocols.numeric.division import divide, reciprocal
from protocols.numeric.elementwise import argmax, argmin, clip, floor, largest, relu, round_half_up, sign, smallest
from protocols.numeric.exponential import exp, log
from protocols.numeric.modular import divide_with_remainder, floor_divide, remainder
from protocols.numeric.normalize import Exponent, leading_bit
from protocols.numeric.polynomial import piecewise, polynomial
from protocols.numeric.powers import power, power_modulo
from protocols.numeric.randomness import Random
from protocols.numeric.roots import inverse_root, roots, sqrt
from protocols.numeric.taking import take

__all__ = [
    "Exponent",
    "Random",
    "argmax",
    "argmin",
    "clip",
    "divide",
    "divide_with_remainder",
    "exp",
    "floor",
    "floor_divide",
    "inverse_root",
    "largest",
    "leading_bit",
    "log",
    "piecewise",
    "polynomial",
    "power",
    "power_modulo",
    "precise_sigmoid",
    "reciprocal",
    "relu",
    "remainder",
    "roots",
    "round_half_up",
    "sigmoid",
    "sign",
    "smallest",
    "softmax",
    "sqrt",
    "take",
    "tanh",
]

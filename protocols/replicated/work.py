"""How long one party computes in a primitive, on an ordinary core: what protocols are chosen by, and time is
predicted with, besides the network. The same numbers at all parties, whatever their machines.

Seconds of kernels and of drawing masks, for one party, without encryption and without what any operation takes
however small it is: `mpc.machine.forecast.Machine` has those. `python -m parties.bench.calibrate` measures them anew.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.engine import Spec

_NS = 1e-9
#: Nanoseconds an element, of the result where there is no operand.
_ELEMENT = {
    "constant": 4.0,
    "constant_bits": 1.0,
    "add": 5.0,
    "subtract": 5.0,
    "scale": 6.0,
    "add_public": 6.0,
    "sum": 1.5,
    "cumulative_sum": 2.5,
    "view": 6.0,
    "concatenate": 7.0,
    "random": 3.0,
    "input": 4.0,
    "open": 5.0,
    "multiply": 8.0,
    "multiply_truncate": 16.0,
    "truncate": 12.0,
    "bit_to_ring": 6.0,
    "inject": 8.0,
    "permutation": 20.0,
    "shuffle": 20.0,
    "unshuffle": 20.0,
    "order_of": 40.0,
    "exponential": 50.0,
    "piecewise_cubic": 70.0,
}
#: Of a primitive that is not listed.
_OTHER = 10.0
#: Nanoseconds a bit of an element: of the parameter `width`, or of the words.
_BIT = {
    "xor": 0.4,
    "invert": 0.4,
    "unpack": 0.4,
    "magnitude": 0.4,
    "random_bits": 0.4,
    "bits_and": 0.3,
    "prefix_or": 0.9,
    "equal": 0.7,
    "sign": 0.9,
    "quick_sign": 6.0,
    "signs": 0.9,
    "quick_signs": 6.0,
    "decompose": 2.5,
    "sort_order": 60.0,
    "rank_order": 15.0,
}
#: Nanoseconds a piece of the table and an element, besides.
_PIECE = 0.75
#: Of matrix products: a product of numbers, and an element of the three matrices.
_PRODUCT, _ENTRY = 0.15, 35.0


def work(primitive: str, operands: tuple[Spec, ...], parameters: dict[str, Any]) -> float:
    """Seconds."""
    if primitive in ("matmul", "matmul_truncate"):
        x, y = operands
        rows, inner, columns = x.shape[0], x.shape[1], y.shape[1]
        entries = rows * inner + inner * columns + rows * columns
        return _NS * (_PRODUCT * rows * inner * columns + _ENTRY * entries)
    elements = sum(operand.size for operand in operands) if primitive == "concatenate" else _size(operands, parameters)
    elements *= len(parameters.get("thresholds", "1"))
    if primitive in _BIT:
        width = parameters.get("width") or (operands[0].width if operands else 1)
        return _NS * _BIT[primitive] * elements * int(width)
    each = _ELEMENT.get(primitive, _OTHER)
    if primitive == "piecewise_cubic":
        each += _PIECE * parameters["table"].shape[1]
    return _NS * each * elements


def _size(operands: tuple[Spec, ...], parameters: dict[str, Any]) -> int:
    if operands:
        return operands[0].size
    if "size" in parameters:
        return int(parameters["size"])
    if "shape" in parameters:
        return Spec(tuple(parameters["shape"])).size
    return int(np.size(parameters.get("values", 0)))

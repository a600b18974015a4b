"""How long one party computes in a primitive, on an ordinary core: what time is predicted with, besides the network,
and protocols are chosen by. The same numbers at all parties, whatever their machines.

What a party does here goes with what it sends: a share that is sent was interpolated, its masks were drawn, and it is
added up where it comes in. So the work of a primitive follows from its plan, and with that from n and t: a part for
each round, for each byte that the parties send on average, and for each element. `python -m parties.bench.calibrate
shamir 5` measures it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.engine import Cost, Spec

_NS = 1e-9
#: Nanoseconds a byte that a party sends, the mean of all parties, of numbers and of bits.
_BYTE, _BYTE_OF_BITS = 1.6, 2.3
#: A round beyond an exchange of `mpc.machine.forecast.Machine`: small arrays in many steps.
_ROUND, _ROUND_OF_BITS = 12_000.0, 35_000.0
#: Primitives whose rounds are of numbers alone.
_NUMBERS = frozenset(
    {"input", "open", "random", "multiply", "multiply_truncate", "matmul", "matmul_truncate", "truncate", "take"}
)
#: Nanoseconds an element of what sends nothing, of the result where there is no operand.
_ELEMENT = {
    "constant": 6.0,
    "constant_bits": 1.0,
    "add": 5.0,
    "subtract": 5.0,
    "scale": 8.0,
    "add_public": 6.0,
    "sum": 2.0,
    "cumulative_sum": 5.0,
    "view": 8.0,
    "concatenate": 10.0,
}
#: Of what sends, and of what is not listed.
_OTHER = 10.0
#: Nanoseconds a bit of an element of words that stay here: planes of them in the binary field.
_BIT = 0.3
_WORDS = frozenset({"xor", "invert", "unpack", "magnitude"})
#: Of matrix products: a product of numbers.
_PRODUCT = 4.0


def work(primitive: str, cost: Cost, degree: int, operands: tuple[Spec, ...], parameters: dict[str, Any]) -> float:
    """Seconds.

    cost    the primitive's plan
    degree  of the binary field, planes of a bit
    """
    elements = sum(operand.size for operand in operands) if primitive == "concatenate" else _size(operands, parameters)
    if primitive in _WORDS:
        return _NS * _BIT * degree * operands[0].width * elements
    if not cost.rounds:
        return _NS * _ELEMENT.get(primitive, _OTHER) * elements
    sent = sum(cost.bytes_sent) / len(cost.bytes_sent)
    one, byte = (_ROUND, _BYTE) if primitive in _NUMBERS else (_ROUND_OF_BITS, _BYTE_OF_BITS)
    nanoseconds = one * cost.rounds + byte * sent + _OTHER * elements
    if primitive in ("matmul", "matmul_truncate"):
        x, y = operands
        nanoseconds += _PRODUCT * x.shape[0] * x.shape[1] * y.shape[1]
    return _NS * nanoseconds


def _size(operands: tuple[Spec, ...], parameters: dict[str, Any]) -> int:
    if operands:
        return operands[0].size
    if "size" in parameters:
        return int(parameters["size"])
    if "sizes" in parameters:
        return sum(parameters["sizes"])
    if "shape" in parameters:
        return Spec(tuple(parameters["shape"])).size
    return int(np.size(parameters.get("values", 0)))

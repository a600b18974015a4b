"""About how long one party computes in a primitive, on an ordinary core: what protocols are chosen by, besides the
network. Measured once; the same numbers at all parties, whatever their machines.
"""

from __future__ import annotations

from typing import Any

from mpc.engine import Spec

#: Seconds for each bit of each result.
_BIT_S = {"sign": 2e-9, "quick_sign": 13e-9, "signs": 2e-9, "quick_signs": 13e-9}


def work(primitive: str, operands: tuple[Spec, ...], parameters: dict[str, Any]) -> float:
    """Seconds; 0 for primitives that no other does the work of."""
    if primitive not in _BIT_S:
        return 0.0
    results = operands[0].size * len(parameters.get("thresholds", "1"))
    return _BIT_S[primitive] * results * int(parameters["width"])

"""Roles rotate: from 10^5 elements on, every primitive that has roles loads the three parties alike."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.machine.engine import Spec
from mpc.machine.primitives import PRIMITIVES
from protocols.replicated.declared import PROTOCOLS
from tests.support.replicated_harness import LABELS, plan

N = 100_000
X, ORDER = Spec((N,)), Spec((N,), "order", 64, "0")
BIT, WORD = Spec((N,), "bits", 1), Spec((N,), "bits", 40)
CASES = {
    "open": ((X,), {"to": (0, 1, 2)}),
    "multiply": ((X, X), {}),
    "matmul": ((Spec((400, 300)), Spec((300, 400))), {}),
    "matmul_truncate": ((Spec((400, 300)), Spec((300, 400))), {"bits": 16}),
    "multiply_truncate": ((X, X), {"bits": 16}),
    "truncate": ((X,), {"bits": 16}),
    "truncate_exact": ((X,), {"bits": 16, "rounding": "floor"}),
    "sign": ((X,), {"width": 64}),
    "quick_sign": ((X,), {"width": 40}),
    "signs": ((X,), {"width": 40, "thresholds": np.zeros((6, 1), np.int64)}),
    "quick_signs": ((X,), {"width": 40, "thresholds": np.zeros((6, 1), np.int64)}),
    "equal": ((X,), {"width": 64}),
    "rows_zero": ((Spec((N, 3)),), {}),
    "bits_and": ((WORD, WORD), {}),
    "bit_to_ring": ((BIT,), {}),
    "inject": ((BIT, X), {}),
    "decompose": ((X,), {"width": 40}),
    "recompose": ((WORD,), {}),
    "prefix_or": ((WORD,), {}),
    "piecewise_cubic": ((X,), {"low": 0, "step": 40, "table": np.ones((4, 64), np.int64), "bits": 20}),
    "exponential": ((X,), {"low": -9 << 20, "high": 3 << 20, "frac": 20, "digits": 48, "bits": 0}),
    "table_of_count": ((Spec((20, N), "bits", 1),), {"table": np.arange(21)}),
    "sort_order": ((X,), {"width": 32}),
    "nonnegative": ((X,), {"bounds": np.asarray(5)}),
    "hand_out": ((X,), {}),
}
#: One party does more: an input comes from its owner, and of the three that shuffle, one passes on twice as much.
#: The owner of an order sends most of it; what undoes an order sends nothing.
GIVEN = {"given_order", "copy_down", "sum_up", "opposite"}
UNEVEN = {"input", "shuffle", "unshuffle", "order_of", "rank_order"} | GIVEN
LOCAL = {name for name, protocol in PROTOCOLS.items() if not protocol.cost and not protocol.plan} | {"permutation"}


@pytest.mark.parametrize("size", ["10^5", "10^6"])
@pytest.mark.parametrize("primitive", CASES)
def test_bytes_are_spread_evenly(primitive, size):
    operands, parameters = CASES[primitive]
    if size == "10^6" and "matmul" not in primitive:
        grown = [tuple(10 * N if extent == N else extent for extent in spec.shape) for spec in operands]
        operands = tuple(spec._replace(shape=shape) for spec, shape in zip(operands, grown, strict=True))
    for label in LABELS:
        _, cost = plan(primitive, label, operands, parameters)
        assert max(cost.bytes_sent) <= 1.05 * min(cost.bytes_sent), cost


def test_every_primitive_is_looked_at():
    known = set(CASES) | UNEVEN | LOCAL
    assert set(PRIMITIVES) <= known, f"no balance test of {sorted(set(PRIMITIVES) - known)}"

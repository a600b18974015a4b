"""What a party computes, by primitive."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.machine.engine import Spec
from mpc.machine.primitives import PRIMITIVES
from tests.support.replicated_harness import engine

N = 1000
X, B, W = Spec((N,)), Spec((N,), "bits", 1), Spec((N,), "bits", 32)
TABLE = np.ones((4, 64), np.int64)


def work(primitive, operands, parameters):
    return engine().work(primitive, *operands, **parameters)


CALLS = {
    "constant": ((), {"values": np.arange(N)}),
    "constant_bits": ((), {"values": np.zeros(N, np.uint64), "width": 3}),
    "random": ((), {"shape": (N,)}),
    "random_bits": ((), {"shape": (N,), "width": 3}),
    "input": ((), {"owner": 1, "values": None, "shape": (N,)}),
    "permutation": ((), {"size": N}),
    "given_order": ((), {"owner": 1, "rows": N}),
    "matmul": ((Spec((10, 100)), Spec((100, 20))), {}),
    "matmul_truncate": ((Spec((10, 100)), Spec((100, 20))), {"bits": 9}),
    "piecewise_cubic": ((X,), {"low": 0, "step": 9, "table": TABLE, "bits": 9}),
    "signs": ((X,), {"thresholds": np.zeros((5, 1), np.int64), "width": 20}),
    "quick_signs": ((X,), {"thresholds": np.zeros((5, 1), np.int64), "width": 20}),
    "concatenate": ((X, X, X), {"axis": 0}),
    "table_of_count": ((Spec((9, N), "bits", 1),), {"table": np.arange(10)}),
    "inject": ((B, X), {}),
    **{name: ((X,), {"width": 20}) for name in ("sign", "quick_sign", "equal", "decompose", "sort_order")},
    **{name: ((W, W), {}) for name in ("bits_and", "xor")},
    **{name: ((W,), {}) for name in ("prefix_or", "invert", "unpack", "magnitude")},
}


@pytest.mark.parametrize("primitive", sorted(PRIMITIVES))
def test_every_primitive_takes_some_time(primitive):
    operands, parameters = CALLS.get(primitive, ((X, X), {}))
    assert 1e-9 * N * 0.3 < work(primitive, operands, parameters) < 1e-5 * N


def test_work_grows_with_what_is_computed():
    def of(primitive, n=N, **parameters):
        return work(primitive, (Spec((n,)),), parameters)

    assert of("sign", 2 * N, width=20) == pytest.approx(2 * of("sign", width=20))
    assert of("sign", width=40) == pytest.approx(2 * of("sign", width=20))
    assert of("signs", width=20, thresholds=np.zeros((3, 1), np.int64)) == pytest.approx(3 * of("sign", width=20))
    assert of("quick_sign", width=20) > of("sign", width=20)
    assert work("concatenate", (X, X, X), {"axis": 0}) == pytest.approx(3 * work("concatenate", (X,), {"axis": 0}))
    assert of("piecewise_cubic", table=TABLE) > of("piecewise_cubic", table=TABLE[:, :8])
    assert work("prefix_or", (W,), {}) == pytest.approx(32 * work("prefix_or", (B,), {}))

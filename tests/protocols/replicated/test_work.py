"""What a party computes, by primitive."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.machine.engine import Spec
from mpc.machine.primitives import PRIMITIVES
from protocols.declared import Protocols
from tests.support.replicated_harness import engine

N = 1000
X, B, W = Spec((N,)), Spec((N,), "bits", 1), Spec((N,), "bits", 32)
LINE = Spec((N,), "order", form="given 1")
TABLE = np.ones((4, 64), np.int64)
#: They hand on what is there.
NOTHING = {"keep", "opposite"}


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
    "rows_zero": ((Spec((N, 1)),), {}),
    "nonnegative": ((X,), {}),
    "view": ((X,), {"to": lambda a: a[::-1], "shape": (N,)}),
    "truncate_exact": ((X,), {"bits": 9, "rounding": "floor"}),
    "rank_order": ((X,), {"width": 20, "ranks": (N // 2,)}),
    **{name: ((Spec((N // 2,)), LINE), {}) for name in ("copy_down", "sum_up")},
    **{name: ((X,), {"width": 20}) for name in ("sign", "quick_sign", "equal", "decompose", "sort_order")},
    **{name: ((W, W), {}) for name in ("bits_and", "xor")},
    **{name: ((W,), {}) for name in ("prefix_or", "invert", "unpack", "magnitude")},
}


@pytest.mark.parametrize("primitive", sorted(set(PRIMITIVES) - NOTHING))
def test_every_primitive_takes_some_time(primitive):
    operands, parameters = CALLS.get(primitive, ((X, X), {}))
    assert 1e-9 * N * 0.3 < work(primitive, operands, parameters) < 1e-5 * N


def test_a_protocol_that_does_not_say_its_work_is_refused():
    with pytest.raises(TypeError, match="work"):
        Protocols().declare("shuffle", lambda party, x, order: x)


def test_a_line_takes_as_long_as_it_is_and_another_shape_takes_nothing():
    def line(rows, known, record):
        operands = (Spec((known, record)), Spec((rows,), "order", form="given 1"))
        return work("copy_down", operands, {})

    assert line(2 * N, 10, 1) == pytest.approx(2 * line(N, 10, 1))
    assert line(N, 10, 3) == pytest.approx(3 * line(N, N // 2, 1))
    assert work("view", (X,), {"to": lambda a: a.reshape(10, -1), "shape": (10, N // 10)}) == 0
    one = work("view", (X,), {"to": lambda a: a[3], "shape": ()})
    assert work("view", (X,), {"to": lambda a: a[:5], "shape": (5,)}) == pytest.approx(5 * one)


def test_few_ranks_are_found_sooner_than_rows_are_sorted_and_wide_keys_take_longer():
    many = (Spec((100_000,)),)
    sort = work("sort_order", many, {"width": 32})
    assert work("rank_order", many, {"width": 32, "ranks": (50_000,)}) < sort / 2
    assert sort < work("sort_order", many, {"width": 60}) < 4 * sort
    assert work("rank_order", (Spec((10,)),), {"width": 32, "ranks": tuple(range(10))}) == pytest.approx(
        work("sort_order", (Spec((10,)),), {"width": 32})
    )


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

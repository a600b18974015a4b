"""Functions by tables: errors against the function, every size of table, costs, and what is refused."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from protocols.numeric.tables import Pieces, table
from tests.support.replicated_harness import LABELS, run, shared

WITCH = Pieces(lambda x: 1 / (1 + x * x), Decimal(-4), Decimal(3), 3)


def witch(x, label=LABELS[0], bits=0, zero=None, seed=1):
    """1 / (1 + x^2) of numbers in [-4, 3] with 20 fraction bits, as floats."""
    coefficients, digits = table(WITCH)
    rng = np.random.default_rng(seed)
    low = (-4 * 8 - 1) << 17
    ran = run(
        "piecewise_cubic", shared(x, rng, zero=zero), label=label, low=low, step=17, table=coefficients, bits=bits
    )
    return np.ldexp(ran.value.astype(np.float64), bits - digits - 28), ran


@given(
    x=st.lists(st.integers(-4 << 20, 3 << 20), max_size=20),
    label=st.sampled_from(LABELS),
    bits=st.integers(0, 40),
    zero=st.sampled_from([None, 0, 1, 2]),
)
def test_piecewise_cubic_is_the_function(x, label, bits, zero):
    x = np.asarray(x, np.int64)
    y, ran = witch(x, label, bits, zero)
    # The fourth derivative is 24 at most; then roundings in the table and the last place.
    error = 24 / 8**4 / 192 + 8 * 2.0**-29 + 2.0 ** (bits - 57)
    assert np.abs(y - 1 / (1 + (x / 2**20) ** 2)).max(initial=0) <= error
    assert ran.cost.rounds == (3 if x.size else 0)


@pytest.mark.parametrize("size", [0, 1, 2, 4096, 4097, 30_000])
def test_bytes_and_rounds_at_every_size(size):
    x = np.random.default_rng(size).integers(-4 << 20, 3 << 20, size)
    for bits, w in ((0, 0), (8, 1), (16, 2), (28, 4), (33, 8)):
        _, ran = witch(x, bits=bits)
        flags = size / 4 if bits else 0
        total = size * (24 + w + WITCH.number // 8 + 8 + 2 * (40 + w)) + flags
        assert abs(sum(ran.cost.bytes_sent) - total) <= 2 * 9
        if size > 20_000:
            assert max(ran.cost.bytes_sent) < 1.01 * total / 3


def test_the_two_candidates_for_a_piece_agree_at_its_ends():
    edges = np.arange(-4 * 8, 3 * 8 + 1) << 17
    x = np.clip(np.concatenate([edges, edges - 1, edges + 1]), -4 << 20, 3 << 20)
    for seed in range(5):  # other shares, other carries
        y, _ = witch(x, seed=seed)
        assert np.abs(y - 1 / (1 + (x / 2**20) ** 2)).max() <= 24 / 8**4 / 192 + 8 * 2.0**-29


@pytest.mark.parametrize("frac", [1, 9, 16, 20, 30])
def test_exponential_of_every_scale(frac):
    rng = np.random.default_rng(frac)
    low, high = -20 << frac, 5 << frac
    x = np.concatenate([[low, high, 0, 1, -1], rng.integers(low, high + 1, 5000)])
    ran = run("exponential", shared(x, rng), low=low, high=high, frac=frac, digits=48, bits=0)
    true = np.exp(np.ldexp(x.astype(np.float64), -frac))
    assert (np.abs(np.ldexp(ran.value.astype(np.float64), -48) - true) <= 2.0**-24 + 2.0**-23 * true).all()
    assert sum(ran.cost.bytes_sent) == x.size * (2 * 8 + 8 + 2 * 16)
    assert ran.cost.rounds == 3


def test_what_cannot_be_read_is_refused():
    x = shared([0], np.random.default_rng(1))
    cubic = np.zeros((4, 8), np.int64)
    for wrong, kind in (
        ({"table": cubic[:3]}, ShapeError),
        ({"table": cubic[:, :7]}, ShapeError),
        ({"table": np.zeros((4, 1024), np.int64)}, ShapeError),
        ({"table": cubic + 2**31}, RangeError),
        ({"step": 60}, RangeError),
        ({"step": -1}, RangeError),
        ({"bits": 63}, RangeError),
    ):
        with pytest.raises(kind):
            run("piecewise_cubic", x, **{"low": 0, "step": 3, "table": cubic, "bits": 0, **wrong})
    for low, high, frac in ((-300 << 20, 0, 20), (0, 0, 0), (0, 0, 31)):
        with pytest.raises(RangeError):
            run("exponential", x, low=low, high=high, frac=frac, digits=48, bits=0)


@pytest.mark.parametrize("size", [0, 1, 8193, 30_000])
@pytest.mark.parametrize("bits", [1, 29, 100])
def test_a_table_at_the_number_of_bits(size, bits):
    rng = np.random.default_rng(size + bits)
    x = (rng.random((bits, size)) < 0.5).astype(np.uint64)
    table_ = rng.integers(-(2**61), 2**61, bits + 1)
    ran = run("table_of_count", shared(x, rng, width=1), table=table_, label=LABELS[bits % 3])
    np.testing.assert_array_equal(ran.value, table_[x.sum(axis=0).astype(np.int64)])
    assert ran.cost.rounds == (5 if size else 0)
    assert sum(ran.cost.bytes_sent) == size * (bits + max(8, 1 << bits.bit_length()) // 8 + 26)


def test_tables_of_counts_that_do_not_fit_are_refused():
    bits = shared(np.zeros((3, 2), np.uint64), np.random.default_rng(1), width=1)
    for entries in (3, 5):
        with pytest.raises(ShapeError):
            run("table_of_count", bits, table=np.zeros(entries, np.int64))
    many = shared(np.zeros((128, 1), np.uint64), np.random.default_rng(1), width=1)
    with pytest.raises(ShapeError):
        run("table_of_count", many, table=np.zeros(129, np.int64))

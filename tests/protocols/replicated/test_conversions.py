"""Exact truncation, words as integers, and equality of rows: results at the edges and at size, and costs."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from protocols.replicated import kernels, kernels_hash
from tests.support.marks import WIDTHS, thinned
from tests.support.replicated_harness import LABELS, engine, plan, run, shared


@pytest.mark.parametrize("bits", thinned(range(1, 63), WIDTHS))
def test_exact_truncation_at_every_width(bits):
    rng = np.random.default_rng(bits)
    half = 1 << (bits - 1)
    x = rng.integers(-(2**61), 2**61, 60) >> rng.integers(0, 61, 60)
    edges = np.asarray([0, -1, 1, half, -half, half - 1, 2 * half - 1, -(2**62) + 1, -(2**62), 2**62 - half - 1])
    x[:10] = np.clip(edges, -(2**62), 2**62 - half - 1)
    for zero in (None, 0, 1, 2):  # whatever the components are
        for rounding, more in (("floor", 0), ("nearest", half)):
            operand = shared(x, rng, zero=zero)
            ran = run("truncate_exact", operand, bits=bits, rounding=rounding, label=LABELS[bits % 3], inner="beside")
            np.testing.assert_array_equal(ran.value, (x + more) >> bits)


@pytest.mark.parametrize("size", [0, 1, 9000, 100_000])
def test_exact_truncation_at_size(size):
    rng = np.random.default_rng(size)
    x = rng.integers(-(2**40), 2**40, size)
    ran = run("truncate_exact", shared(x, rng), bits=16, rounding="floor", inner="beside")
    np.testing.assert_array_equal(ran.value, x >> 16)
    if size > 8192:
        assert abs(sum(ran.cost.bytes_sent) / size - (14 + 11.875 + 24)) < 0.1
        assert ran.cost.rounds == 6


def test_what_cannot_be_cut():
    x = shared([1], np.random.default_rng(1))
    for bits, rounding in ((0, "floor"), (63, "floor"), (8, "up")):
        with pytest.raises(RangeError):
            run("truncate_exact", x, bits=bits, rounding=rounding)


@pytest.mark.parametrize("width", thinned(range(1, 65), WIDTHS))
def test_words_at_every_width(width):
    rng = np.random.default_rng(width)
    full = (1 << width) - 1
    words = rng.integers(0, 2**64, 50, np.uint64) & np.uint64(full)
    words[:3] = [0, full, 1 << (width - 1)]
    ran = run("recompose", shared(words, rng, width=width), label=LABELS[width % 3], seed=width)
    np.testing.assert_array_equal(ran.value.view(np.uint64), words)


@pytest.mark.parametrize("size", [0, 1, 5, 8191, 60_000])
def test_words_at_size(size):
    rng = np.random.default_rng(size)
    words = rng.integers(0, 2**20, size, np.uint64)
    ran = run("recompose", shared(words, rng, width=20))
    np.testing.assert_array_equal(ran.value, words)
    # 20 bits, of which 8 take 8 bytes to E, 8 take 7 and 4 take 6; and two words
    assert sum(ran.cost.bytes_sent) == (8 * 8 + 8 * 7 + 4 * 6 + 2 * 8) * size


@settings(max_examples=30, deadline=None)
@given(values=st.lists(st.integers(-(2**39), 2**39 - 1), min_size=1, max_size=5), label=st.sampled_from(LABELS))
def test_decomposed_and_put_together_again(values, label):
    rng = np.random.default_rng(len(values))
    raised = [value + 2**39 for value in values]
    words = run("decompose", shared(raised, rng), width=40, label=label).results
    np.testing.assert_array_equal(run("recompose", words, label=label).value, raised)


@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (200, 4), (9000, 2), (3, 50, 7), (5,)])
def test_rows_that_are_zero(shape):
    rng = np.random.default_rng(len(shape))
    x = rng.integers(-(2**63), 2**63 - 1, shape, endpoint=True)
    if len(shape) > 1:
        x[rng.random(shape[:-1]) < 0.5] = 0
    for label in LABELS:
        ran = run("rows_zero", shared(x, rng), label=label)
        np.testing.assert_array_equal(ran.value, (x == 0).all(axis=-1))
    assert x.size == 0 or ran.cost.rounds == 7


def test_no_difference_is_overlooked():
    """Differences that a linear combination modulo 2^64 would cancel: high powers of two, alone and in pairs."""
    rng = np.random.default_rng(1)
    rows = [[1 << i, 0] for i in range(63)] + [[-(1 << 63), -(1 << 63)], [-(1 << 63), 0], [1 << 62, -(1 << 62)]]
    x = np.asarray(rows * 100)
    assert not run("rows_zero", shared(x, rng)).value.any()


def test_the_hash_is_the_one_of_the_paper():
    engine()
    kernels.ready(groups=[kernels_hash.GROUP])
    rng = np.random.default_rng(1)
    x, keys = rng.integers(0, 2**64, (300, 4), np.uint64), rng.integers(0, 2**64, (2, 5), np.uint64)
    x[0], x[1], keys[:, 1] = 0, 2**64 - 1, 2**64 - 1
    out = np.empty(300, np.uint64)
    kernels_hash.hashed(x, keys, out)
    whole = [(int(high) << 64) + int(low) for high, low in keys.T]
    for row, found in zip(x, out, strict=True):
        total = sum(a * int(value) for a, value in zip(whole, row, strict=False)) + whole[4]
        assert int(found) == total % 2**128 >> 64


def test_rows_that_are_not_there():
    rng = np.random.default_rng(1)
    for x in (shared(np.zeros(()), rng), shared(np.zeros((3, 0)), rng), shared([1, 0], rng, width=1)):
        with pytest.raises(ShapeError):
            run("rows_zero", x)
    with pytest.raises(ShapeError):
        plan("recompose", LABELS[0], (shared([1], rng)[0].spec,), {})

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError
from tests.support.marks import slow
from tests.support.replicated_harness import LABELS, run, shared

EDGE = 2**62
BITS = [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 61, 62]


def spread(rng, size):
    """Values over the whole allowed range, of all magnitudes, and its edges."""
    x = rng.integers(-EDGE, EDGE - 1, size, endpoint=True) >> rng.integers(0, 62, size)
    edges = [-EDGE, 1 - EDGE, EDGE - 1, EDGE - 2, 0, 1, -1, 2**16, -(2**16), 2**16 - 1, 2**32, -(2**32), 2**61]
    x[: min(size, len(edges))] = edges[: min(size, len(edges))]
    x[size // 2 :] = rng.integers(-EDGE, EDGE - 1, size - size // 2, endpoint=True)
    return x


def floor_or_one_more(got, exact):
    off = got - exact
    assert ((off == 0) | (off == 1)).all(), np.unique(off)
    return off


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("size", [0, *slow(1, 5), 40_000])
def test_truncate_is_floor_or_one_more(size, bits):
    rng = np.random.default_rng(bits)
    x = spread(rng, size)
    ran = run("truncate", shared(x, rng), bits=bits, label=LABELS[bits % 3], seed=bits)
    floor_or_one_more(ran.value, x >> bits)
    assert ran.cost.rounds == (2 if size else 0)
    w = 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
    assert sum(ran.cost.bytes_sent) == (8 + 3 * w) * size


def test_a_million_truncations_never_wrap():
    rng = np.random.default_rng(5)
    x = spread(rng, 1_000_000)
    for bits in (16, 28):
        floor_or_one_more(run("truncate", shared(x, rng), bits=bits).value, x >> bits)


@pytest.mark.parametrize("bits", [16, *(pytest.param(bits, marks=pytest.mark.slow) for bits in (1, 13, 28, 40, 62))])
def test_ten_million_truncations_never_wrap(bits):
    rng = np.random.default_rng(bits)
    for part in range(10):
        x = spread(rng, 1_000_000)
        floor_or_one_more(run("truncate", shared(x, rng), bits=bits, seed=part).value, x >> bits)


@pytest.mark.parametrize("zero", [None, 0, 1, 2])
def test_rounding_is_unbiased_also_where_a_component_is_zero(zero):
    """Without the common dither a fresh input (a zero component) would always round the same way."""
    rng = np.random.default_rng(7)
    x = rng.integers(-(2**40), 2**40, 60_000)
    x[:30_000] = 0  # an exact multiple must be rounded up once in 2^bits only
    off = run("truncate", shared(x, rng, zero=zero), bits=8).value - x / 256
    assert abs(off[:30_000].mean() - 1 / 256) < 5 * np.sqrt(1 / 256 / 30_000)
    assert abs(off[30_000:].mean() - 1 / 256) < 5 * 0.41 / np.sqrt(30_000)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("size", [0, *slow(1, 5), 40_000])
def test_multiply_truncate_is_floor_or_one_more(size, bits):
    rng = np.random.default_rng(bits)
    x = rng.integers(-(2**31), 2**31, size) >> rng.integers(0, 31, size)
    y = rng.integers(-(2**31) + 1, 2**31, size)
    if size >= 5:
        x[:5], y[:5] = [-(2**31), 2**31 - 1, 0, -1, 1], [2**31 - 1, 2**31 - 1, 5, -1, -1]
    ran = run("multiply_truncate", shared(x, rng), shared(y, rng), bits=bits, label=LABELS[bits % 3])
    floor_or_one_more(ran.value, (x * y) >> bits)
    assert ran.cost.rounds == (2 if size else 0)
    w = 1 if bits <= 8 else 2 if bits <= 16 else 4 if bits <= 32 else 8
    if size < 5000:
        assert sum(ran.cost.bytes_sent) == (24 + 3 * w) * size + 2 * ((size + 7) // 8)


def test_multiply_truncate_rounds_without_bias():
    rng = np.random.default_rng(3)
    x, y = rng.integers(-(2**20), 2**20, 60_000), rng.integers(-(2**20), 2**20, 60_000)
    off = run("multiply_truncate", shared(x, rng), shared(y, rng), bits=16).value - x * y / 65536
    assert abs(off.mean()) < 5 * 0.41 / np.sqrt(60_000)


def test_large_multiply_truncate():
    rng = np.random.default_rng(4)
    x, y = rng.integers(-(2**31), 2**31, 1_000_000), rng.integers(-(2**30), 2**30, 1_000_000)
    floor_or_one_more(run("multiply_truncate", shared(x, rng), shared(y, rng), bits=28).value, (x * y) >> 28)


@pytest.mark.parametrize(
    ("m", "k", "n"), [(3, 4, 5), (0, 2, 2), (2, 0, 2), (50, 700, 40), (13, 7, 4000), (400, 20, 300)]
)
def test_matmul_truncate(m, k, n):
    rng = np.random.default_rng(m)
    a, b = rng.integers(-(2**25), 2**25, (m, k)), rng.integers(-(2**25), 2**25, (k, n))
    for bits in (16, 40):
        ran = run("matmul_truncate", shared(a, rng), shared(b, rng), bits=bits, label=LABELS[m % 3])
        floor_or_one_more(ran.value, (a @ b) >> bits)


@settings(max_examples=30, deadline=None)
@given(
    x=st.lists(st.integers(-EDGE, EDGE - 1), min_size=1, max_size=6),
    bits=st.integers(1, 62),
    seed=st.integers(0, 2**32),
)
def test_truncate_matches_python(x, bits, seed):
    rng = np.random.default_rng(seed)
    got = run("truncate", shared(np.array(x), rng), bits=bits, seed=seed).value
    assert all(int(g) - (v >> bits) in (0, 1) for g, v in zip(got, x, strict=True))


@pytest.mark.parametrize("bits", [0, -1, 63, 64])
def test_bits_that_cannot_be_cut(bits):
    rng = np.random.default_rng(1)
    with pytest.raises(RangeError):
        run("truncate", shared([1], rng), bits=bits)
    with pytest.raises(RangeError):
        run("multiply_truncate", shared([1], rng), shared([1], rng), bits=bits)

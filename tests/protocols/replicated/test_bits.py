from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from tests.support.marks import thinned
from tests.support.replicated_harness import LABELS, run, shared, values

SIZES = [0, 1, 5, 5000, 40_000]
WIDTHS = [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 24, 31, 32, 33, 40, 48, 53, 63, 64]


def low_bits(x, width):
    return x.astype(np.int64).view(np.uint64) & np.uint64((1 << width) - 1)


def or_from_the_top(words):
    out = words.copy()
    for step in (1, 2, 4, 8, 16, 32):
        out |= out >> np.uint64(step)
    return out


@pytest.mark.parametrize("width", thinned(range(2, 65), WIDTHS))
def test_sign_at_every_width(width):
    rng = np.random.default_rng(width)
    for label in LABELS:
        x = values(rng, width, None)
        ran = run("sign", shared(x, rng), width=width, label=label, seed=width)
        np.testing.assert_array_equal(ran.value, x < 0)
    digits = -(-(width - 1) // 4)  # of four bits, at least
    assert ran.cost.rounds == 2 + (digits - 1).bit_length()


@pytest.mark.parametrize("size", [0, 1, 5, 5000, 200_000])
@pytest.mark.parametrize("width", [5, 17, 33, 64])
def test_sign_at_every_size(size, width):
    rng = np.random.default_rng(size)
    x = values(rng, width, 200_000)[:size]
    np.testing.assert_array_equal(run("sign", shared(x, rng), width=width).value, x < 0)


def test_what_a_comparison_costs():
    rng = np.random.default_rng(1)
    x = shared(np.arange(9000) - 4500, rng)
    for width, bits, rounds in ((64, 407, 6), (53, 311, 6), (33, 199, 5), (21, 0, 5), (17, 0, 4), (5, 0, 2)):
        cost = run("sign", x, width=width).cost
        assert cost.rounds == rounds
        if bits:
            assert abs(8 * sum(cost.bytes_sent) / 9000 - bits) < 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("width", [1, 3, 8, 24, 64])
def test_bitwise(size, width):
    rng = np.random.default_rng(size)
    a, b = (rng.integers(0, 2**64, size, np.uint64) & np.uint64((1 << width) - 1) for _ in range(2))
    x, y = shared(a, rng, width=width), shared(b, rng, width=width)
    np.testing.assert_array_equal(run("bits_and", x, y, label=LABELS[width % 3]).value, a & b)
    np.testing.assert_array_equal(run("xor", x, y).value, a ^ b)
    np.testing.assert_array_equal(run("invert", x).value, ~a & np.uint64((1 << width) - 1))
    places = np.arange(width, dtype=np.uint64).reshape(-1, *[1] * a.ndim)
    np.testing.assert_array_equal(run("unpack", x).value, a >> places & np.uint64(1))
    np.testing.assert_array_equal(run("constant_bits", values=a, width=width).value, a)
    for result in run("open", x, to=[0, 2]).results[::2]:
        assert result.dtype == np.uint64
        np.testing.assert_array_equal(result, a)


@pytest.mark.parametrize("width", WIDTHS)
def test_decompose_and_prefix_or(width):
    rng = np.random.default_rng(width)
    for size in (1, 5, 300) if width > 8 else (1, None):
        x = values(rng, width, size) if size != 1 else np.array([-1])
        words = low_bits(x, width)
        ran = run("decompose", shared(x, rng), width=width, label=LABELS[width % 3], seed=width)
        np.testing.assert_array_equal(ran.value, words)
        assert ran.cost.rounds == (width if width <= 2 else 2 + (width - 2).bit_length())
        ored = run("prefix_or", shared(words, rng, width=width), label=LABELS[width % 3])
        np.testing.assert_array_equal(ored.value, or_from_the_top(words))
        assert ored.cost.rounds == (width - 1).bit_length()


@pytest.mark.parametrize("size", [0, 5000, 40_001])
@pytest.mark.parametrize("width", [1, 30, 64])
def test_decompose_and_prefix_or_at_size(size, width):
    rng = np.random.default_rng(size)
    x = rng.integers(-(2**63), 2**63 - 1, size, endpoint=True)  # wider than asked for: the low bits come out
    words = low_bits(x, width)
    np.testing.assert_array_equal(run("decompose", shared(x, rng), width=width).value, words)
    np.testing.assert_array_equal(run("prefix_or", shared(words, rng, width=width)).value, or_from_the_top(words))


@pytest.mark.parametrize("size", [*SIZES, 200_000])
def test_bits_as_integers(size):
    rng = np.random.default_rng(size)
    b = rng.integers(0, 2, size)
    x = rng.integers(-(2**63), 2**63 - 1, size, endpoint=True)
    for label in LABELS if size < 5000 else LABELS[:1]:
        ran = run("bit_to_ring", shared(b, rng, width=1), label=label)
        np.testing.assert_array_equal(ran.value, b)
        assert sum(ran.cost.bytes_sent) == 24 * size
        injected = run("inject", shared(b, rng, width=1), shared(x, rng), label=label)
        np.testing.assert_array_equal(injected.value, b * x)
        assert sum(injected.cost.bytes_sent) == 32 * size
    if size:
        assert ran.cost.rounds == injected.cost.rounds == 2


@settings(max_examples=30, deadline=None)
@given(data=st.data(), width=st.integers(2, 64), seed=st.integers(0, 2**32), label=st.sampled_from(LABELS))
def test_composition_matches_python(data, width, seed, label):
    """relu and the bit length of a value, from the primitives."""
    rng = np.random.default_rng(seed)
    low = -(1 << (width - 1))
    x = np.array(data.draw(st.lists(st.integers(low, -low - 1), min_size=1, max_size=5)))
    negative = run("sign", shared(x, rng), width=width, label=label).results
    positive = run("invert", negative).results
    np.testing.assert_array_equal(run("inject", positive, shared(x, rng), label=label).value, np.maximum(x, 0))
    words = run("decompose", shared(x, rng), width=width, label=label).results
    ored = run("prefix_or", words, label=label).value
    assert [int(w).bit_length() for w in low_bits(x, width)] == [int(o).bit_count() for o in ored]


def test_widths_that_are_not_there():
    rng = np.random.default_rng(1)
    x = shared([1], rng)
    for width in (1, 0, 65):
        with pytest.raises(RangeError):
            run("sign", x, width=width)
    for width in (0, 65):
        with pytest.raises(RangeError):
            run("decompose", x, width=width)
    words = shared([1], rng, width=8)
    for primitive, operands in (("bit_to_ring", [words]), ("inject", [words, x]), ("bit_to_ring", [x])):
        with pytest.raises(ShapeError):
            run(primitive, *operands)
    with pytest.raises(ShapeError):
        run("unpack", x)

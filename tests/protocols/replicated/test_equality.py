from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RangeError, ShapeError
from mpc.machine.opening import open_to
from tests.support.marks import WIDTHS, thinned
from tests.support.replicated_harness import LABELS, run, shared


def values(rng, width, size):
    """Zeros, every single bit, the extremes, and random values of that width."""
    top = (1 << min(width, 63)) - 1
    x = rng.integers(-top, top, size, endpoint=True)
    x[::2] = 0
    edges = [1 << i for i in range(min(width, 63))] + [-1, top, -top] + [-(2**63)] * (width == 64)
    x[1 : 2 * len(edges) : 2] = edges[: x[1 : 2 * len(edges) : 2].size]
    return x


@pytest.mark.parametrize("width", thinned(range(1, 65), WIDTHS))
def test_equal_at_every_width(width):
    rng = np.random.default_rng(width)
    for size in (1, 2, 150):
        x = values(rng, width, size)
        ran = run("equal", shared(x, rng), width=width, label=LABELS[(width + size) % 3], seed=width)
        np.testing.assert_array_equal(ran.value, x == 0)
    assert ran.cost.rounds == 1 + (width - 1).bit_length()


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 5000, 100_001])
@pytest.mark.parametrize("width", [9, 33, 64])
def test_equal_at_every_size(size, width):
    rng = np.random.default_rng(size)
    x = values(rng, width, size)
    np.testing.assert_array_equal(run("equal", shared(x.reshape(-1, 1), rng), width=width).value, x[:, None] == 0)


def test_what_equality_costs():
    rng = np.random.default_rng(1)
    x = shared(np.zeros(6400, np.int64), rng)
    for width, bits, rounds in ((64, 253, 7), (32, 125, 6), (33, 136, 7), (40, 157, 7), (8, 29, 4), (1, 1, 1)):
        cost = run("equal", x, width=width).cost
        assert cost.rounds == rounds
        assert 8 * sum(cost.bytes_sent) == bits * 6400


@settings(max_examples=25, deadline=None)
@given(data=st.data(), width=st.integers(1, 63), seed=st.integers(0, 2**32), label=st.sampled_from(LABELS))
def test_equal_matches_numpy(data, width, seed, label):
    top = (1 << width) - 1
    whole = st.integers(-top, top) | st.just(0)
    x = np.array(data.draw(st.lists(whole, min_size=1, max_size=9)))
    ran = run("equal", shared(x, np.random.default_rng(seed)), width=width, label=label, seed=seed % 1000)
    np.testing.assert_array_equal(ran.value, x == 0)


def test_components_that_are_zero():
    rng = np.random.default_rng(1)
    for zero in range(3):
        x = shared(np.array([0, 1, -1]), rng, zero=zero)
        np.testing.assert_array_equal(run("equal", x, width=2).value, [1, 0, 0])


def test_widths_that_are_not_there():
    rng = np.random.default_rng(1)
    for width in (0, 65):
        with pytest.raises(RangeError):
            run("equal", shared([1], rng), width=width)
    with pytest.raises(ShapeError):
        run("equal", shared([1], rng, width=8), width=8)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_operators(engine):
    from mpc.values.secret import SecretArray, constant
    from protocols.simulate import evaluate

    rng = np.random.default_rng(1)
    a, b = rng.integers(-3, 4, 50), rng.integers(-3, 4, 50)

    async def script(run):
        x, y = constant(run, a), constant(run, b)
        assert isinstance(x, SecretArray)
        found = [x == y, x != y, x == 2, x != 1.5, x / 4 == y / 4, (x < 0) == (y < 0), (x < 0) != (y < 0)]
        opened = [open_to(run, bit.handle, (0, 1, 2)) for bit in found]
        await run.settle(*opened)
        return [handle.share for handle in opened]

    wanted = [a == b, a != b, a == 2, a != 1.5, a == b, (a < 0) == (b < 0), (a < 0) != (b < 0)]
    for found, bits in zip(evaluate(script, engine=engine)[0], wanted, strict=True):
        np.testing.assert_array_equal(found, bits)

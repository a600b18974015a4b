"""One suite for every engine: each primitive of `Engine` against integers, and its plan against its result.

Values enter by `input` and leave by `open`, so that nothing here knows what a share is. Truncations round as the engine
says; everything else is exact.
"""

from __future__ import annotations

import inspect
import os
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import ComityError
from mpc.machine.engine import Engine, Share, Spec
from mpc.machine.primitives import PRIMITIVES
from mpc.machine.simulation import simulate_parties
from protocols.simulate import make_engine
from tests.support.marks import exhaustive, slow, thinned

ENGINES = ["ideal", "replicated", "shamir 3", "shamir 5"]
MORE = [*slow("shamir 4", "shamir 7"), *exhaustive("shamir 7 2")]
SIZES = [0, 1, 7, 100]
#: Where there are many other cases.
FEW = thinned(SIZES, (0, 100))
TOP = 2**62
#: Primitives with a test below; a new one has to join them.
COVERED: set[str] = set()


@cache
def engine_named(name) -> Engine:
    """ "shamir 5 2": between five parties, two of which may be corrupted."""
    kind, *numbers = name.split()
    return make_engine(kind, *[int(number) for number in numbers])


@pytest.fixture(params=[*ENGINES, *MORE])
def engine(request):
    return engine_named(request.param)


class Program:
    """The primitives at one party, each under a label of its own and held to its plan."""

    def __init__(self, engine, party):
        self.engine = engine
        self.party = party

    async def __call__(self, primitive, *operands, **parameters):
        COVERED.add(primitive)
        inner = self.party.inner(primitive)
        spec, cost = self.engine.plan(primitive, inner.label, *(x.spec for x in operands), **parameters)
        result = getattr(self.engine, primitive)(inner, *operands, **parameters)
        if inspect.isawaitable(result):
            result = await result
        else:
            assert cost.rounds == 0
            assert not any(cost.bytes_sent)
        if primitive in ("open", "hand_out"):  # which give no share
            return result
        assert isinstance(result, Share)
        assert result.spec == spec, f"{primitive}: planned {spec}, is {result.spec}"
        assert isinstance(result.spec, Spec)
        return result

    async def shared(self, values, owner=0):
        values = np.asarray(values, np.int64)
        mine = values if self.party.index == owner else None
        return await self("input", owner=owner, values=mine, shape=values.shape)

    async def bits(self, words, width=1):
        """Secret words of bits: an input decomposed."""
        words = np.asarray(words)
        low = await self.shared(words.astype(np.uint64).view(np.int64) & (TOP - 1))
        if width <= 62:
            return await self("decompose", low, width=width)
        return await self("constant_bits", values=words.astype(np.uint64), width=width)

    async def opened(self, share, to=None):
        return await self("open", share, to=range(self.engine.parties) if to is None else to)


def run(engine, program):
    """What `program(do)` gives at each party; all must agree."""

    async def at(party):
        return await program(Program(engine, party))

    results = simulate_parties(at, parties=engine.parties).results
    for other in results[1:]:
        for a, b in zip(_each(results[0]), _each(other), strict=True):
            np.testing.assert_array_equal(a, b)
    return results[0]


def _each(result):
    return result if isinstance(result, tuple | list) else [result]


def integers(size, limit, seed=0):
    """Values of all magnitudes within +-(limit - 1), and the edges."""
    rng = np.random.default_rng(size + seed)
    span = int(limit).bit_length()
    x = rng.integers(-limit + 1, limit, size) >> rng.integers(0, span, size)
    edges = np.asarray([limit - 1, 1 - limit, 0, -1, 1], np.int64)
    x[: min(size, 5)] = edges[: min(size, 5)]
    return x


def exactly(engine, primitive, expected, *values, kind=np.int64, **parameters):
    async def program(do):
        shares = [await do.shared(v) for v in values]
        return await do.opened(await do(primitive, *shares, **parameters))

    got = run(engine, program)
    assert got.dtype == kind
    assert got.shape == np.shape(expected)
    np.testing.assert_array_equal(got, expected)


def near(engine, primitive, expected, tolerance, x, **parameters):
    async def program(do):
        return await do.opened(await do(primitive, await do.shared(x), **parameters))

    got = run(engine, program)
    assert got.shape == np.shape(expected)
    assert np.abs(got - expected).max(initial=0) <= tolerance


# ---- in and out
@pytest.mark.parametrize("size", SIZES)
def test_input_of_each_owner_and_open(engine, size):
    x = integers(size, TOP)
    for owner in range(engine.parties):
        got = run(engine, lambda do, owner=owner: _through(do, x, owner))
        assert got.dtype == np.int64
        np.testing.assert_array_equal(got, x)


async def _through(do, x, owner):
    return await do.opened(await do.shared(x, owner))


@pytest.mark.parametrize("shape", [(), (3, 2), (0, 4), (2, 1, 3)])
def test_shapes_are_kept(engine, shape):
    x = np.arange(int(np.prod(shape))).reshape(shape)
    got = run(engine, lambda do: _through(do, x, 1))
    assert got.shape == shape
    np.testing.assert_array_equal(got, x)


@pytest.mark.parametrize("to", [(), (0,), (1,), (2,), (0, 2), (2, 1, 0)])
@pytest.mark.parametrize("bits", [False, True])
def test_open_tells_recipients_and_nobody_else(engine, to, bits):
    x = np.asarray([5, 0, 1, 9])

    async def at(party):
        do = Program(engine, party)
        share = await (do.bits(x & 1) if bits else do.shared(x))
        return await do.opened(share, to)

    results = simulate_parties(at, parties=engine.parties).results
    for index, got in enumerate(results):
        if index in to:
            np.testing.assert_array_equal(got, x & 1 if bits else x)
            assert got.dtype == (np.uint64 if bits else np.int64)
        else:
            assert got is None


@pytest.mark.parametrize("size", SIZES)
def test_constants(engine, size):
    x = integers(size, TOP)

    async def program(do):
        words = (x & 0xFFFF).astype(np.uint64)
        return [
            await do.opened(await do("constant", values=x)),
            await do.opened(await do("constant_bits", values=words & np.uint64(1))),
            await do.opened(await do("constant_bits", values=words, width=16)),
        ]

    number, bit, word = run(engine, program)
    np.testing.assert_array_equal(number, x)
    np.testing.assert_array_equal(bit, x & 1)
    np.testing.assert_array_equal(word, x & 0xFFFF)


def test_random_values_differ_and_are_large(engine):
    async def program(do):
        a, b = await do("random", shape=(100,)), await do("random", shape=(100,))
        return [await do.opened(a), await do.opened(b)]

    a, b = run(engine, program)
    assert len({*a.tolist(), *b.tolist()}) == 200
    assert (a < 0).any()
    assert (a > 0).any()
    assert np.abs(a.astype(float)).max() > 2**58


# ---- linear
@pytest.mark.parametrize("size", SIZES)
def test_linear_operations(engine, size):
    x, y = integers(size, TOP // 2), integers(size, TOP // 2, 1)
    small = integers(size, 2**30)
    exactly(engine, "add", x + y, x, y)
    exactly(engine, "subtract", x - y, x, y)
    exactly(engine, "add_public", x + y, x, values=y)
    exactly(engine, "add_public", x + 3, x, values=np.asarray(3))
    exactly(engine, "scale", small * -(2**31), small, by=np.asarray(-(2**31)))
    exactly(engine, "scale", small * (small // 7), small, by=small // 7)
    exactly(engine, "sum", small.sum(), small, axis=0)


def test_sums_and_public_operands_along_axes(engine):
    x = integers(24, 2**40).reshape(2, 3, 4)
    for axis in range(3):
        exactly(engine, "sum", x.sum(axis), x, axis=axis)
    exactly(engine, "sum", np.zeros(3, np.int64), x[:0, :, 0], axis=0)
    exactly(engine, "sum", np.zeros((0,), np.int64), x[:0, :, 0], axis=1)
    exactly(engine, "scale", x * [[1], [2], [3]], x, by=np.asarray([[1], [2], [3]]))
    exactly(engine, "add_public", x + np.asarray([1, 2, 3, 4]), x, values=np.asarray([1, 2, 3, 4]))


@pytest.mark.parametrize("shape", [(0,), (1,), (100,), (2, 3, 4), (3, 0)])
def test_cumulative_sums_along_axes(engine, shape):
    x = integers(int(np.prod(shape)), 2**40).reshape(shape)
    for axis in range(-1, len(shape)):
        exactly(engine, "cumulative_sum", x.cumsum(axis), x, axis=axis)
    with pytest.raises(ComityError):
        engine.plan("cumulative_sum", b"sixteen bytes ok", Spec(shape), axis=len(shape))


VIEWS = [
    lambda a: a.reshape(-1),
    lambda a: a.T,
    lambda a: a[1],
    lambda a: a[::-1, 1:],
    lambda a: np.broadcast_to(a, (2, *a.shape)),
    lambda a: a[:0],
    lambda a: a[[0, 0, 2]],
    lambda a: a[0, 0],
]


@pytest.mark.parametrize("number", range(len(VIEWS)))
def test_views_of_numbers_and_bits(engine, number):
    to = VIEWS[number]
    x = integers(12, 2**40).reshape(3, 4)
    shape = to(x).shape
    exactly(engine, "view", to(x), x, to=to, shape=shape)

    async def program(do):
        bits = await do("view", await do.bits(x & 1), to=to, shape=shape)
        words = await do("view", await do.bits(x & 0xFF, 8), to=to, shape=shape)
        return [await do.opened(bits), await do.opened(words)]

    bits, words = run(engine, program)
    np.testing.assert_array_equal(bits, to(x & 1))
    np.testing.assert_array_equal(words, to(x & 0xFF))


def test_joining_numbers_and_bits(engine):
    parts = [integers(n * 2, 2**40, n).reshape(n, 2) for n in (0, 1, 3)]

    async def program(do):
        numbers = [await do.shared(p) for p in parts]
        bits = [await do.bits(p & 1) for p in parts]
        turned = [await do("view", x, to=np.transpose, shape=p.T.shape) for x, p in zip(numbers, parts, strict=True)]
        return [
            await do.opened(await do("concatenate", *numbers, axis=0)),
            await do.opened(await do("concatenate", *bits, axis=0)),
            await do.opened(await do("concatenate", *turned, axis=1)),
            await do.opened(await do("concatenate", numbers[1], axis=0)),
        ]

    numbers, bits, turned, one = run(engine, program)
    np.testing.assert_array_equal(numbers, np.concatenate(parts))
    np.testing.assert_array_equal(bits, np.concatenate(parts) & 1)
    np.testing.assert_array_equal(turned, np.concatenate(parts).T)
    np.testing.assert_array_equal(one, parts[1])


# ---- products and truncation
@pytest.mark.parametrize("size", SIZES)
def test_products(engine, size):
    x, y = integers(size, 2**31), integers(size, 2**31, 1)
    exactly(engine, "multiply", x * y, x, y)
    if size >= 5:
        x[:4], y[:4] = [TOP - 1, 1 - TOP, 1, -1], [1, 1, TOP - 1, TOP - 1]
        exactly(engine, "multiply", x * y, x, y)


@pytest.mark.parametrize(("m", "k", "n"), [(2, 3, 4), (1, 1, 1), (0, 3, 2), (3, 0, 2), (7, 100, 7), (100, 7, 1)])
def test_matrix_products(engine, m, k, n):
    x, y = integers(m * k, 2**27).reshape(m, k), integers(k * n, 2**27, 1).reshape(k, n)
    exactly(engine, "matmul", x @ y, x, y)
    for bits in (1, 20, 45):
        nearly(engine, "matmul_truncate", (x @ y) >> bits, x, y, bits=bits)


def nearly(engine, primitive, floor, *values, **parameters):
    async def program(do):
        shares = [await do.shared(v) for v in values]
        return await do.opened(await do(primitive, *shares, **parameters))

    got = run(engine, program)
    assert got.shape == floor.shape
    assert set(np.unique(got - floor)) <= set(range(1 - engine.rounding, engine.rounding + 1))


@pytest.mark.parametrize("bits", [1, 8, 28, 33, 61, 62])
@pytest.mark.parametrize("size", FEW)
def test_truncation(engine, size, bits):
    x = integers(size, TOP)
    nearly(engine, "truncate", x >> bits, x, bits=bits)
    x, y = integers(size, 2**31), integers(size, 2**31, 1)
    nearly(engine, "multiply_truncate", (x * y) >> bits, x, y, bits=bits)


@pytest.mark.parametrize("bits", [1, 2, 4, 5, 13, 28, 33, 61, 62])
@pytest.mark.parametrize("size", FEW)
def test_exact_truncation(engine, size, bits):
    x = integers(size, TOP >> 1)
    half = 1 << (bits - 1)
    if size > 6:
        x[5:7] = [half % TOP // 2, -(half // 2)]
    exactly(engine, "truncate_exact", x >> bits, x, bits=bits, rounding="floor")
    exactly(engine, "truncate_exact", (x + half) >> bits, x, bits=bits, rounding="nearest")
    if size > 6:
        ends = np.asarray([1 - TOP, TOP - 1])
        exactly(engine, "truncate_exact", ends >> bits, ends, bits=bits, rounding="floor")


@pytest.mark.parametrize("bits", [0, -3, 63, 64])
def test_bits_that_cannot_be_cut(engine, bits):
    with pytest.raises(ComityError):
        nearly(engine, "truncate", np.asarray([1]), np.asarray([1]), bits=bits)
    with pytest.raises(ComityError):
        nearly(engine, "multiply_truncate", np.asarray([1]), np.asarray([1]), np.asarray([1]), bits=bits)
    with pytest.raises(ComityError):
        exactly(engine, "truncate_exact", np.asarray([1]), np.asarray([1]), bits=bits, rounding="floor")
    with pytest.raises(ComityError):
        exactly(engine, "truncate_exact", np.asarray([1]), np.asarray([1]), bits=4, rounding="up")


# ---- comparisons and bits
@pytest.mark.parametrize("width", [2, 3, 8, 17, 32, 33, 62, 63, 64])
@pytest.mark.parametrize("size", FEW)
def test_signs(engine, size, width):
    limit = min(1 << (width - 1), TOP)
    x = integers(size, limit)
    if size > 6 and width < 63:
        x[5] = -limit  # the lower end belongs to the range
    exactly(engine, "sign", x < 0, x, kind=np.uint64, width=width)
    exactly(engine, "quick_sign", x < 0, x, kind=np.uint64, width=width)


@pytest.mark.parametrize("primitive", ["signs", "quick_signs"])
@pytest.mark.parametrize("width", [3, 17, 33, 62])
@pytest.mark.parametrize("shape", thinned([(), (0,), (1,), (40,), (5, 3)], [(), (0,), (5, 3)]))
def test_signs_against_thresholds(engine, primitive, width, shape):
    limit = 1 << (width - 2)
    x = integers(int(np.prod(shape)), limit).reshape(shape)
    each = [1] * len(shape)
    for thresholds in (
        np.asarray([0, limit, -limit, 1, 1 - limit]).reshape(5, *each),
        np.stack([x, x + 1, x - 1]),
        np.asarray([limit - 1]).reshape(1, *each),
        np.zeros((0, *each), np.int64),
    ):
        exactly(engine, primitive, x < thresholds, x, kind=np.uint64, thresholds=thresholds, width=width)


@pytest.mark.parametrize("width", [1, 2, 7, 8, 16, 33, 60, 64])
@pytest.mark.parametrize("size", FEW)
def test_words_of_bits(engine, size, width):
    rng = np.random.default_rng(width)
    full = np.uint64((1 << width) - 1)
    a, b = (rng.integers(0, 2**64, size, np.uint64) & full for _ in range(2))

    async def program(do):
        x, y = await do.bits(a, width), await do.bits(b, width)
        return [
            await do.opened(await do("xor", x, y)),
            await do.opened(await do("bits_and", x, y)),
            await do.opened(await do("invert", x)),
            await do.opened(await do("prefix_or", x)),
        ]

    xor, both, inverse, prefix = run(engine, program)
    np.testing.assert_array_equal(xor, a ^ b)
    np.testing.assert_array_equal(both, a & b)
    np.testing.assert_array_equal(inverse, a ^ full)
    expected = a.copy()
    for step in range(width):
        expected |= a >> np.uint64(step)
    np.testing.assert_array_equal(prefix, expected)


@pytest.mark.parametrize("width", [1, 2, 8, 31, 60, 62])
@pytest.mark.parametrize("size", FEW)
def test_decomposition(engine, size, width):
    x = integers(size, TOP)
    expected = x.view(np.uint64) & np.uint64((1 << width) - 1)
    exactly(engine, "decompose", expected, x, kind=np.uint64, width=width)


@pytest.mark.parametrize("width", [1, 2, 8, 31, 60, 61])
@pytest.mark.parametrize("size", FEW)
def test_words_as_integers(engine, size, width):
    words = np.random.default_rng(width).integers(0, 1 << width, size)

    async def program(do):
        return await do.opened(await do("recompose", await do.bits(words, width)))

    np.testing.assert_array_equal(run(engine, program), words)


@pytest.mark.parametrize("width", [1, 5, 33])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3)])
def test_words_come_apart(engine, width, shape):
    rng = np.random.default_rng(width)
    words = rng.integers(0, 1 << width, shape, np.uint64) if shape else np.uint64(rng.integers(0, 1 << width))

    async def program(do):
        return await do.opened(await do("unpack", await do.bits(words, width)))

    got = run(engine, program)
    assert got.shape == (width, *shape)
    for place in range(width):
        np.testing.assert_array_equal(got[place], (words >> np.uint64(place)) & np.uint64(1))


@pytest.mark.parametrize("width", [1, 2, 5, 33, 64])
@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3)])
def test_words_from_the_other_end(engine, width, shape):
    words = np.random.default_rng(width).integers(0, 2**64, shape, np.uint64) & np.uint64((1 << width) - 1)

    async def program(do):
        return await do.opened(await do("bit_reverse", await do.bits(words, width)))

    expected = [int(f"{int(word):0{width}b}"[::-1], 2) for word in np.reshape(words, -1)]
    np.testing.assert_array_equal(run(engine, program), np.reshape(np.asarray(expected, np.uint64), shape))


@pytest.mark.parametrize("size", SIZES)
def test_from_bits_to_numbers(engine, size):
    x = integers(size, TOP)
    bit = x & 1

    async def program(do):
        b, numbers = await do.bits(bit), await do.shared(x)
        return [await do.opened(await do("bit_to_ring", b)), await do.opened(await do("inject", b, numbers))]

    number, chosen = run(engine, program)
    np.testing.assert_array_equal(number, bit)
    np.testing.assert_array_equal(chosen, bit * x)


def test_bits_of_a_comparison_go_everywhere(engine):
    """A comparison's result may be held in a form of its own; every primitive that takes bits takes it."""
    x = integers(100, 2**40)
    y = x[::-1].copy()
    negative = (x < 0).astype(np.int64)

    async def program(do):
        numbers = await do.shared(x)
        b = await do("sign", numbers, width=48)
        other = await do("sign", await do.shared(y), width=48)
        turned = await do("view", b, to=lambda a: a[::-1], shape=(100,))
        return [
            await do.opened(await do("bit_to_ring", b)),
            await do.opened(await do("inject", b, numbers)),
            await do.opened(await do("xor", b, other)),
            await do.opened(await do("bits_and", b, other)),
            await do.opened(await do("invert", b)),
            await do.opened(await do("bits_and", await do("invert", turned), b)),
            await do.opened(await do("concatenate", b, other, axis=0)),
        ]

    got = run(engine, program)
    mirrored = negative[::-1]
    expected = [negative, negative * x, negative ^ mirrored, negative & mirrored, 1 - negative]
    expected += [(1 - mirrored) & negative, np.concatenate([negative, mirrored])]
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("width", [1, 2, 9, 31, 32, 33, 61, 62, 64])
@pytest.mark.parametrize("size", FEW)
def test_equality_with_zero(engine, size, width):
    x = integers(size, min(1 << width, TOP))
    x[::3] = 0
    exactly(engine, "equal", x == 0, x, kind=np.uint64, width=width)


@pytest.mark.parametrize("shape", [(0, 2), (5, 1), (100, 3), (4, 5, 2), (3,)])
def test_rows_of_zeros(engine, shape):
    x = integers(int(np.prod(shape)), TOP).reshape(shape)
    x[::2] = 0
    if shape == (100, 3):
        x[::4, 1] = 1 << np.arange(25)
    exactly(engine, "rows_zero", (x == 0).all(axis=-1), x, kind=np.uint64)


@pytest.mark.parametrize("shape", [(0,), (7,), (100,), (5, 3)])
def test_secret_orders_of_rows(engine, shape):
    x = integers(int(np.prod(shape)), 2**50).reshape(shape)
    places = np.random.default_rng(1).permutation(shape[0])

    async def program(do):
        numbers, bits, words = await do.shared(x), await do.bits(x & 1), await do.bits(x & 0xFF, 8)
        order = await do("permutation", size=shape[0])
        known = await do("order_of", await do.shared(places))
        mixed = await do("shuffle", numbers, order)
        return [
            await do.opened(mixed),
            await do.opened(await do("shuffle", bits, order)),
            await do.opened(await do("shuffle", words, order)),
            await do.opened(await do("unshuffle", mixed, order)),
            await do.opened(await do("shuffle", numbers, known)),
            await do.opened(await do("unshuffle", numbers, known)),
            await do.opened(await do("shuffle", mixed, await do("opposite", order))),
            await do.opened(await do("shuffle", numbers, await do("opposite", known))),
            await do.opened(await do("unshuffle", numbers, await do("opposite", known))),
            await do.opened(await do("shuffle", bits, await do("opposite", await do("opposite", order)))),
        ]

    mixed, bits, words, back, placed, undone, back2, undone2, placed2, bits2 = run(engine, program)
    for first, second in ((back, back2), (undone, undone2), (placed, placed2), (bits, bits2)):
        np.testing.assert_array_equal(first, second)
    assert sorted(map(repr, mixed.tolist())) == sorted(map(repr, x.tolist()))
    if shape[0] == 100:
        assert mixed.tolist() != x.tolist()
    np.testing.assert_array_equal(bits, mixed & 1)  # whole records: the same order for all
    np.testing.assert_array_equal(words, mixed & 0xFF)
    np.testing.assert_array_equal(back, x)
    expected = np.empty_like(x)
    expected[places] = x
    np.testing.assert_array_equal(placed, expected)
    np.testing.assert_array_equal(undone, x[places])


@pytest.mark.parametrize("width", [2, 9, 33, 63])
@pytest.mark.parametrize("size", FEW)
def test_order_that_sorts(engine, size, width):
    x = integers(size, min(1 << (width - 1), TOP))
    x[size // 2 :] = x[: size - size // 2]  # equal ones keep their order
    rows = np.stack([x, np.arange(size)], axis=1)

    async def program(do):
        order = await do("sort_order", await do.shared(x), width=width)
        return await do.opened(await do("shuffle", await do.shared(rows), order))

    np.testing.assert_array_equal(run(engine, program), rows[np.argsort(x, kind="stable")])


@pytest.mark.parametrize(("size", "ranks"), [(1, (0,)), (100, (50,)), (100, (0, 7, 99)), (3000, (1500, 1501))])
def test_order_of_ranks(engine, size, ranks):
    x = integers(size, 2**20)
    x[size // 2 :] = x[: size - size // 2]

    async def program(do):
        order = await do("rank_order", await do.shared(x), ranks=ranks, width=22)
        return await do.opened(await do("shuffle", await do.shared(np.arange(size)), order))

    rows = run(engine, program)
    np.testing.assert_array_equal(rows[: len(ranks)], np.argsort(x, kind="stable")[list(ranks)])
    np.testing.assert_array_equal(np.sort(rows), np.arange(size))


@pytest.mark.parametrize("width", [1, 8, 33, 64])
def test_random_bits(engine, width):
    async def program(do):
        return await do.opened(await do("random_bits", shape=(4000,), width=width))

    words = run(engine, program)
    for place in range(width):
        ones = int(((words >> np.uint64(place)) & np.uint64(1)).sum())
        assert abs(ones - 2000) < 6 * np.sqrt(1000)
    assert width == 64 or int(words.max()) < 1 << width


# ---- functions by tables
PIECES = [(8, 0, 28), (16, 3, 0), (64, 20, 24), (256, 40, 1), (512, 15, 30)]


@pytest.mark.parametrize("size", FEW)
@pytest.mark.parametrize(("pieces", "step", "bits"), PIECES)
def test_piecewise_cubic(engine, size, pieces, step, bits):
    """(v^3 - 5 v) / pieces^2, v counted in pieces from the middle: on every piece the same cubic, moved."""
    low = -(pieces // 2) << step
    x = np.random.default_rng(size).integers(low + (1 << step), low + (pieces << step), size)
    x[: min(size, 2)] = [low + (1 << step), low + (pieces << step) - 1][:size]
    v = np.arange(pieces) - pieces // 2
    scale = 2**20 / pieces**2
    table = np.rint(scale * np.stack([v**3 - 5 * v, 3 * v**2 - 5, 3 * v, np.ones(pieces)])).astype(np.int64)
    exact = np.ldexp(np.ldexp(x.astype(np.float64), -step) ** 3 - 5 * np.ldexp(x.astype(np.float64), -step), 28 - bits)
    near(
        engine,
        "piecewise_cubic",
        scale * exact,
        8 * 2.0 ** (28 - bits) + engine.rounding,
        x,
        low=low,
        step=step,
        table=table,
        bits=bits,
    )


@pytest.mark.parametrize("size", FEW)
@pytest.mark.parametrize(("low", "high", "frac", "digits", "bits"), [
    (-12.0, 5.0, 20, 48, 0), (-30.0, 0.0, 26, 48, 20), (-100.0, 20.0, 16, 31, 0), (0.0, 0.5, 1, 48, 40),
    (-1.0, 7.0, 30, 48, 1),
])  # fmt: skip
def test_exponential(engine, size, low, high, frac, digits, bits):
    first, last = int(low * 2**frac), int(high * 2**frac)
    x = np.random.default_rng(size).integers(first, last + 1, size)
    x[: min(size, 2)] = [first, last][:size]
    exact = np.ldexp(np.exp(np.ldexp(x.astype(np.float64), -frac)), digits)
    g = min(24, digits // 2)
    limit = np.ldexp(1.0, g) + np.ldexp(exact, 1 - g)
    tolerance = np.ldexp(limit, -bits).max(initial=0) + engine.rounding
    near(
        engine,
        "exponential",
        np.ldexp(exact, -bits),
        tolerance,
        x,
        low=first,
        high=last,
        frac=frac,
        digits=digits,
        bits=bits,
    )


@pytest.mark.parametrize("size", FEW)
@pytest.mark.parametrize("width", [2, 3, 33, 63])
def test_magnitude(engine, size, width):
    x = integers(size, min(1 << (width - 1), TOP))

    async def program(do):
        return await do.opened(await do("magnitude", await do("decompose", await do.shared(x), width=width)))

    np.testing.assert_array_equal(run(engine, program), np.where(x < 0, -x - 1, x).astype(np.uint64))


def test_words_of_one_bit_have_no_magnitude():
    with pytest.raises(ComityError):
        engine_named("replicated").plan("magnitude", b"sixteen bytes ok", Spec((3,), "bits", 1))


@pytest.mark.parametrize("size", FEW)
@pytest.mark.parametrize("bits", [1, 2, 7, 8, 29, 63, 64, 127])
def test_table_of_count(engine, size, bits):
    rng = np.random.default_rng(size + bits)
    x = (rng.random((bits, size)) < rng.random(size)).astype(np.uint64)
    x[:, : min(size, 2)] = np.asarray([0, 1])[: min(size, 2)]
    table = rng.integers(-(2**61), 2**61, bits + 1)

    async def program(do):
        return await do.opened(await do("table_of_count", await do("constant_bits", values=x), table=table))

    np.testing.assert_array_equal(run(engine, program), table[x.sum(axis=0).astype(np.int64)])


@given(
    values=st.lists(st.tuples(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(-(2**30), 2**30)), max_size=6),
    bits=st.integers(1, 62),
)
def test_engines_agree(values, bits):
    x = np.asarray([v for v, _ in values], np.int64)
    y = np.asarray([w for _, w in values], np.int64)

    async def program(do):
        a, b = await do.shared(x, 1), await do.shared(y, 2)
        product_ = await do("multiply", a, b)
        negative = await do("sign", product_, width=64)
        return [
            await do.opened(product_),
            await do.opened(negative),
            await do.opened(await do("inject", negative, a)),
            await do.opened(await do("truncate", product_, bits=bits)),
        ]

    ideal, *others = (run(engine_named(name), program) for name in ENGINES)
    for name, shared in zip(ENGINES[1:], others, strict=True):
        for a, b in zip(ideal[:3], shared[:3], strict=True):
            np.testing.assert_array_equal(a, b)
        within = engine_named(name).rounding
        assert set(np.unique(shared[3] - ideal[3])) <= set(range(1 - within, within + 1))


@pytest.mark.parametrize("size", SIZES)
def test_orders_that_one_party_gives(engine, size):
    rng = np.random.default_rng(size)
    given, x = rng.permutation(size), rng.integers(1 - TOP, TOP, (size, 2))
    owners = {0, engine.parties - 1}

    async def program(do):
        numbers, bits = await do.shared(x), await do.bits(np.abs(x) % 32, 5)
        out = []
        for owner in owners:
            mine = given if do.party.index == owner else None
            order = await do("given_order", owner=owner, values=mine, rows=size)
            out += [
                await do.opened(await do("shuffle", numbers, order)),
                await do.opened(await do("unshuffle", numbers, order)),
                await do.opened(await do("shuffle", bits, order)),
                await do.opened(await do("shuffle", numbers, await do("opposite", order))),
                await do.opened(await do("unshuffle", numbers, await do("opposite", order))),
            ]
        return out

    back = np.argsort(given)
    words = np.abs(x) % 32
    for got, expected in zip(
        run(engine, program), len(owners) * [x[given], x[back], words[given], x[back], x[given]], strict=True
    ):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("shape", [(1, 1), (5, 1), (5, 3), (40, 2), (0, 1)])
@pytest.mark.parametrize("asked", [0, 1, 30])
def test_rows_copied_to_where_one_party_asks_for_them(engine, shape, asked):
    rng = np.random.default_rng(asked)
    first = shape[0]
    asked = asked if first else 0
    x, sent = rng.integers(1 - TOP, TOP, shape), rng.integers(-(2**40), 2**40, (asked, shape[1]))
    index = rng.integers(0, max(first, 1), asked)
    line = np.argsort(np.concatenate([np.arange(first), index]), kind="stable")
    places = np.argsort(line)

    async def program(do):
        out = []
        rows, values = await do.shared(x), await do.shared(sent)
        for owner in (0, engine.parties - 1):
            mine = line if do.party.index == owner else None
            order = await do("given_order", owner=owner, values=mine, rows=len(line))
            for each in (order, await do("opposite", await do("opposite", order))):
                out += [await do.opened(await do("copy_down", rows, each))]
                out += [await do.opened(await do("sum_up", values, each))]
        hidden = await do("order_of", await do.shared(places))
        out += [await do.opened(await do("copy_down", rows, hidden))]
        out += [await do.opened(await do("sum_up", values, hidden))]
        return out

    sums = np.zeros(shape, np.int64)
    np.add.at(sums, index, sent)
    got = run(engine, program)
    for copied, summed in zip(got[::2], got[1::2], strict=True):
        np.testing.assert_array_equal(copied, x[index])
        np.testing.assert_array_equal(summed, sums)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("wrong", [[0, 0, 2], [0, 1, 3], [-1, 0, 1]])
def test_an_owner_of_an_order_that_is_none(name, wrong):
    engine = engine_named(name)

    async def at(party):
        mine = np.asarray(wrong) if party.index == 0 else None
        return await engine.given_order(party, owner=0, values=mine, rows=3)

    with pytest.raises(ComityError, match=r"given_order: .* not a permutation"):
        simulate_parties(at, parties=engine.parties)


@pytest.mark.parametrize("name", ENGINES)
@pytest.mark.parametrize("primitive", ["multiply", "add", "bits_and", "xor", "inject"])
def test_plans_refuse_what_does_not_fit(primitive, name):
    """A dry run has to fail where a run would."""
    kind = "bits" if primitive in ("bits_and", "xor", "inject") else "arith"
    width = 1 if kind == "bits" else 64
    with pytest.raises(ComityError):
        engine_named(name).plan(primitive, b"sixteen bytes ok", Spec((3,), kind, width), Spec((4,), kind, width))


def test_unknown_primitives_have_no_plan(engine):
    with pytest.raises(ComityError):
        engine.plan("no such thing", b"sixteen bytes ok")


def test_what_owners_give_is_held_against_bounds(engine):
    values = np.asarray([0, 1, -1, 7, -7, 8, -8, TOP - 1, 1 - TOP])
    bounds = np.asarray([0, 0, 1, 7, 7, 7, 7, TOP - 1, TOP - 2])

    async def program(do):
        x = await do.shared(values)
        positive = await do.opened(await do("nonnegative", x))
        return positive, await do.opened(await do("nonnegative", x, bounds=bounds))

    positive, sides = run(engine, program)
    np.testing.assert_array_equal(positive, values >= 0)
    np.testing.assert_array_equal(sides, np.stack([values <= bounds, values >= -bounds]))


def test_rows_are_kept_where_public_facts_say_so(engine):
    values = np.arange(12).reshape(3, 4) - 5

    async def program(do):
        COVERED.add("keep")  # called by itself, for its second operand is an array
        x = await do.shared(values)
        bits = await do("sign", x, width=8)
        out = []
        for facts in ([1, 0, 1], [1, 1, 1], [0], [1]):
            # A fact is what was opened before: an array in place of a share.
            spec, cost = do.engine.plan("keep", bytes(16), x.spec, Spec((len(facts),)))
            assert (spec, cost.rounds) == (x.spec, 0)
            out.append(await do.opened(do.engine.keep(do.party, x, np.asarray(facts))))
        for facts in ([0], [1]):
            out.append(await do.opened(do.engine.keep(do.party, bits, np.asarray(facts))))
        return out

    some, all_of_it, nothing, whole, no_bits, same = run(engine, program)
    np.testing.assert_array_equal(some, values * [[1], [0], [1]])
    np.testing.assert_array_equal(nothing, 0 * values)
    for one in (all_of_it, whole):
        np.testing.assert_array_equal(one, values)
    np.testing.assert_array_equal(no_bits, 0 * values)
    np.testing.assert_array_equal(same, values < 0)


def test_what_is_dealt_and_what_is_handed_out(engine):
    """Vectors of owners who do not compute come in by `deal` and `take`, and go out by `hand_out` and `combine`."""
    vectors = [integers(7, TOP), integers(3, TOP, 1)]
    dealt = [engine.deal(vector, os.urandom) for vector in vectors]
    sizes = [vector.size for vector in vectors]
    holders = [[piece.holders for piece in engine.pieces(size)] for size in sizes]

    def own(index):
        return [
            [piece if index in who else None for piece, who in zip(pieces, held, strict=True)]
            for pieces, held in zip(dealt, holders, strict=True)
        ]

    async def at(party):
        do = Program(engine, party)
        x = await do("take", pieces=own(party.index), sizes=sizes)
        numbers = await do("hand_out", await do("view", x, to=np.flip, shape=(10,)))
        words = await do("hand_out", await do.bits(np.arange(6), 3))
        return numbers, words

    numbers, words = zip(*simulate_parties(at, parties=engine.parties).results, strict=True)
    np.testing.assert_array_equal(engine.combine(numbers, Spec((10,))), np.concatenate(vectors)[::-1])
    np.testing.assert_array_equal(engine.combine(words, Spec((6,), "bits", 3)), np.arange(6))


def test_every_engine_has_every_primitive(engine):
    assert [name for name in PRIMITIVES if not callable(getattr(engine, name, None))] == []


def test_every_primitive_is_covered():
    """Runs last: what the interface declares and no test above has called."""
    if not COVERED:
        pytest.skip("only this test was selected")
    missing = sorted(set(PRIMITIVES) - COVERED)
    assert not missing, f"no conformance test calls {missing}"

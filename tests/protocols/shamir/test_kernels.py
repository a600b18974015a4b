"""Kernels against Python's integers: arithmetic modulo 2^127 - 1, shifts, and bits in and out of planes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.shamir import kernels, kernels_order, kernels_planes, local
from protocols.shamir.engine import warm_up
from protocols.shamir.kernels import KERNELS
from protocols.shamir.prime import BITS, PRIME
from protocols.shamir.sharing import decoded, encoded, joined_words, packed, split_words, unpacked
from tests.support.shamir_harness import elements_of, engine, integers_of

EDGES = sorted(
    {
        v
        for base in (0, 1 << 32, 1 << 62, 1 << 63, 1 << 64, 1 << 65, 1 << 126, PRIME)
        for v in range(base - 2, base + 3)
        if 0 <= v < PRIME
    }
)
elements = st.one_of(st.sampled_from(EDGES), st.integers(0, PRIME - 1), st.integers(0, (1 << 64) - 1))
pairs = st.lists(st.tuples(elements, elements), max_size=70)


@pytest.fixture(scope="module", autouse=True)
def _ready():
    warm_up()


def every_pair():
    return [(a, b) for a in EDGES for b in EDGES]


def binary(kernel, function, found):
    x, y = elements_of([a for a, _ in found]), elements_of([b for _, b in found])
    out = np.empty_like(x)
    kernel(x, y, out)
    assert integers_of(out) == [function(a, b) % PRIME for a, b in found]


@pytest.mark.parametrize(
    ("kernel", "function"),
    [
        (kernels.add, lambda a, b: a + b),
        (kernels.subtract, lambda a, b: a - b),
        (kernels.multiply, lambda a, b: a * b),
    ],
    ids=["add", "subtract", "multiply"],
)
class TestBinary:
    def test_edges(self, kernel, function):
        binary(kernel, function, every_pair())

    @given(found=pairs)
    def test_any(self, kernel, function, found):
        binary(kernel, function, found)


@given(found=pairs, start=st.lists(elements, min_size=70, max_size=70))
def test_multiply_add(found, start):
    found = [*found, *every_pair()[:: max(1, len(EDGES))]]
    start = (start * len(found))[: len(found)]
    x, y = elements_of([a for a, _ in found]), elements_of([b for _, b in found])
    out = elements_of(start)
    kernels.multiply_add(x, y, out)
    assert integers_of(out) == [(s + a * b) % PRIME for s, (a, b) in zip(start, found, strict=True)]


def test_multiply_add_of_edges():
    for start in (0, 1, PRIME - 1):
        found = every_pair()
        out = elements_of([start] * len(found))
        kernels.multiply_add(elements_of([a for a, _ in found]), elements_of([b for _, b in found]), out)
        assert integers_of(out) == [(start + a * b) % PRIME for a, b in found]


@given(xs=st.lists(elements, max_size=70), public=st.integers(-(1 << 130), 1 << 130))
def test_one_public_number(xs, public):
    x = elements_of(xs)
    assert integers_of(local.add_one(x, public)) == [(a + public) % PRIME for a in xs]
    assert integers_of(local.scale_one(x, public)) == [a * public % PRIME for a in xs]
    assert integers_of(local.constant(public, 3)) == [public % PRIME] * 3


@given(data=st.data(), count=st.integers(1, 6), size=st.integers(0, 66))
def test_combinations(data, count, size):
    factors = data.draw(st.lists(st.one_of(elements, st.integers(-9, 9)), min_size=count, max_size=count))
    rows = [data.draw(st.lists(elements, min_size=size, max_size=size)) for _ in range(count)]
    got = local.combine(factors, [elements_of(row) for row in rows])
    assert integers_of(got) == [
        sum(f * row[i] for f, row in zip(factors, rows, strict=True)) % PRIME for i in range(size)
    ]


@given(words=st.lists(st.integers(0, (1 << 128) - 1), max_size=40), bits=st.integers(1, BITS))
def test_drawn_numbers_keep_their_low_bits(words, bits):
    words = [*words, (1 << 128) - 1, (1 << 127) - 1, 0, 1 << 63, 1 << 64]
    x = np.asarray([(w & (2**64 - 1), w >> 64) for w in words], np.uint64)
    kernels.drawn(x, np.uint64(bits))
    assert integers_of(x) == [(w & ((1 << bits) - 1)) % PRIME for w in words]


@given(xs=st.lists(elements, max_size=40), plus=elements, bits=st.integers(0, 126))
def test_shifts(xs, plus, bits):
    xs = [*xs, *EDGES]
    out = np.empty((len(xs), 2), np.uint64)
    low, high = elements_of([plus])[0]
    kernels.shifted(elements_of(xs), low, high, np.uint64(bits), out)
    assert integers_of(out) == [((x + plus) % (1 << 128)) >> bits for x in xs]


@given(xs=st.lists(elements, max_size=40))
def test_twos_complement(xs):
    xs = [*xs, *EDGES]
    out = np.empty((len(xs), 2), np.uint64)
    kernels.negated(elements_of(xs), out)
    assert integers_of(out) == [-x % (1 << 128) for x in xs]


@given(values=st.lists(st.integers(-(1 << 62) + 1, (1 << 62) - 1), max_size=70))
def test_integers_in_and_out(values):
    values = np.asarray([*values, (1 << 62) - 1, 1 - (1 << 62), -(1 << 62), 0, -1], np.int64)
    found = encoded(values)
    assert integers_of(found) == [int(v) % PRIME for v in values]
    np.testing.assert_array_equal(decoded(found), values)


def test_all_of_int64_goes_in():
    ends = np.asarray([-(1 << 63), (1 << 63) - 1], np.int64)
    assert integers_of(encoded(ends)) == [int(v) % PRIME for v in ends]


@given(beyond=st.one_of(st.integers(1 << 62, PRIME - (1 << 62) - 1), st.sampled_from([1 << 62, PRIME - (1 << 62) - 1])))
def test_numbers_beyond_the_range_are_counted(beyond):
    out, count = np.empty(3, np.int64), np.zeros(1, np.int64)
    kernels.decode(elements_of([0, beyond, beyond]), out, count)
    assert count[0] == 2


@given(data=st.data(), shape=st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 4)))
def test_sums(data, shape):
    outer, extent, inner = shape
    xs = data.draw(st.lists(elements, min_size=outer * extent * inner, max_size=outer * extent * inner))
    out = np.empty((outer * inner, 2), np.uint64)
    kernels.sum_over(elements_of(xs), outer, extent, inner, out)
    cube = np.asarray(xs, object).reshape(shape)
    assert integers_of(out) == [int(v) % PRIME for v in cube.sum(axis=1).reshape(-1)]


@given(data=st.data(), shape=st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 4)))
def test_matrix_products(data, shape):
    rows, inner, columns = shape
    xs = data.draw(st.lists(elements, min_size=rows * inner, max_size=rows * inner))
    ys = data.draw(st.lists(elements, min_size=inner * columns, max_size=inner * columns))
    out = np.zeros((rows, columns, 2), np.uint64)
    a, b = elements_of(xs).reshape(rows, inner, 2), elements_of(ys).reshape(inner, columns, 2)
    cut = rows // 2
    kernels.matmul(a, b, 0, cut, out)
    kernels.matmul(a, b, cut, rows, out)
    x, y = np.asarray(xs, object).reshape(rows, inner), np.asarray(ys, object).reshape(inner, columns)
    expected = [
        sum(int(x[i, k]) * int(y[k, j]) for k in range(inner)) % PRIME for i in range(rows) for j in range(columns)
    ]
    assert integers_of(out) == expected


# ---- planes
@given(seed=st.integers(0, 2**32), size=st.integers(0, 200), width=st.integers(1, 127))
def test_numbers_as_planes(seed, size, width):
    words = np.random.default_rng(seed).integers(0, 2**64, (size, 2), np.uint64)
    out = np.full((width, -(-size // 64)), 7, np.uint64)
    kernels_planes.to_planes(words, np.empty(64, np.uint64), out)
    single = unpacked(out, 64 * out.shape[1])
    for j in range(width):
        assert single[j, :size].tolist() == [v >> j & 1 for v in integers_of(words)]
    assert not single[:, size:].any()


@given(seed=st.integers(0, 2**32), size=st.integers(0, 200), width=st.integers(1, 64))
def test_words_go_through_planes(seed, size, width):
    words = np.random.default_rng(seed).integers(0, 2**64, size, np.uint64) & np.uint64((1 << width) - 1)
    planes = split_words(words, width)
    np.testing.assert_array_equal(joined_words(planes, size), words)
    single = unpacked(planes, size)
    np.testing.assert_array_equal(single, [[int(w) >> j & 1 for w in words] for j in range(width)])
    np.testing.assert_array_equal(packed(single), planes)


def test_transposition():
    words = np.random.default_rng(1).integers(0, 2**64, 64, np.uint64)
    expected = [sum((int(words[i]) >> j & 1) << i for i in range(64)) for j in range(64)]
    kernels_planes.transpose(words)
    assert words.tolist() == expected


@given(seed=st.integers(0, 2**32), size=st.integers(0, 200))
def test_bits_as_elements(seed, size):
    plane = np.random.default_rng(seed).integers(0, 2**64, -(-size // 64), np.uint64)
    out = np.full((size, 2), 7, np.uint64)
    kernels_planes.bits_to_field(plane, out)
    assert integers_of(out) == unpacked(plane, size).tolist()


# ---- compiling
def test_progress_is_told_for_every_kernel():
    told: list[tuple[int, int]] = []
    warm_up(lambda done, total: told.append((done, total)))
    total = len(KERNELS.groups["base"])
    assert told == [(i + 1, total) for i in range(total)]


def test_a_kernel_refuses_other_types_instead_of_compiling():
    x = np.zeros((4, 2), np.uint64)
    with pytest.raises(TypeError):
        kernels.add(x.astype(np.float64), x, x)
    with pytest.raises(TypeError):
        kernels.add(x[::2], x[:2], x[:2].copy())


def test_every_kernel_has_one_specialisation_after_all_primitives():
    from tests.support.shamir_harness import run, shared

    engine()
    rng = np.random.default_rng(1)
    for size in (3, 300):
        x, b = shared(np.arange(size), rng), shared(np.arange(size) % 2, rng, width=1)
        for primitive, operands, parameters in (
            ("multiply", (x, x), {}),
            ("multiply_truncate", (x, x), {"bits": 16}),
            ("sign", (x,), {"width": 33}),
            ("equal", (x,), {"width": 40}),
            ("decompose", (x,), {"width": 20}),
            ("inject", (b, x), {}),
            ("piecewise_cubic", (x,), {"low": -(1 << 14), "step": 9, "table": np.ones((4, 64), np.int64), "bits": 20}),
            ("exponential", (x,), {"low": -20, "high": 900, "frac": 12, "digits": 40, "bits": 0}),
            ("rows_zero", (shared(np.arange(2 * size).reshape(size, 2), rng),), {}),
        ):
            run(primitive, *operands, **parameters)
    square = shared(np.arange(2500).reshape(50, 50), rng)
    run("matmul", square, run("view", square, to=lambda v: v.T, shape=(50, 50)).results)
    run("sort_order", shared(np.arange(20)[::-1], rng), width=11)
    made = {
        name: len(compiled.signatures) for group in KERNELS.groups.values() for name, (compiled, _) in group.items()
    }
    assert made == dict.fromkeys(made, 1)


# ---- rows
@given(data=st.data(), rows=st.integers(0, 20), columns=st.integers(1, 4))
def test_rows_in_another_order(data, rows, columns):
    order = np.asarray(data.draw(st.permutations(range(rows))), np.uint32)
    x = np.random.default_rng(rows).integers(0, 2**64, (rows, columns), np.uint64)
    there, back = np.empty_like(x), np.empty_like(x)
    kernels_order.gathered(x, order, there)
    np.testing.assert_array_equal(there, x[order])
    kernels_order.scattered(there, order, back)
    np.testing.assert_array_equal(back, x)


@given(xs=st.lists(elements, max_size=40))
def test_running_sums(xs):
    out = np.empty((len(xs), 2), np.uint64)
    kernels_order.sums_before(elements_of(xs), out)
    assert integers_of(out) == [sum(xs[:i]) % PRIME for i in range(len(xs))]


# ---- dealing and tables
words = st.one_of(st.sampled_from([0, 1, PRIME, (1 << 128) - 1, 1 << 127]), st.integers(0, (1 << 128) - 1))


def raw(values):
    return np.asarray([(v & (2**64 - 1), v >> 64) for v in values], np.uint64).reshape(-1, 2)


@given(data=st.data(), size=st.integers(0, 40))
def test_a_stream_is_added_as_the_element_it_is(data, size):
    xs = data.draw(st.lists(elements, min_size=size, max_size=size))
    stream = data.draw(st.lists(words, min_size=size, max_size=size))
    out = elements_of(xs)
    kernels.add_stream(out, raw(stream), out)
    assert integers_of(out) == [(x + w % (1 << 127)) % PRIME for x, w in zip(xs, stream, strict=True)]


@given(data=st.data(), size=st.integers(0, 20), threshold=st.integers(1, 4), targets=st.integers(1, 4))
def test_shares_from_secret_and_streams(data, size, threshold, targets):
    secret = data.draw(st.lists(elements, min_size=size, max_size=size))
    streams = [data.draw(st.lists(words, min_size=size, max_size=size)) for _ in range(threshold)]
    factors = [data.draw(st.lists(elements, min_size=threshold + 1, max_size=threshold + 1)) for _ in range(targets)]
    out = np.empty((targets, size, 2), np.uint64)
    coefficients = np.stack([elements_of(row) for row in factors])
    kernels.spread(elements_of(secret), np.stack([raw(row) for row in streams]), coefficients, out)
    for row, share in zip(factors, out, strict=True):
        expected = [
            (row[0] * s + sum(c * (stream[i] % (1 << 127)) for c, stream in zip(row[1:], streams, strict=True))) % PRIME
            for i, s in enumerate(secret)
        ]
        assert integers_of(share) == expected


@given(data=st.data(), size=st.integers(0, 12), rows=st.integers(1, 4), columns=st.integers(1, 4))
def test_bilinear_forms(data, size, rows, columns):
    def draw(count):
        return [data.draw(st.lists(elements, min_size=size, max_size=size)) for _ in range(count)]

    low, high = draw(columns), draw(rows)
    c = [data.draw(st.lists(elements, min_size=columns, max_size=columns)) for _ in range(rows)]
    out = np.empty((size, 2), np.uint64)
    kernels.bilinear(
        np.stack([elements_of(row) for row in c]),
        np.stack([elements_of(row) for row in low]),
        np.stack([elements_of(row) for row in high]),
        out,
    )
    expected = [
        sum(c[r][k] * high[r][i] * low[k][i] for r in range(rows) for k in range(columns)) % PRIME for i in range(size)
    ]
    assert integers_of(out) == expected

"""Every primitive against integers, and what it sent against its plan (`run` does that each time): sizes about a word
of bits and about a chunk, each committee, thresholds below the largest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError
from protocols.shamir.committee import CHUNK, SMALL
from protocols.shamir.comparison import sign
from protocols.shamir.operation import cost
from protocols.shamir.sharing import joined_words
from tests.support.marks import thinned
from tests.support.shamir_harness import SCHEMES, combined, dealt, elements_of, engine, on_floor, opened, run, shared

TOP = 1 << 62
LINE = np.stack([np.arange(64) << 20, np.full(64, 1 << 20), np.zeros(64), np.zeros(64)]).astype(np.int64)


def bits_of(x, width):
    return x.astype(np.uint64) & np.uint64((1 << width) - 1)


def running_or(x, width):
    out = bits_of(x, width)
    for step in range(width):
        out |= bits_of(x, width) >> np.uint64(step)
    return out


#: primitive: widths of its operands (None: numbers), parameters, limit of the numbers, result; "rounded" results may
#: be off as the engine says.
EXACT = {
    "add": ([None, None], {}, TOP // 2, lambda x, y: x + y),
    "multiply": ([None, None], {}, 1 << 31, lambda x, y: x * y),
    "sign": ([None], {"width": 64}, TOP, lambda x: x < 0),
    "sign ": ([None], {"width": 21}, 1 << 20, lambda x: x < 0),
    "quick_sign": ([None], {"width": 33}, 1 << 32, lambda x: x < 0),
    "equal": ([None], {"width": 63}, TOP, lambda x: x == 0),
    "equal ": ([None], {"width": 3}, 1 << 3, lambda x: x == 0),
    "decompose": ([None], {"width": 64}, TOP, lambda x: x.view(np.uint64)),
    "decompose ": ([None], {"width": 17}, TOP, lambda x: bits_of(x, 17)),
    "truncate_exact": ([None], {"bits": 13, "rounding": "floor"}, TOP >> 1, lambda x: x >> 13),
    "truncate_exact ": ([None], {"bits": 40, "rounding": "nearest"}, TOP >> 1, lambda x: (x + (1 << 39)) >> 40),
    "bits_and": ([20, 20], {}, TOP, lambda x, y: bits_of(x, 20) & bits_of(y, 20)),
    "prefix_or": ([20], {}, TOP, lambda x: running_or(x, 20)),
    "bit_to_ring": ([1], {}, TOP, lambda x: x & 1),
    "recompose": ([11], {}, TOP, lambda x: bits_of(x, 11).astype(np.int64)),
    "inject": ([1, None], {}, TOP, lambda b, x: (b & 1) * x),
}
ROUNDED = {
    "truncate": ([None], {"bits": 28}, TOP, lambda x: x >> 28),
    "truncate ": ([None], {"bits": 1}, TOP, lambda x: x >> 1),
    "truncate  ": ([None], {"bits": 62}, TOP, lambda x: x >> 62),
    "multiply_truncate": ([None, None], {"bits": 16}, 1 << 31, lambda x, y: x * y >> 16),
}
SIZES = [0, 1, 2, 63, 64, 65, 129]


def values(size, limit, seed):
    """Of all magnitudes within +-(limit - 1), and the ends."""
    rng = np.random.default_rng(seed)
    x = rng.integers(-limit + 1, limit, size) >> rng.integers(0, int(limit).bit_length(), size)
    ends = np.asarray([limit - 1, 1 - limit, 0, -1, 1], np.int64)
    x[: min(size, 5)] = ends[: min(size, 5)]
    return x


def check(case, xs, parties=3, threshold=None, first=0):
    exactly = case in EXACT
    widths, parameters, _, expected = EXACT[case] if exactly else ROUNDED[case]
    rng = np.random.default_rng(1)
    operands = [shared(x, rng, parties, threshold, width=w) for x, w in zip(xs, widths, strict=True)]
    found = run(case.strip(), *operands, parties=parties, threshold=threshold, first=first, **parameters).value
    result = expected(*xs)
    assert found.shape == result.shape
    if exactly:
        np.testing.assert_array_equal(found, result)
        return
    off = found - result
    k = engine(parties, threshold).rounding
    assert off.min(initial=0) >= 1 - k
    assert off.max(initial=0) <= k


def drawn(case, size, seed=1):
    widths, _, limit, _ = (EXACT | ROUNDED)[case]
    return [values(size, limit, seed + i) for i in range(len(widths))]


@pytest.mark.parametrize("case", EXACT | ROUNDED)
@pytest.mark.parametrize("size", thinned(SIZES, (0, 1, 63, 65)))
def test_sizes(case, size):
    check(case, drawn(case, size), first=size % 3)


@pytest.mark.parametrize("case", EXACT | ROUNDED)
@pytest.mark.parametrize(("parties", "threshold"), SCHEMES[1:])
def test_parties_thresholds_and_committees(case, parties, threshold):
    check(case, drawn(case, 70), parties, threshold, first=len(case) % parties)


@pytest.mark.parametrize("case", ["multiply", "multiply_truncate", "sign ", "inject", "bits_and"])
@pytest.mark.parametrize("parties", [3, 4, 5])
def test_every_committee(case, parties):
    for first in range(parties):
        check(case, drawn(case, 9, first), parties, first=first)


@pytest.mark.parametrize("case", EXACT | ROUNDED)
def test_several_chunks(case):
    check(case, drawn(case, SMALL + 77), first=1)


@pytest.mark.parametrize("case", ["multiply", "multiply_truncate", "sign ", "bits_and"])
@pytest.mark.parametrize("parties", [3, pytest.param(5, marks=pytest.mark.slow)])
def test_more_chunks_than_parties(case, parties):
    check(case, drawn(case, parties * CHUNK + 65), parties, first=2)


@given(data=st.data())
def test_any_numbers(data):
    case = data.draw(st.sampled_from(sorted(EXACT | ROUNDED)))
    parties = data.draw(st.sampled_from([3, 4, 5]))
    widths, _, limit, _ = (EXACT | ROUNDED)[case]
    size = data.draw(st.integers(1, 6))
    number = st.one_of(st.integers(1 - limit, limit - 1), st.sampled_from([1 - limit, limit - 1, 0, -1]))
    xs = [np.asarray(data.draw(st.lists(number, min_size=size, max_size=size)), np.int64) for _ in widths]
    check(case, xs, parties, first=data.draw(st.integers(0, parties - 1)))


@given(
    bits=st.integers(1, 62),
    xs=st.lists(st.integers(1 - TOP, TOP - 1), min_size=1, max_size=8),
    parties=st.sampled_from([3, 5, 7]),
)
def test_any_truncation(bits, xs, parties):
    """Within `rounding` of the quotient, and never further off than half the summands."""
    rng = np.random.default_rng(1)
    found = run("truncate", shared(np.asarray(xs), rng, parties), bits=bits, parties=parties).value
    t = engine(parties).threshold
    for x, y in zip(xs, found, strict=True):
        assert abs(int(y) * (1 << bits) - x) <= (t + 1) << (bits - 1)
        assert abs(int(y) * (1 << bits) - x) < engine(parties).rounding << bits or int(y) * (1 << bits) > x


@pytest.mark.parametrize("parties", [3, 5])
def test_truncation_is_unbiased(parties):
    """Its error is that of t+1 roundings, none of which prefers a side."""
    x = np.full(3000, 12345)
    found = run("truncate", shared(x, np.random.default_rng(1), parties), bits=8, parties=parties).value
    deviation = np.sqrt((engine(parties).threshold + 1) / 12)
    assert abs(found.mean() - 12345 / 256) < 6 * deviation / np.sqrt(3000) + 2**-7


# ---- matrices, rows, tables
@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2), (5, 1)])
@pytest.mark.parametrize("shape", [(1, 1, 1), (0, 3, 2), (3, 0, 2), (7, 9, 5), (70, 3, 70)])
def test_matrix_products(parties, threshold, shape):
    m, k, n = shape
    rng = np.random.default_rng(1)
    a, b = rng.integers(-(2**26), 2**26, (m, k)), rng.integers(-(2**26), 2**26, (k, n))
    x, y = shared(a, rng, parties, threshold), shared(b, rng, parties, threshold)
    how = {"parties": parties, "threshold": threshold, "first": 2}
    np.testing.assert_array_equal(run("matmul", x, y, **how).value, a @ b)
    off = run("matmul_truncate", x, y, bits=9, **how).value - (a @ b >> 9)
    k = engine(parties, threshold).rounding
    assert ((off > -k) & (off <= k)).all()


@pytest.mark.parametrize("columns", [1, 2, 5])
@pytest.mark.parametrize("parties", [3, 5])
def test_rows_of_zeros(columns, parties):
    x = np.random.default_rng(1).integers(-1, 2, (70, columns)) * (TOP - 1)
    x[::5] = 0
    found = run("rows_zero", shared(x, np.random.default_rng(1), parties), parties=parties).value
    np.testing.assert_array_equal(found, ~x.any(axis=1))


@pytest.mark.parametrize("count", [1, 2, 3, 7, 29])
@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2)])
def test_tables_of_counts(count, parties, threshold):
    rng = np.random.default_rng(count)
    x = rng.integers(0, 2, (count, 65))
    x[:, 0], x[:, 1] = 0, 1
    table = rng.integers(-TOP + 1, TOP, count + 1)
    found = run(
        "table_of_count", shared(x, rng, parties, threshold, width=1), table=table, parties=parties, threshold=threshold
    )
    np.testing.assert_array_equal(found.value, table[x.sum(axis=0)])


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2), (4, 1)])
@pytest.mark.parametrize(("frac", "digits", "bits"), [(20, 48, 0), (6, 40, 10), (3, 30, 0), (29, 48, 20), (1, 20, 0)])
def test_exponentials(parties, threshold, frac, digits, bits):
    high = int(np.floor(np.log(2.0 ** (59 - digits)) * 2**frac))
    low = -(60 << frac)
    x = np.linspace(low, high, 65).astype(np.int64)
    x[-1], x[0] = high, low
    how = {"low": low, "high": high, "frac": frac, "digits": digits, "bits": bits}
    found = run("exponential", shared(x, np.random.default_rng(1), parties, threshold), **how,
                parties=parties, threshold=threshold).value  # fmt: skip
    y = np.exp(x / 2.0**frac) * 2.0**digits
    least = min(24, digits // 2)
    allowed = (2.0**least + 2.0 ** -(least - 1) * y) / 2.0**bits + engine(parties, threshold).rounding
    assert (np.abs(found - y / 2.0**bits) <= allowed).all()


# ---- wide numbers
def test_numbers_that_leave_no_room_for_masks_are_refused():
    """Instead of a wrong result."""
    for parties, widest in ((3, 86), (5, 85), (7, 85), (20, 83)):
        scheme = engine(parties).scheme
        cost(scheme, bytes(16), sign, 0, size=5, width=widest)
        with pytest.raises(RangeError, match="masked"):
            cost(scheme, bytes(16), sign, 0, size=5, width=widest + 1)


@given(bits=st.integers(70, 86), xs=st.lists(st.integers(-(1 << 61), 1 << 61), min_size=1, max_size=5))
def test_signs_of_the_widest_numbers(bits, xs):
    """Keys of a sorting network and places of rows together are such."""
    values = [x << (bits - 63) for x in [*xs, 1 << 61, -(1 << 61)]]
    shares = dealt(engine().scheme, elements_of(values), np.random.default_rng(1))

    async def program(f):
        return await sign(f, shares[f.me], len(values), width=bits)

    results, _ = on_floor(program)
    found = opened(engine().scheme, results, bits=True)[0]
    np.testing.assert_array_equal(joined_words(found, len(values)), [v < 0 for v in values])


def test_inputs_and_openings_of_every_party():
    x = values(70, TOP, 1)
    for parties, threshold in SCHEMES:
        for owner in range(parties):
            how = {"parties": parties, "threshold": threshold, "first": owner}
            done = run("input", owner=owner, values=x, shape=x.shape, **how)
            np.testing.assert_array_equal(done.value, x)
            found = run("open", done.results, to=(owner, 0) if owner else (0,), **how).results
            assert [one is not None for one in found] == [i in (0, owner) for i in range(parties)]
            np.testing.assert_array_equal(found[owner], x)


def test_local_operations_send_nothing_and_keep_the_degree():
    rng = np.random.default_rng(1)
    x, b = shared(np.arange(12).reshape(3, 4), rng, 5), shared(np.arange(12).reshape(3, 4), rng, 5, width=4)
    how = {"parties": 5}
    for primitive, operands, parameters in (
        ("constant", [], {"values": np.arange(5)}),
        ("constant_bits", [], {"values": np.arange(5).astype(np.uint64), "width": 3}),
        ("scale", [x], {"by": np.asarray(-7)}),
        ("add_public", [x], {"values": np.arange(4)}),
        ("sum", [x], {"axis": 1}),
        ("view", [x], {"to": np.transpose, "shape": (4, 3)}),
        ("concatenate", [x, x], {"axis": 1}),
        ("xor", [b, b], {}),
        ("invert", [b], {}),
        ("unpack", [b], {}),
        ("magnitude", [b], {}),
    ):
        done = run(primitive, *operands, **parameters, **how)
        assert not done.network.messages
        combined(done.scheme, done.results)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import RangeError
from mpc.values.fixed import MAX_FRAC, WIDTH, decode, encode, frac_for, magnitude, width_of

INT64 = np.iinfo(np.int64)


@given(
    values=st.lists(st.floats(-1e9, 1e9), max_size=5),
    frac=st.integers(-20, 30),
)
def test_encoding_rounds_to_the_nearest_multiple(values, frac):
    raw = encode(values, frac)
    assert raw.dtype == np.int64
    np.testing.assert_allclose(decode(raw, frac), values, rtol=0, atol=2.0 ** -(frac + 1))


@given(values=st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=4), frac=st.integers(0, 70))
def test_whole_numbers_are_encoded_exactly_or_refused(values, frac):
    fits = all(abs(v) << frac < 1 << 62 for v in values)
    if frac > 62 and not any(values):
        fits = True
    try:
        raw = encode(values, frac)
    except RangeError:
        assert not fits or frac > 62
    else:
        assert fits
        assert [int(r) for r in raw] == [v << frac for v in values]


@pytest.mark.parametrize(
    "values",
    [np.nan, np.inf, -np.inf, 2.0**62, [1.0, np.nan], 1e300, INT64.min, INT64.max, np.uint64(2**63), [2**62, 0]],
)
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(RangeError, match="fraction bits"):
        encode(values, 0)


def test_empty_and_scalar():
    assert encode([], 5).shape == (0,)
    assert encode(np.zeros((0, 3), np.int64), 5).shape == (0, 3)
    assert encode(1.5, 1).shape == ()
    assert encode(True, 3) == 8
    assert encode(np.uint8(255), 0) == 255
    assert encode(12345, -3) == 1543


def test_edges_of_the_range_fit():
    assert encode([2**62 - 1, -(2**62) + 1], 0).tolist() == [2**62 - 1, -(2**62) + 1]
    assert encode(2.0**62 - 512, 0) == 2**62 - 512


@given(limit=st.floats(1e-30, 1e30), width=st.integers(2, 60))
def test_a_scale_for_a_limit_leaves_its_width(limit, width):
    frac = frac_for(limit, width)
    assert frac <= MAX_FRAC
    raw = limit * 2.0**frac
    assert raw < 2.0 ** (width - 1) or raw == 2.0 ** (width - 1)
    if frac < MAX_FRAC:
        assert raw >= 2.0 ** (width - 2)


def test_rule_of_twenty_nine_bits():
    assert WIDTH == 29
    assert frac_for(0.75) == 28
    assert frac_for(2**10 - 1) == 18
    assert frac_for(0) == frac_for(-1) == MAX_FRAC
    assert frac_for(1e-30) == MAX_FRAC
    assert frac_for(2.0**40 - 1) == -12


@given(st.integers(0, 2**70))
def test_widths(bound):
    width = width_of(bound)
    assert bound < 1 << width
    assert width == 0 or bound >= 1 << (width - 1)


def test_magnitude_is_exact_also_of_the_lowest_integer():
    assert magnitude(np.asarray([3, -7])) == 7
    assert magnitude(np.asarray([], np.int64)) == 0
    assert magnitude(np.asarray(-5)) == 5
    assert magnitude(np.asarray([INT64.min, 1])) == 2**63


@given(raw=st.integers(-(2**62), 2**62), frac=st.integers(-60, 60))
def test_decoding(raw, frac):
    assert decode(np.asarray(raw), frac) == float(raw) * 2.0**-frac

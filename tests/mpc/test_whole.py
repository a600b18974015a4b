"""Whole numbers of rows: exact to 2^61 in expressions, sums and shares, or refused; never rounded."""

from __future__ import annotations

import operator

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc import Flag, Integer, PrivateArray, Real, Scenario, Table
from mpc.errors import ConfigError, DataError, RangeError, ShapeError
from mpc.tables.aggregates import exact_sum
from mpc.tables.moments import shifted
from mpc.tables.private import unit_exponent
from mpc.tables.rows import MISSING, as_real
from protocols import statistics
from protocols.mock import mock_run
from protocols.simulate import Computation, dry_run, simulate

LARGEST = 2**61
ODD = 2**53 + 1  # the first whole number that float64 does not hold
NAMES = ("a", "b", "c")


class People(Table):
    id = Integer(-LARGEST, LARGEST, missing="-9")
    other = Integer(-LARGEST, LARGEST)
    small = Integer(-1000, 1000)
    real = Real(-1000, 1000)
    flag = Flag()


def run(values, tables, *, engine="ideal", schema=People, minimum=1):
    """What `values(table)` releases on these rows, one table an organization."""
    scenario = Scenario(inputs={"people": schema.rows(at_most=2**10)})

    @scenario.run
    async def script(study):
        for name, value in values(study.table("people")).items():
            study.release(name, value, minimum=minimum)

    return simulate(scenario, {n: {"people": t} for n, t in zip(NAMES, tables, strict=True)}, engine=engine).releases


def planned(script, schema=People):
    scenario = Scenario(inputs={"people": schema.rows()})

    @scenario.run
    async def body(study):
        script(study.table("people"))

    return dry_run(Computation(scenario, NAMES, engine="ideal"))


def table(ids, others=None, rows=None):
    n = len(ids)
    flags = [1, 0] * (n // 2) + [1] * (n % 2)
    return {"id": ids, "other": others or [0] * n, "small": rows or [1] * n, "real": [0.5] * n, "flag": flags}


WHOLE = st.one_of(
    st.integers(-LARGEST, LARGEST), st.integers(ODD - 2, ODD + 2), st.sampled_from([LARGEST, -LARGEST, 0, None])
)
COMPARE = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}


@settings(max_examples=25, deadline=None)
@given(
    rows=st.lists(st.tuples(WHOLE, WHOLE), min_size=1, max_size=8),
    limit=st.one_of(WHOLE.filter(lambda v: v is not None), st.floats(-1e19, 1e19), st.integers(-(10**30), 10**30)),
)
def test_comparisons_are_those_of_whole_numbers(rows, limit):
    ids, others = ([pair[k] for pair in rows] for k in (0, 1))
    tables = [table(ids, others)] * 3

    def values(p):
        found = {f"other {s}": p[compare(p.id, p.other)].count() for s, compare in COMPARE.items()}
        found |= {f"limit {s}": p[compare(p.id, limit)].count() for s, compare in COMPARE.items()}
        return found | {"missing": p.id.missing(), "known": p.id.count(), "na": p[p.id.isna()].count()}

    got = {name: 0 if value == "suppressed (fewer than 1)" else value for name, value in run(values, tables).items()}

    def count(test, *sides):
        return 3 * sum(all(s is not None for s in row) and test(*row) for row in zip(*sides, strict=True))

    ids = [None if v == -9 else v for v in ids]
    for symbol, compare in COMPARE.items():
        assert got[f"other {symbol}"] == count(compare, ids, others)
        assert got[f"limit {symbol}"] == count(lambda v, compare=compare: compare(v, limit), ids)
    assert got["missing"] == got["na"] == 3 * ids.count(None)
    assert got["known"] == 3 * (len(ids) - ids.count(None))


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_sums_and_shares_are_exact(engine):
    class Ids(Table):
        id = Integer(0, 2**49)

    ids = [2**49 - 1, 2**48 + 1, None]
    found = {}

    def values(p):
        found["shares"] = p.id.share(rows=3)
        return {"sum": p.id.sum(), "odd": p[p.id == 2**48 + 1].count()}

    got = run(values, [{"id": ids}, {"id": [1, None, 7]}, {"id": [2**49, 3, 4]}], schema=Ids, engine=engine)
    assert got["sum"] == sum(v for v in [*ids, 1, 7, 2**49, 3, 4] if v)
    assert got["odd"] == 1
    assert found["shares"].type == "int"
    assert found["shares"].frac == 0


@pytest.mark.parametrize("engine", ["ideal", "replicated", "shamir"])
def test_neighbours_beyond_what_a_float_holds_are_told_apart_in_secret(engine):
    class Ids(Table):
        id = Integer(-LARGEST + 1, LARGEST - 1)

    ids = [ODD - 1, ODD, ODD + 1, LARGEST - 1, -LARGEST + 1]

    def values(p):
        shares = p.id.share(rows=5)
        first, second, third = shares[:5], shares[5:10], shares[10:]
        return {
            "equal": (first == second).sum(),
            "below": (first < second).sum(),
            "one": (first == ODD).sum(),
            "beyond": (third > LARGEST - 3).sum(),
        }

    tables = [{"id": ids}, {"id": [ODD, ODD, ODD, LARGEST - 2, -LARGEST + 1]}, {"id": ids}]
    got = run(values, tables, schema=Ids, engine=engine)
    assert got == {"equal": 2, "below": 1, "one": 1, "beyond": 1}


def test_arithmetic_is_exact_within_its_range():
    ids = [ODD, -ODD, LARGEST - 1, None]

    def values(p):
        return {
            "plus": p[(p.small + p.id.clip(0, 2**60)) == ODD + 1].count(),
            "minus": p[p.id.clip(-ODD, ODD) - 1 == ODD - 1].count(),
            "negative": p[-p.id == ODD].count(),
            "absolute": p[abs(p.id) == ODD].count(),
            "flagged": p[p.id.clip(0, 2**55) * p.flag == 2**55].count(),
            "product": p[p.small * p.small == 1].count(),
            "ratio": (p.small / (p.small + 2000)).mean(),
            "half": (p.small + 0.5).mean(),
            "clipped": p[p.id.clip(ODD, np.inf) == ODD].count(),
            "binned": p[p.id.cut([-LARGEST, ODD - 1, ODD, LARGEST], ["low", "mid", "high"]) == "high"].count(),
        }

    got = run(values, [table(ids)] * 3)
    assert {name: got[name] for name in got if name not in ("ratio", "half")} == {
        "plus": 3, "minus": 6, "negative": 3, "absolute": 6, "flagged": 3, "product": 12, "clipped": 6, "binned": 6,
    }  # fmt: skip
    assert got["half"] == pytest.approx(1.5)
    assert got["ratio"] == pytest.approx(1 / 2001, rel=1e-4)


def test_statistics_of_whole_numbers_far_from_zero():
    class Far(Table):
        id = Integer(2**60, 2**60 + 1000)

    ids = [2**60 + v for v in (1, 2, 4, 9, 501)]

    def values(p):
        return {"sd": p.id.std(), "var": p.id.var(), "sum": (p.id - 2**60).sum(), "mean": (p.id - 2**60).mean()}

    got = run(values, [{"id": ids}] * 3, schema=Far)
    expected = np.asarray([1, 2, 4, 9, 501] * 3, float)
    assert got["sum"] == expected.sum()
    assert got["mean"] == pytest.approx(expected.mean(), rel=1e-6)
    assert got["sd"] == pytest.approx(expected.std(ddof=1), rel=1e-5)


def test_histograms_groups_and_tables_of_statistics():
    got = run(
        lambda p: {
            "histogram": p.small.histogram([-1000, 0, 1, 1000]),
            "mean": p.small.mean(),
            "correlation": p[["small", "real"]].corr(),
            "test": statistics.ttest_ind(p.small[p.flag], p.small[~p.flag]),
        },
        [table([1] * 6, rows=[-5, 0, 1, 2, 1000, 3]), table([1] * 6, rows=[7] * 6), table([1] * 6, rows=[0] * 6)],
    )
    assert got["histogram"]["counts"] == [1, 7, 10]
    assert got["mean"] == pytest.approx((1001 + 42) / 18, rel=1e-6)


@pytest.mark.parametrize(
    ("build", "error", "words"),
    [
        (lambda p: p.id * p.id, RangeError, r"exact within ± 2\^61"),
        (lambda p: p.id + p.id, RangeError, r"exact within ± 2\^61"),
        (lambda p: p.id + 10**30, RangeError, r"exact within ± 2\^61"),
        (lambda p: p.id + 0.5, RangeError, r"would be rounded"),
        (lambda p: p.id / 10, RangeError, r"would be rounded.*clip"),
        (lambda p: p.id * p.real, RangeError, r"would be rounded"),
        (lambda p: p.id == p.real, RangeError, r"would be rounded"),
        (lambda p: abs(p.id).sqrt(), RangeError, r"would be rounded"),
        (lambda p: p.id.clip(0.5, 7), RangeError, r"would be rounded"),
        (lambda p: p.id == float("nan"), RangeError, "nan"),
        (lambda p: p.group_by("id"), ShapeError, "is a number; `cut` makes a category"),
        (lambda p: p.id == "x", ShapeError, "only a category"),
    ],
)
def test_what_would_round_is_refused_at_its_line(build, error, words):
    with pytest.raises(error, match=words):
        planned(build)


def test_what_float64_holds_meets_real_numbers():
    planned(lambda p: (p.small * p.real, p.small / 3, p.small == p.real, p.small.clip(0.5, 7), (p.small / 99).exp()))


@pytest.mark.parametrize(
    "declare",
    [
        lambda: Integer(0, LARGEST + 1),
        lambda: Integer(-LARGEST - 1, 0),
        lambda: Integer(0, 0.5),
        lambda: Integer(5, 5),
        lambda: Integer(0, float("inf")),
        lambda: Integer(float("nan"), 3),
    ],
)
def test_wrong_declarations(declare):
    with pytest.raises(ConfigError):
        declare()


def test_a_study_may_widen_and_describes_exactly():
    wider = People.schema.with_ranges({"small": (-ODD, ODD)})
    assert (wider["small"].low, wider["small"].high) == (-ODD, ODD)
    assert {key: wider["small"].describe()[key] for key in ("low", "high")} == {"low": f"{-ODD}", "high": f"{ODD}"}
    with pytest.raises(ConfigError, match="whole numbers"):
        People.schema.with_ranges({"small": (0.5, 3)})


def test_rows_of_pandas_keep_every_digit():
    ids = pd.array([ODD, None, -9], "Int64")
    frame = pd.DataFrame({"id": ids, "other": [ODD] * 3, "small": [1, 2, 3], "real": 0.0, "flag": True})
    got = run(lambda p: {"same": p[p.id == p.other].count(), "known": p.id.count()}, [frame] * 3)
    assert got == {"same": 3, "known": 3}
    with pytest.raises(DataError, match="id: 1 of 3 values are not exact whole numbers"):
        run(lambda p: {"n": p.count()}, [frame.assign(id=[float(ODD + 1), 1.0, 2.0])] * 3)


def test_mock_rows_are_whole():
    scenario = Scenario(inputs={"people": People.rows()})

    @scenario.run
    async def script(study):
        people = study.table("people")
        study.release("mean", people.small.mean())
        study.release("odd", people.id.count())

    shown = mock_run(Computation(scenario, NAMES), rows=100)
    assert -200 < shown.releases["mean"] < 200
    assert shown.releases["odd"] == 300


@pytest.mark.parametrize("low", [-LARGEST, 0, 2**60, 2**60 + 101, ODD])
@pytest.mark.parametrize("width", [1, 2, 3, 7, 11, 1000, 2**40, 2**59 - 1])
def test_units_hold_every_value(low, width):
    class Narrow(Table):
        v = Integer(low, low + width)

    def script(p):
        centre, exponent = unit_exponent(p.v)
        assert max(low + width - int(centre), int(centre) - low) <= 2**exponent

    planned(script, Narrow)


@given(st.lists(st.integers(-LARGEST, LARGEST), max_size=50), st.sampled_from([0.0, 2.0**60, -(2.0**53)]))
def test_local_sums_and_differences(values, centre):
    array = np.asarray(values, np.int64)
    assert exact_sum(array) == sum(values)
    exact = [float(v - int(centre)) for v in values]
    np.testing.assert_array_equal(shifted(np.append(array, MISSING), centre), [*exact, np.nan])
    np.testing.assert_array_equal(as_real(np.asarray([MISSING, 7])), [np.nan, 7.0])


def test_an_integer_column_is_a_private_array():
    def script(p):
        assert isinstance(p.id, PrivateArray)
        assert repr(p.id) == "<private id, one integer a row>"

    planned(script)

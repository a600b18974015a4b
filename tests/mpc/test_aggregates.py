"""Batches merged give what numpy gives on all rows at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpc.errors import RangeError
from mpc.tables import expressions
from mpc.tables.aggregates import Count, Crosstab, Sum
from mpc.tables.bins import binned
from mpc.tables.expressions import Expression
from mpc.tables.moments import CrossMoments, Moments
from mpc.tables.rows import BATCH_ROWS, ArrayRows


def column(name, low=-1e6, high=1e6, kind="real", levels=()):
    return Expression(type=kind, low=low, high=high, column=name, levels=levels)


X, Y, FLAG = column("x"), column("y"), column("flag", 0, 1, "flag")
KIND = column("kind", 0, 2, "category", ("a", "b", "c"))


def run(aggregate, batches):
    """As the local pass does: batch after batch, missing values NaN, no warnings."""
    with np.errstate(all="ignore"):
        for batch in batches:
            memo = {}
            rows = len(next(iter(batch.values())))
            aggregate.update(lambda e, batch=batch, memo=memo: e.evaluate(batch, memo), rows)
    return aggregate.result()


@st.composite
def tables(draw):
    """Batches of rows with missing values, some of them empty."""
    sizes = draw(st.lists(st.integers(0, 6), max_size=5))
    numbers = st.one_of(st.floats(-1000, 1000), st.just(np.nan))
    batches = []
    for n in sizes:
        batches.append(
            {
                "x": draw(hnp.arrays(np.float64, n, elements=numbers)),
                "y": draw(hnp.arrays(np.float64, n, elements=numbers)),
                "flag": draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, np.nan]))),
                "kind": draw(hnp.arrays(np.float64, n, elements=st.sampled_from([0.0, 1.0, 2.0, np.nan]))),
            }
        )
    return batches


def together(batches, name):
    return np.concatenate([b[name] for b in batches]) if batches else np.zeros(0)


ONES = np.ones(2)
ZEROS = np.zeros(2)


@given(batches=tables(), chosen=st.booleans())
def test_counts_and_sums(batches, chosen):
    x, y, flag = (together(batches, n) for n in ("x", "y", "flag"))
    keep = flag == 1 if chosen else np.full(len(x), True)
    where = FLAG if chosen else None
    got = run(Count([X, Y], where), batches)
    assert got["count"] == keep.sum()
    assert got["missing"].tolist() == [np.isnan(x[keep]).sum(), np.isnan(y[keep]).sum()]
    got = run(Sum([X, expressions.arithmetic("*", X, Y)], where), batches)
    np.testing.assert_allclose(got["sum"], [np.nansum(x[keep]), np.nansum((x * y)[keep])], rtol=1e-9, atol=1e-6)
    assert got["count"].tolist() == [(~np.isnan(x[keep])).sum(), (~np.isnan((x * y)[keep])).sum()]


@given(batches=tables(), chosen=st.booleans(), centre=st.floats(-100, 100), unit=st.sampled_from([0.25, 1.0, 1024.0]))
def test_moments_of_columns(batches, chosen, centre, unit):
    flag = together(batches, "flag")
    wheres = [FLAG if chosen else None, None]
    got = run(Moments([X, Y], np.full(2, centre), np.full(2, unit), wheres), batches)
    for k, name in enumerate("xy"):
        u = (together(batches, name) - centre) / unit
        keep = ~np.isnan(u) & ((flag == 1) if chosen and k == 0 else True)
        u = u[keep]
        assert got["n"][k] == len(u)
        mean = u.mean() if len(u) else 0.0
        scale = max(1.0, np.abs(u).max(initial=0))
        assert got["mean"][k] == pytest.approx(mean, abs=1e-12 * scale)
        assert got["sum"][k] == pytest.approx(u.sum(), abs=1e-10 * scale)
        assert got["squares"][k] == pytest.approx(((u - mean) ** 2).sum(), abs=1e-10 * scale**2)


@given(batches=tables(), chosen=st.booleans())
def test_cross_moments_use_complete_rows(batches, chosen):
    block = np.stack([together(batches, "x"), together(batches, "y")])
    keep = ~np.isnan(block).any(axis=0)
    if chosen:
        keep &= together(batches, "flag") == 1
    u = block[:, keep]
    got = run(CrossMoments([X, Y], ZEROS, ONES, FLAG if chosen else None), batches)
    assert got["n"] == u.shape[1]
    mean = u.mean(axis=1) if u.shape[1] else np.zeros(2)
    centred = u - mean[:, None]
    scale = max(1.0, np.abs(u).max(initial=0))
    np.testing.assert_allclose(got["mean"], mean, rtol=0, atol=1e-12 * scale)
    np.testing.assert_allclose(got["products"], centred @ centred.T, rtol=0, atol=1e-10 * scale**2)
    np.testing.assert_array_equal(got["products"], got["products"].T)


@given(batches=tables(), chosen=st.booleans())
def test_crosstabs(batches, chosen):
    kind, flag = together(batches, "kind"), together(batches, "flag")
    x = together(batches, "x")
    where = expressions.comparison(">", X, expressions.public(0)) if chosen else None
    got = run(Crosstab([KIND, FLAG], [3, 2], where), batches)["counts"]
    for i in range(3):
        for j in range(2):
            assert got[i, j] == ((kind == i) & (flag == j) & ((x > 0) if chosen else True)).sum()
    assert run(Crosstab([KIND], [3]), batches)["counts"].tolist() == [(kind == i).sum() for i in range(3)]


@pytest.mark.parametrize("batches", [1, 7])
@pytest.mark.parametrize("offset", [1e9, -3e12, 0.0])
def test_small_spreads_on_large_values(batches, offset):
    """A sum of squares about a fixed point would lose all digits here."""
    rng = np.random.default_rng(1)
    x = offset + rng.standard_normal(10_000)
    parts = [{"x": p, "y": 2 * p} for p in np.array_split(x, batches)]
    exact = (x - offset).astype(np.longdouble)  # the difference is exact
    squares = float(((exact - exact.mean()) ** 2).sum())
    got = run(Moments([X], np.full(1, offset), np.ones(1), [None]), parts)
    assert got["squares"][0] == pytest.approx(squares, rel=1e-9)
    assert got["mean"][0] == pytest.approx(float(exact.mean()), abs=1e-9)
    got = run(Moments([X], np.zeros(1), np.ones(1), [None]), parts)  # the centre need not be near
    assert got["squares"][0] == pytest.approx(squares, rel=1e-6 if offset else 1e-12)
    products = run(CrossMoments([X, Y], np.asarray([offset, 2 * offset]), ONES), parts)["products"]
    np.testing.assert_allclose(products, squares * np.asarray([[1, 2], [2, 4]]), rtol=1e-9)


def test_single_rows_and_constants():
    got = run(Moments([X], ZEROS[:1], ONES[:1], [None]), [{"x": np.asarray([5.0])}] * 4)
    assert (got["n"][0], got["mean"][0], got["squares"][0]) == (4, 5, 0)
    got = run(Moments([X, Y], ZEROS, ONES, [None, None]), [])
    assert not any(v.any() for v in got.values())
    got = run(Sum([expressions.public(2.5)]), [{"": np.zeros(3)}, {"": np.zeros(0)}, {"": np.zeros(1)}])
    assert (got["sum"][0], got["count"][0]) == (10.0, 4)
    got = run(CrossMoments([X, expressions.public(2)], ZEROS, ONES), [{"x": np.asarray([1.0, 3.0])}])
    np.testing.assert_array_equal(got["products"], [[2, 0], [0, 0]])


# ---- rows
def test_rows_come_in_batches():
    n = BATCH_ROWS + 5
    rows = ArrayRows({"x": np.arange(n, dtype=np.float64), "y": np.zeros(n)})
    assert [len(b["x"]) for b in rows.batches(["x"])] == [BATCH_ROWS, 5]
    assert [set(b) for b in rows.batches(["x"])] == [{"x"}, {"x"}]
    assert [len(b[""]) for b in rows.batches([])] == [BATCH_ROWS, 5]
    assert run(Count(), rows.batches([]))["count"] == n
    assert list(ArrayRows({}).batches([])) == []
    assert list(ArrayRows({"x": np.zeros(0)}).batches(["x"])) == []


# ---- expressions: values against numpy, and ranges that hold
NUMBERS = st.floats(-50, 50)


@st.composite
def expression(draw, depth=3):
    """A random expression of x and y (both in [-50, 50]) and the same function on numpy arrays."""
    if depth == 0:
        which = draw(st.integers(0, 2))
        if which == 0:
            return column("x", -50, 50), lambda x, y: x
        if which == 1:
            return column("y", -50, 50), lambda x, y: y
        value = draw(NUMBERS)
        return expressions.public(value), lambda x, y: np.full_like(x, value)
    a, fa = draw(expression(depth=depth - 1))
    what = draw(st.sampled_from(["+", "-", "*", "/", "negative", "absolute", "clip", "sqrt", "exp", "log", "<", ">="]))
    if what in ("+", "-", "*", "/", "<", ">="):
        b, fb = draw(expression(depth=depth - 1))
        function = {
            "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "<": np.less, ">=": np.greater_equal
        }[what]  # fmt: skip

        def both(x, y):
            left, right = fa(x, y), fb(x, y)
            missing = np.isnan(left) | np.isnan(right)
            return np.where(missing, np.nan, function(left, right))

        make = expressions.comparison if what in ("<", ">=") else expressions.arithmetic
        try:
            return make(what, a, b), both
        except RangeError:
            return a, fa
    if what == "clip":
        return expressions.clipped(a, -3, 7), lambda x, y: np.clip(fa(x, y), -3, 7)
    try:
        return expressions.unary(what, a), lambda x, y: getattr(np, what)(fa(x, y))
    except RangeError:
        return a, fa


@given(made=expression(), data=st.data())
def test_expressions_and_their_ranges(made, data):
    e, function = made
    elements = st.one_of(NUMBERS, st.sampled_from([-50.0, 50.0, 0.0, np.nan]))
    x, y = (data.draw(hnp.arrays(np.float64, 4, elements=elements)) for _ in range(2))
    with np.errstate(all="ignore"):
        got = np.broadcast_to(e.evaluate({"x": x, "y": y}, {}), 4)
        expected = function(x, y)
    np.testing.assert_array_equal(got, expected)
    values = got[~np.isnan(got)]
    slack = 1e-12 * max(abs(e.low), abs(e.high), 1e-300)
    assert np.all((values >= e.low - slack) & (values <= e.high + slack))


@pytest.mark.parametrize(
    "make",
    [
        lambda: expressions.arithmetic("/", X, Y),
        lambda: expressions.unary("log", X),
        lambda: expressions.unary("sqrt", X),
        lambda: expressions.unary("exp", X),
        lambda: expressions.arithmetic("*", column("x", 0, 1e200), column("y", 0, 1e200)),
        lambda: expressions.public(float("nan")),
        lambda: expressions.public(float("inf")),
        lambda: expressions.clipped(X, 5, 1),
        lambda: expressions.clipped(X, float("nan"), 1),
    ],
)
def test_ranges_that_cannot_be(make):
    with pytest.raises(RangeError):
        make()


@given(x=hnp.arrays(np.float64, 8, elements=st.one_of(st.floats(-2, 12), st.sampled_from([0, 1, 4, 10, np.nan]))))
def test_bins_are_those_of_numpy(x):
    edges = [0.0, 1.0, 4.0, 10.0]
    bins = binned(column("x"), tuple(edges), ("a", "b", "c"))
    counts = run(Crosstab([bins], [3]), [{"x": x}])["counts"]
    np.testing.assert_array_equal(counts, np.histogram(x[~np.isnan(x)], edges)[0])


def test_logic_of_flags():
    values = np.asarray([0.0, 1.0, np.nan])
    a, b = np.repeat(values, 3), np.tile(values, 3)
    batch = {"a": a, "b": b}
    left, right = column("a", 0, 1, "flag"), column("b", 0, 1, "flag")
    missing = np.isnan(a) | np.isnan(b)
    for symbol, function in [("&", np.logical_and), ("|", np.logical_or), ("^", np.logical_xor)]:
        got = expressions.logical(symbol, left, right).evaluate(batch, {})
        np.testing.assert_array_equal(got, np.where(missing, np.nan, function(a, b)))
    np.testing.assert_array_equal(expressions.unary("not", left).evaluate(batch, {}), 1 - a)
    np.testing.assert_array_equal(expressions.unary("isna", left).evaluate(batch, {}), np.isnan(a))


def test_common_parts_are_evaluated_once():
    calls = []

    def count(x):
        calls.append(1)
        return x

    part = Expression(type="real", low=0, high=1, function=count, arguments=(X,))
    both = expressions.arithmetic("*", part, expressions.arithmetic("+", part, part))
    both.evaluate({"x": np.ones(2)}, {})
    assert len(calls) == 1
    assert both.columns() == {"x"}
    assert expressions.public(1).columns() == set()


# ---- as many levels as codes have
def level_parts(levels, rest=None, category=KIND):
    return [
        expressions.both(rest, expressions.comparison("==", category, expressions.public(float(level))))
        for level in levels
    ]


@given(batches=tables(), filtered=st.booleans(), levels=st.permutations([0, 1, 2]), asked=st.integers(2, 3))
def test_columns_by_the_levels_of_a_category(batches, filtered, levels, asked):
    rest = FLAG if filtered else None
    wheres = [*level_parts(levels[:asked], rest), None, *level_parts([0], rest)]
    columns = [X] * asked + [Y, Y]
    ones = np.ones(len(columns))
    fast = Moments(columns, 3 * ones, 7 * ones, wheres)
    assert [len(levels.columns) for levels in fast.by_level] == [asked]
    assert fast.single == [asked, asked + 1]
    got = run(fast, batches)
    for k, (one, where) in enumerate(zip(columns, wheres, strict=True)):
        alone = run(Moments([one], 3 * ones, 7 * ones, [where]), batches)
        for name in ("n", "mean", "sum", "squares"):
            assert got[name][k] == pytest.approx(alone[name][0], rel=1e-12, abs=1e-9)


def test_many_levels_are_one_pass_over_the_rows():
    rng, k, n = np.random.default_rng(3), 2000, 100_000
    category = column("kind", 0, k - 1, "category", tuple(map(str, range(k))))
    passes = []
    batch = {"x": rng.uniform(-1e6, 1e6, n), "kind": rng.integers(0, k, n).astype(float)}

    def evaluate(expression):
        passes.append(expression)
        return batch[expression.column]

    moments = Moments([X] * k, np.zeros(k), np.ones(k), level_parts(range(k), None, category))
    moments.update(evaluate, n)
    assert len(passes) == 2  # the column and the category, and no condition
    got = moments.result()
    kept = batch["x"][batch["kind"] == 7]
    assert got["n"][7] == len(kept)
    assert got["mean"][7] == pytest.approx(kept.mean(), rel=1e-12)
    assert got["squares"][7] == pytest.approx(((kept - kept.mean()) ** 2).sum(), rel=1e-10)

"""Private columns: what owners compute on their own rows, and what the errors teach."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import (
    ComityError,
    ConfigError,
    DataError,
    LocalProtocolError,
    RangeError,
    ShapeError,
    ShareNeeded,
    UnknownLength,
)
from mpc.tables.private import unit_exponent
from mpc.tables.schema import CategoryColumn
from protocols.simulate import Computation, dry_run, simulate


class Patients(Table):
    x = Real(-10, 10, unit="mm")
    y = Real(0.5, 20)
    flag = Flag()
    kind = Category("none", "surgery", "drug")
    other = Category("none", "surgery", "drug")
    level = Category("low", "high")


class Visits(Table):
    cost = Real(0, 1000)


NAMES = ["county", "north", "st-mary"]


def table(rng, n, missing=0.1):
    def gaps(values):
        values = np.asarray(values, np.float64)
        values[rng.random(n) < missing] = np.nan
        return values

    return {
        "x": gaps(rng.uniform(-10, 10, n)),
        "y": gaps(rng.uniform(0.5, 20, n)),
        "flag": gaps(rng.integers(0, 2, n)),
        "kind": gaps(rng.integers(0, 3, n)),
        "other": gaps(rng.integers(0, 3, n)),
        "level": gaps(rng.integers(0, 2, n)),
    }


def named(table):
    """Categories by the names of their levels, as files hold them."""
    levels = {c.name: c.levels for c in Patients.schema.columns if isinstance(c, CategoryColumn)}
    return {
        name: [v if isinstance(v, str) or v is None else None if np.isnan(v) else levels[name][int(v)] for v in values]
        if name in levels
        else values
        for name, values in table.items()
    }


def release(values, tables, *, minimum=1, engine="ideal"):
    """What `values(patients)` (a dict of secrets) gives on these tables, one an organization."""
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=2**20)})

    @scenario.run
    async def run(study):
        for name, value in values(study.table("patients")).items():
            study.release(name, value, minimum=minimum)

    brought = {n: {"patients": named(t)} for n, t in zip(NAMES, tables, strict=False)}
    return simulate(scenario, brought, engine=engine).releases


def scripted(script, **inputs):
    """A dry run of a script."""
    scenario = Scenario(inputs={"patients": Patients.rows(), "visits": Visits.rows()} | inputs)

    @scenario.run
    async def run(study):
        script(study.table("patients"), study.table("visits"))

    return dry_run(Computation(scenario, NAMES, engine="ideal"))


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(0, 30), min_size=3, max_size=3))
def test_reductions_are_those_of_all_rows_together(seed, sizes):
    rng = np.random.default_rng(seed)
    tables = [table(rng, n) for n in sizes]
    t = {name: np.concatenate([one[name] for one in tables]) for name in tables[0]}
    x, y = t["x"], t["y"]

    def values(p):
        sick = p[p.flag]
        return {
            "rows": p.count(),
            "x": p.x.count(),
            "missing": p.x.missing(),
            "sum": p.x.sum(),
            "mean": p.x.mean(),
            "sd": p.x.std(),
            "sum sick": sick.x.sum(),
            "count sick": sick.count(),
            "count kind": p[(p.kind == "drug") & (p.x > 0)].count(),
            "not": p[~p.flag].x.count(),
            "ratio": (p.x / p.y + 1).mean(),
            "large": p.x[p.y >= 10].sum(),
            "same": p[p.kind == p.other].count(),
        }

    got = release(values, tables)

    def check(name, expected, tolerance=1e-5):
        if expected is None or np.isnan(expected):
            assert isinstance(got[name], str)
            assert got[name].startswith("undefined")
        else:
            assert got[name] == pytest.approx(expected, rel=tolerance, abs=tolerance)

    sick = t["flag"] == 1
    check("rows", len(x), 0)
    check("x", (~np.isnan(x)).sum(), 0)
    check("missing", np.isnan(x).sum(), 0)
    check("sum", np.nansum(x))
    valid = x[~np.isnan(x)]
    check("mean", valid.mean() if len(valid) else None)
    check("sd", valid.std(ddof=1) if len(valid) > 1 else None)
    check("sum sick", np.nansum(x[sick]))
    check("count sick", sick.sum(), 0)
    check("count kind", ((t["kind"] == 2) & (x > 0)).sum(), 0)
    check("not", ((t["flag"] == 0) & ~np.isnan(x)).sum(), 0)
    ratio = (x / y + 1)[~np.isnan(x / y)]
    check("ratio", ratio.mean() if len(ratio) else None)
    check("large", np.nansum(x[y >= 10]))
    check("same", (t["kind"] == t["other"]).sum(), 0)


def test_one_owner_without_rows_and_one_with_a_single_row():
    tables = [table(np.random.default_rng(1), n, 0) for n in (0, 1, 2)]
    x = np.concatenate([t["x"] for t in tables])
    got = release(lambda p: {"mean": p.x.mean(), "sd": p.x.std(), "sum": p.x.sum()}, tables)
    assert got["mean"] == pytest.approx(x.mean(), abs=1e-6)
    assert got["sd"] == pytest.approx(x.std(ddof=1), abs=1e-6)
    assert got["sum"] == pytest.approx(x.sum())
    got = release(lambda p: {"mean": p.x.mean(), "rows": p.count()}, [table(np.random.default_rng(1), 0)] * 3)
    assert got == {"mean": "undefined: no rows", "rows": 0}


def test_row_wise_results_know_their_range_type_and_name():
    def script(p, v):
        cases = [
            (p.x + p.y, -9.5, 30, "(x + y)"),
            (2 - p.x, -8, 12, "(2 - x)"),
            (p.x * p.x, -100, 100, "(x * x)"),
            (p.x / p.y, -20, 20, "(x / y)"),
            (1 / p.y, 0.05, 2, "(1 / y)"),
            (-p.y, -20, -0.5, "-y"),
            (abs(p.x), 0, 10, "|x|"),
            (p.y.log(), np.log(0.5), np.log(20), "log y"),
            (p.y.sqrt(), 0.5**0.5, 20**0.5, "sqrt y"),
            (p.x.exp(), np.exp(-10), np.exp(10), "exp x"),
            (p.x.clip(0, 5), 0, 5, "x"),
            (p.flag + p.flag, 0, 2, "(flag + flag)"),
        ]
        for column, low, high, name in cases:
            assert (column.expression.low, column.expression.high) == pytest.approx((low, high))
            assert column.name == name
            assert column.expression.type == "real"
        for column in (p.x < 1, p.x == p.y, p.kind == "drug", p.kind != p.other, p.x.isna(), ~p.flag, p.flag ^ p.flag):
            assert column.expression.type == "flag"
        cut = p.x.cut([-10, 0, 10], ["below", "above"])
        assert cut.expression.levels == ("below", "above")
        assert p.x.cut([-10, 0, 2.5]).expression.levels == ("-10 to 0", "0 to 2.5")
        assert p.x.unit == "mm"
        assert (p.x + 1).unit == ""
        assert "private" in repr(p.x)
        assert [c.name for c in p[["y", "x"]]] == ["y", "x"]

    scripted(script)


@pytest.mark.parametrize(
    ("wrong", "error", "teaches"),
    [
        (lambda p, v: len(p), UnknownLength, r"count\(\)"),
        (lambda p, v: len(p.x), UnknownLength, r"count\(\)"),
        (lambda p, v: p.x.shape, UnknownLength, r"count\(\)"),
        (lambda p, v: bool(p), UnknownLength, r"count\(\)"),
        (lambda p, v: p.x.shape[0], UnknownLength, r"count\(\)"),
        (lambda p, v: p.x + p.x.mean(), ShareNeeded, r"share\(\)"),
        (lambda p, v: p.x.mean() - p.x, ComityError, r"share\(\)"),
        (lambda p, v: p.x < p.x.mean(), ShareNeeded, "8 bytes a row"),
        (lambda p, v: p.x + v.cost, ShapeError, "different tables; join"),
        (lambda p, v: p.x[v.cost > 1], ShapeError, "different tables"),
        (lambda p, v: p.filter(v.cost > 1), ShapeError, "same table"),
        (lambda p, v: p[v.cost > 1], ShapeError, "same table"),
        (lambda p, v: p.x[p.y], ShapeError, "flag of the same table"),
        (lambda p, v: p.x[0], ShapeError, "flag of the same table"),
        (lambda p, v: list(p.x), ShapeError, "row-wise"),
        (lambda p, v: 5 if p.x > 3 else 4, LocalProtocolError, r"table\[condition\]"),
        (lambda p, v: p.kind == "Drug", ConfigError, "none, surgery, drug"),
        (lambda p, v: p.x == "drug", ShapeError, "only a category"),
        (lambda p, v: p.kind == 1, ShapeError, "by name"),
        (lambda p, v: p.kind == p.level, ShapeError, "same levels"),
        (lambda p, v: p.kind + 1, ShapeError, "count it"),
        (lambda p, v: p.x * p.kind, ShapeError, "levels|count it"),
        (lambda p, v: p.kind.sum(), ShapeError, "count it"),
        (lambda p, v: p.kind.mean(), ShapeError, "count it"),
        (lambda p, v: p.x + np.zeros(3), ShapeError, "a number or another column"),
        (lambda p, v: p.x & p.flag, ShapeError, "flags"),
        (lambda p, v: p.flag & True, ShapeError, "flags"),
        (lambda p, v: ~p.x, ShapeError, "flags"),
        (lambda p, v: p.weight, ConfigError, "x, y, flag"),
        (lambda p, v: p[["x"]].y, ConfigError, "it has x"),
        (lambda p, v: p.y / p.x, RangeError, "includes 0"),
        (lambda p, v: p.x.log(), RangeError, "clip"),
        (lambda p, v: p.x.sqrt(), RangeError, "clip"),
        (lambda p, v: (p.x * 1000).exp(), RangeError, "clip"),
        (lambda p, v: (p.x * 2).exp(), RangeError, "keep the largest values alone: `clip` first"),
        (lambda p, v: 1 / (p.x + 10.00000000001), RangeError, "keep the largest values alone: `clip` first"),
        (lambda p, v: p.x + float("nan"), RangeError, "."),
        (lambda p, v: p.x.clip(3, 1), RangeError, "lower limit"),
        (lambda p, v: p.x.cut([1]), ConfigError, "ascend"),
        (lambda p, v: p.x.cut([1, 1, 2]), ConfigError, "ascend"),
        (lambda p, v: p.x.cut([0, float("nan")]), ConfigError, "ascend"),
        (lambda p, v: p.x.cut([0, 1, 2], ["one"]), ConfigError, "2 bins and 1 labels"),
    ],
)
def test_errors_teach(wrong, error, teaches):
    with pytest.raises(error, match=teaches):
        scripted(lambda p, v: wrong(p, v))


def test_columns_are_no_ordinary_objects():
    def script(p, v):
        with pytest.raises(TypeError):
            hash(p.x)
        with pytest.raises(AttributeError):
            _ = p.__deepcopy__

    scripted(script)


def test_conditions_combine_and_missing_conditions_do_not_hold():
    data = {
        "x": [1.0, 2.0, None, 4.0],
        "y": [1, 1, 1, 1],
        "flag": [1, None, 1, 0],
        "kind": ["drug", "drug", None, "none"],
        "other": ["drug"] * 4,
        "level": ["low"] * 4,
    }
    got = release(
        lambda p: {
            "flagged": p[p.flag].x.sum(),
            "not flagged": p[~p.flag].x.sum(),
            "both": p[p.flag][p.x > 0].count(),
            "column": p.x[p.flag][p.x > 0].count(),
            "missing": p[p.x.isna()].count(),
            "missing sick": p[p.flag].x.missing(),
            "differs": p[p.kind != "drug"].count(),
            "of condition": p[p.flag[p.y > 0]].count(),
            "nothing": p[p.x > 9].x.sum(),
            "nobody": p[p.x > 9].x.mean(),
        },
        [data],
    )
    assert got == {
        "flagged": 1.0,
        "not flagged": 4.0,
        "both": 1,
        "column": 1,
        "missing": 1,
        "missing sick": 1,
        "differs": 1,
        "of condition": 2,
        "nothing": 0.0,
        "nobody": "undefined: no rows",
    }


def test_a_derived_column_that_overflows_is_told_to_its_owner():
    class Wide(Table):
        z = Real(0, 1e90)

    scenario = Scenario(inputs={"wide": Wide.rows()})

    @scenario.run
    async def run(study):
        z = study.table("wide").z
        study.release("sum", (z * z).sum())

    rows = {name: {"wide": {"z": [1e90] * 12}} for name in NAMES}
    assert simulate(scenario, rows, engine="ideal").releases["sum"] == pytest.approx(36e180)


def test_more_rows_than_agreed_are_refused():
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=20)})

    @scenario.run
    async def run(study):
        study.release("count", study.table("patients").count())

    rng = np.random.default_rng(1)
    rows = {name: {"patients": named(table(rng, 20 + (name == "north")))} for name in NAMES}
    with pytest.raises(DataError, match="at_most"):
        simulate(scenario, rows, engine="ideal")


def test_one_reading_however_much_is_asked():
    readings = []

    class Counting:
        def batches(self, columns):
            readings.append(tuple(columns))
            yield {name: np.ones(20) for name in columns} if columns else {"": np.zeros(20)}

    import protocols.simulate as simulate_module

    scenario = Scenario(inputs={"patients": Patients.rows()})

    @scenario.run
    async def run(study):
        p = study.table("patients")
        await study.release("mean", p.x.mean())
        study.release("sd", p.x.std())
        study.release("more", p.y.sum())
        study.release("count", p.flag.count())

    original = simulate_module.rows_of
    simulate_module.rows_of = lambda frame, schema: Counting()
    try:
        simulate(scenario, {name: {"patients": {}} for name in NAMES}, engine="ideal")
    finally:
        simulate_module.rows_of = original
    assert len(readings) == 6, "two readings an owner: one before the first await, one after"
    assert set(readings) == {("x",), ("flag", "y")}


@given(low=st.floats(-1e6, 1e6), width=st.floats(1e-6, 1e6))
def test_units_hold_every_value(low, width):
    high = low + width

    class Table_(Table):
        v = Real(low, high) if high > low else Real(0, 1)

    def script(p, v):
        column = v
        centre, exponent = unit_exponent(column)
        unit = 2.0**exponent
        assert max(abs(column.expression.high - centre), abs(column.expression.low - centre)) <= unit
        assert unit <= 4 * (column.expression.high - column.expression.low) + 1e-29

    scenario = Scenario(inputs={"t": Table_.rows()})

    @scenario.run
    async def run(study):
        script(None, study.table("t").v)

    dry_run(Computation(scenario, NAMES, engine="ideal"))


def test_shared_rows_are_masked_and_padded():
    rng = np.random.default_rng(2)
    tables = [table(rng, n) for n in (3, 0, 5)]
    x = np.concatenate([t["x"] for t in tables])
    got = release(lambda p: {"sum": p.x.share(rows=6).sum(), "valid": p.x.share(rows=6).count()}, tables)
    assert got == {"sum": pytest.approx(np.nansum(x), abs=1e-5), "valid": (~np.isnan(x)).sum()}
    with pytest.raises(DataError, match="room for"):
        release(lambda p: {"sum": p.x.share(rows=4).sum()}, tables)

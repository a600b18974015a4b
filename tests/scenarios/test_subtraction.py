"""Small groups that ordinary releases told by subtraction, one kind a section."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from protocols import statistics as st
from protocols.simulate import simulate

NAMES = ["a", "b", "c"]
SMALL = "suppressed (fewer than 10)"
N = 300


class People(Table):
    x = Real(0, 120)
    y = Real(0, 80)
    age = Integer(0, 120)
    kids = Integer(0, 2)
    number = Integer(0, 2**60)
    f = Flag()
    g = Flag()
    ward = Category("p", "q", "r")


#: 149 rows of 10, one of 30.5, 150 of 60: 30 and 31 part all rows alike, but for one.
NEAR = np.r_[np.full(149, 10.0), [30.5], np.full(150, 60.0)]


def people(**columns):
    rng = np.random.default_rng(1)
    given = {
        "x": NEAR,
        "y": rng.uniform(0, 80, N),
        "age": NEAR.astype(int),
        "kids": np.arange(N) % 3,
        "number": np.arange(N),
        "f": np.arange(N) % 2 == 0,
        "g": np.arange(N) // 2 % 2 == 0,
        "ward": np.asarray(list("pqr"))[np.arange(N) // 4 % 3],
    }
    return pd.DataFrame(given | columns)


def releases(script, frame, engine="ideal"):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 10})

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in script(study.table("people")).items():
            study.release(name, value)

    tables = {name: {"people": frame.iloc[i::3]} for i, name in enumerate(NAMES)}
    return simulate(scenario, tables, engine=engine).releases


def suppressed(value):
    """Whether nothing of a released value is shown."""
    if isinstance(value, dict):
        value = value["counts"] if "counts" in value else value["values"]
    cells = np.ravel(np.asarray(value, dtype=object))
    return all(cell == SMALL for cell in cells)


# ---- values outside of all bins fulfil neither a condition on the bin nor its opposite
@pytest.mark.parametrize(
    "select",
    [
        lambda low, p: {"a": p[low].count(), "b": p[~low].count()},
        lambda low, p: {"b": p[low | ~low].count()},
        lambda low, p: {"a": p[(low & p.f)].count(), "f": p[p.f].count(), "b": p[~low & p.f].count()},
    ],
)
def test_a_row_outside_of_all_bins(select):
    x = np.r_[[117.0], np.arange(N - 1) % 100]
    found = releases(lambda p: {"n": p.count()} | select(p.x.cut([0, 50, 100]) == "0 to 50", p), people(x=x))
    assert found["n"] == N
    assert found["b"] == SMALL
    inside = releases(lambda p: {"n": p.count()} | select(p.x.cut([0, 50, 100]) == "0 to 50", p), people())
    assert SMALL not in inside.values()


# ---- whole numbers beyond 2^53
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_limits_that_float64_does_not_tell_apart(engine):
    limit = 2**59
    number = np.r_[np.arange(150), [limit + 1], np.full(N - 151, limit + 1000)]

    def script(p):
        return {"to": p[p.number <= limit].count(), "next": p[p.number <= limit + 1].count()}

    assert list(releases(script, people(number=number), engine).values()) == [150, SMALL]

    def equal(p):
        return {"n": p.count(), "not": p[p.number != limit + 1].x.mean(), "x": p[p.number != limit].count()}

    found = releases(equal, people(number=number))
    assert [found["n"], found["not"], found["x"]] == [N, SMALL, N]


# ---- tables within one release
@pytest.mark.parametrize(
    "value",
    [
        lambda a, b, p: {"a": a["counts"], "b": b["counts"]},
        lambda a, b, p: a["counts"] - b["counts"],
        lambda a, b, p: [a["counts"][0], p[p.x < 31].count()],
        lambda a, b, p: p[p.x < 31].y.mean() + a["counts"][0],
        lambda a, b, p: [p.group_by(p.x < 30).y.mean()["values"], b["counts"]],
    ],
)
def test_two_tables_in_one_release(value):
    def script(p):
        return {"h": value(p.x.histogram([0, 30, 120]), p.x.histogram([0, 31, 120]), p)}

    assert suppressed(releases(script, people())["h"])
    assert not suppressed(releases(script, people(x=np.where(NEAR == 30.5, 60.0, NEAR)))["h"])


# ---- tables of different columns
@pytest.mark.parametrize(
    "later",
    [
        lambda p: p.group_by(p.x > 31).x.mean(),
        lambda p: p.group_by(p.x > 31).kids.std(),
        lambda p: p[p.x > 31].group_by("ward").x.mean(),
    ],
)
def test_tables_of_different_columns_by_nearly_the_same(later):
    """Means of two groups and of all tell how many rows each group has."""

    def script(p):
        return {"x": p.x.mean(), "y": p.y.mean(), "a": p.group_by(p.x > 30).y.mean(), "b": later(p)}

    found = releases(script, people())
    assert not suppressed(found["a"])
    assert suppressed(found["b"])
    assert not suppressed(releases(script, people(x=np.where(NEAR == 30.5, 60.0, NEAR)))["b"])


# ---- magnitudes fold as limits do
@pytest.mark.parametrize("column", ["x", "age"])
def test_what_a_magnitude_turns_is_none_or_enough(column):
    """A single row above 100: |x - 100| + x - 100 is twice its excess, and 0 for all others."""
    values = np.r_[np.arange(N - 1) % 90, [117]]

    def script(p):
        return {"folded": (abs(p[column] - 100) + p[column] - 100).sum(), "mean": abs(p[column] - 100).mean()}

    assert list(releases(script, people(x=values.astype(float), age=values)).values()) == [SMALL, SMALL]
    assert SMALL not in releases(script, people(age=np.full(N, 90), x=np.full(N, 90.0))).values()


# ---- powers of whole numbers with few values
@pytest.mark.parametrize(
    "value",
    [
        lambda p: (p.kids * p.kids * 1000 + p.kids).sum(),
        lambda p: (p.kids * p.kids).mean(),
        lambda p: ((p.kids * p.kids * 1000 + p.kids) * p.f).sum(),
        lambda p: st.ols(p.y, [p.kids * 1.5])["r_squared"],
    ],
)
def test_few_values_within_other_numbers(value):
    kids = np.r_[[2, 2], np.arange(N - 2) % 2]
    assert suppressed(releases(lambda p: {"k": value(p)}, people(kids=kids))["k"])
    assert not suppressed(releases(lambda p: {"k": value(p)}, people())["k"])


def test_few_values_among_rows_with_a_flag():
    """Of a hundred with two kids, two have the flag."""
    row = np.arange(N)
    kids = np.where(row < 2, 2, np.where(row < 150, row % 2, row // 3 % 3))

    def script(p):
        return {"f": ((p.kids * p.kids * 1000 + p.kids) * p.f).sum(), "k": p.kids.mean(), "sum": p[p.f].x.mean()}

    found = releases(script, people(f=row < 150, kids=kids))
    assert [name for name in found if found[name] == SMALL] == ["f"]


def test_few_values_by_groups():
    kids = np.r_[[2, 2], np.arange(N - 2) % 2]

    def script(p):
        groups = p.group_by("ward")
        return {"n": groups.count(), "mean": groups.kids.mean(), "sd": groups.kids.std()}

    found = releases(script, people(kids=kids, ward=np.asarray(list("pqr"))[np.arange(N) // 6 % 3]))
    assert SMALL not in found["n"]["values"]
    assert found["mean"]["values"][0] == found["sd"]["values"][0] == SMALL
    assert found["mean"]["values"].count(SMALL) == 1  # the other groups have none with two
    assert SMALL not in str(releases(script, people(ward=np.asarray(list("pqr"))[np.arange(N) // 9 % 3])))


# ---- ordinary scripts lose nothing
#: Ages of 300: five below 20, 95 from 40, 100 from 60, 100 from 80.
TAIL = np.r_[np.full(5, 10.0), np.full(95, 45.0), np.full(100, 65.0), np.full(100, 85.0)]
EDGES = [0, 20, 60, 80, 120]


@pytest.mark.parametrize("order", ["hn", "nh"])
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_rows_beyond_a_limit_beside_a_table_with_a_small_cell(order, engine):
    """The small cell and the one suppressed with it lie on one side of 70; 50 lies between them."""

    def script(limit):
        every = {"h": lambda p: p.x.histogram(EDGES), "n": lambda p: (p.x > limit).mean()}
        return lambda p: {"all": p.count()} | {name: every[name](p) for name in order}

    frame = people(x=np.random.default_rng(3).permutation(TAIL))
    found = releases(script(80), frame, engine)
    assert found["h"]["counts"] == [SMALL, SMALL, 100, 100]
    assert found["n"] == pytest.approx(1 / 3, abs=1e-6)
    found = releases(script(30), frame, engine)
    assert found["n"] == SMALL if order == "hn" else suppressed(found["h"])


def test_groups_beside_a_table_of_another_group():
    """What share only the column that they are chosen by tell nothing of each other's cells."""
    frame = people(x=np.random.default_rng(3).permutation(TAIL))

    def script(p):
        found = {"n": p.count()}
        for ward in "pqr":
            rows = p[p.ward == ward]
            found |= {
                f"{ward} n": rows.count(),
                f"{ward} x": rows.x.histogram([0, 20, 60, 120]),
                f"{ward} y": rows.y.mean(),
            }
        return found

    found = releases(script, frame)
    assert [name for name in found if name[-1] != "x" and found[name] == SMALL] == []
    assert [found[f"{ward} x"]["counts"][2] != SMALL for ward in "pqr"] == [True] * 3


def test_a_level_beside_a_table_that_shows_it():
    ward = np.random.default_rng(0).permutation(np.repeat(list("pqr"), [4, 96, 200]))

    def script(level):
        return lambda p: {"n": p.count(), "t": p.group_by("ward").count(), "x": p[p.ward == level].x.mean()}

    assert releases(script("r"), people(ward=ward))["x"] != SMALL
    assert releases(script("q"), people(ward=ward))["x"] == SMALL
    assert releases(script("p"), people(ward=ward))["x"] == SMALL


def test_flags_that_follow_from_each_other_in_a_regression():
    """Nobody is above 80 and not above 60, or between 60 and 80 and above 80."""
    frame = people(x=np.random.default_rng(3).permutation(TAIL))

    def bands(p):
        return {"bands": st.ols(p.y, [(p.x > 60) & (p.x <= 80), p.x > 80]), "steps": st.ols(p.y, [p.x > 60, p.x > 80])}

    assert SMALL not in releases(bands, frame).values()

    def few(p):
        return {"few": st.ols(p.y, [p.x > 20, p.x > 60])}

    assert releases(few, frame)["few"] == SMALL

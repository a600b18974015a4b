"""Conditions on either side of an operation, and columns of two tables: the right rows, or an error at the line."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate


class Grouped(Table):
    age = Real(0, 120)
    f = Flag()
    g = Flag()
    d = Category("a", "b")


class Others(Table):
    d = Category("a", "b")


def two_tables(seed=4):
    chance = np.random.default_rng(seed)
    frames = {
        f"o{i}": {
            "p": pd.DataFrame(
                {
                    "age": chance.uniform(0, 120, 40),
                    "f": chance.random(40) < 0.4,
                    "g": chance.random(40) < 0.5,
                    "d": chance.choice(["a", "b"], 40),
                }
            ),
            "q": pd.DataFrame({"d": ["a"] * 30}),
        }
        for i in range(3)
    }
    return frames, pd.concat([frame["p"] for frame in frames.values()])


def of_two_tables(script):
    scenario = Scenario(inputs={"p": Grouped.rows(), "q": Others.rows()}, parameters={"minimum_cohort": 1})

    @scenario.run
    async def run(study):
        script(study, study.table("p"), study.table("q"))

    return scenario


def test_groups_are_of_the_rows_of_their_table():
    """Whichever side has the condition: the table, the category or both."""

    def script(study, p, q):
        chosen = p[p.f]
        study.release("table", chosen.group_by(p.g).count())
        study.release("category", p.group_by(chosen.g).count())
        study.release("both", p[p.age > 30].group_by(chosen.g).count())
        study.release("by name", chosen.group_by("d").count())
        study.release("age", chosen.group_by(p.g).age.count())
        study.release("age, category", p.group_by(chosen.g).age.count())
        study.release("twice", p[p.f].group_by(p[p.f].g).count())
        study.release("columns", st.contingency(p[p.f].g, p.d))
        study.release("flags", (p.f[p.g] & p[p.age > 30].f).count())

    frames, pooled = two_tables()
    found = simulate(of_two_tables(script), frames, engine="ideal").releases

    def by(column, *conditions):
        rows = pooled[np.logical_and.reduce(conditions)]
        levels = [False, True] if column in ("f", "g") else ["a", "b"]
        return [int((rows[column] == level).sum()) for level in levels]

    old = pooled.age > 30
    for name in ("table", "category", "age", "age, category", "twice"):
        assert found[name]["values"] == by("g", pooled.f), name
    assert found["both"]["values"] == by("g", pooled.f, old)
    assert found["by name"]["values"] == by("d", pooled.f)
    assert found["columns"]["counts"] == [by("d", pooled.f, ~pooled.g), by("d", pooled.f, pooled.g)]
    assert found["flags"] == (pooled.g & old).sum()


@pytest.mark.parametrize(
    "wrong",
    [
        lambda p, q: p.group_by(q.d).count(),
        lambda p, q: p.group_by(q.d).age.mean(),
        lambda p, q: p.group_by(q.d),
        lambda p, q: p[q.d == "a"],
        lambda p, q: p.age[q.d == "a"],
        lambda p, q: st.contingency(p.d, q.d),
        lambda p, q: p.d == q.d,
        lambda p, q: st.ols(p.age, [q.d == "a"]),
    ],
)
def test_columns_of_two_tables_are_refused(wrong):
    with pytest.raises((ShapeError, ConfigError), match=r"table|of different tables"):
        simulate(of_two_tables(lambda study, p, q: wrong(p, q)), two_tables()[0], engine="ideal")


def test_the_same_rows_written_twice_are_the_same():
    def script(study, p, q):
        study.release("line", st.ols(p[p.age > 30].age, [p[p.age > 30].f, p.g[p.age > 30]]))
        study.release("twice", p[p.age > 30][p.age > 30].count())
        study.release("flags", ((p.age > 30) * (p.age > 30) * 3.0).mean())
        study.release(
            "levels", (3.0 * (p.age.cut([0, 30, 120]) == "0 to 30") + (p.age.cut([0, 30, 120]) == "30 to 120")).mean()
        )
        study.release("table", p.group_by(p.age.cut([0, 30, 120])).count())
        study.release("table again", p.group_by(p.age.cut([0, 30, 120])).count())

    frames, pooled = two_tables()
    simulation = simulate(of_two_tables(script), frames, engine="ideal", parameters={"minimum_cohort": 5})
    found, old = simulation.releases, pooled.age > 30
    assert found["line"]["observations"] == found["twice"] == old.sum()
    assert found["flags"] == pytest.approx(3 * old.mean(), abs=1e-5)
    assert found["levels"] == pytest.approx((3 * ~old + old).mean(), abs=1e-5)
    assert found["table"] == found["table again"]
    texts = {entry.name: [t for one in entry.protection.values() for t in one.counts] for entry in simulation.entries}
    assert texts["twice"] == ["5 or more rows of p where age > 30"]


def test_different_rows_are_not_the_same():
    def script(study, p, q):
        st.ols(p[p.age > 30].age, [p[p.age > 31].f])

    with pytest.raises(ShapeError, match="different selections of rows: select rows of the table"):
        simulate(of_two_tables(script), two_tables()[0], engine="ideal")

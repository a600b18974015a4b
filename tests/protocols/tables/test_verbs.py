"""Verbs of secret tables against pandas: groups, orders, fewer places, several tables, and their releases."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, PolicyError, RangeError, ShapeError
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW


class Visits(Table):
    age = Real(0, 120)
    ill = Flag()
    drug = Category("none", "statin", "other")
    ward = Integer(0, 50)


def frames(rows=(30, 17, 0), seed=5, wards=6):
    chance = np.random.default_rng(seed)
    made = {}
    for i, n in enumerate(rows):
        frame = pd.DataFrame(
            {
                "age": chance.uniform(0, 120, n),
                "ill": chance.random(n) < 0.4,
                "drug": chance.choice(["none", "statin", "other"], n),
                "ward": chance.integers(0, wards, n),
            }
        )
        frame.loc[frame.index[chance.random(n) < 0.1], "age"] = np.nan
        made[f"o{i}"] = {"visits": frame}
    return made, pd.concat([each["visits"] for each in made.values()], ignore_index=True)


def run_of(script, tables, minimum=1, **options):
    scenario = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        script(study, study.table("visits").share(rows=40))

    return simulate(scenario, tables, **options).releases


def frame_of(released):
    return pd.DataFrame(released["values"], columns=released["columns"])


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_groups_are_those_of_pandas(engine):
    def script(study, t):
        by_ward = t.group_by("ward", groups=8)
        study.release("wards", by_ward.agg(n="count", age=("age", "mean"), total=("age", "sum"), ill=("ill", "sum")))
        study.release("drugs", t.filter(t.age > 40).group_by("drug").agg(n="count", known=("age", "count")))
        study.release("both", t.group_by(["drug", "ill"]).count())

    tables, p = frames()
    found = run_of(script, tables, engine=engine)
    wards = frame_of(found["wards"])
    expected = p.groupby("ward").agg(n=("ill", "size"), age=("age", "mean"), total=("age", "sum"), ill=("ill", "sum"))
    assert list(wards.ward) == list(expected.index)
    for name in ("n", "age", "total", "ill"):
        assert np.allclose(wards[name].astype(float), expected[name].astype(float), rtol=1e-5), name
    drugs = frame_of(found["drugs"])
    counts = p[p.age > 40].groupby("drug").size()
    assert dict(zip(drugs.drug, drugs.n, strict=True)) == dict(counts)
    assert list(drugs.known) == list(drugs.n)
    both = frame_of(found["both"])
    assert {(d, bool(i)): n for d, i, n in both.itertuples(index=False)} == dict(p.groupby(["drug", "ill"]).size())


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_orders_and_places_are_those_of_pandas(engine):
    def script(study, t):
        names = ["age", "ward", "drug"]
        study.release("oldest", t.select(*names).head(5, by="age", descending=True), unprotected="a test")
        study.release("sorted", t.select("ward", "age").sort("ward", "age").head(60), unprotected="a test")
        study.release("fewer", t.compact(rows=50).age.mean())
        study.release("too few", t.compact(rows=40).age.mean())
        study.release("twice", t.concat(t.filter(t.ward == 3)).count())

    tables, p = frames()
    found = run_of(script, tables, engine=engine)
    oldest = p.sort_values("age", ascending=False).head(5)
    assert np.allclose([row[0] for row in found["oldest"]["values"]], oldest.age, atol=1e-5)
    assert [row[1:] for row in found["oldest"]["values"]] == oldest[["ward", "drug"]].to_numpy().tolist()
    known = p.dropna().sort_values(["ward", "age"])
    values = [row for row in found["sorted"]["values"] if not isinstance(row[1], str)]
    assert [row[0] for row in values] == list(known.ward)
    assert np.allclose([row[1] for row in values], known.age, atol=1e-5)
    assert len(found["sorted"]["values"]) == len(p)
    assert found["fewer"] == pytest.approx(p.age.mean(), rel=1e-5)
    assert "out of range" in found["too few"]
    assert found["twice"] == len(p) + (p.ward == 3).sum()


def test_small_groups_are_suppressed_as_cells_of_a_table():
    """A group under the minimum, and one from which it could be told."""
    ward = [0] * 12 + [1] * 2 + [2] * 15 + [3] * 11
    part = pd.DataFrame({"age": 40.0, "ill": False, "drug": "none", "ward": ward})
    tables = {name: {"visits": part.iloc[i::3]} for i, name in enumerate("abc")}

    def script(study, t):
        grouped = t.group_by("ward", groups=10).agg(n="count", age=("age", "mean"))
        study.release("by ward", grouped)
        study.release("in order", grouped.sort("n", descending=True).select("ward", "n"))
        study.release("rows", t.count())

    found = run_of(script, tables, minimum=5, engine="replicated")
    assert [row[:2] for row in found["by ward"]["values"]] == [[2, 15], [3, 11]]  # 0 hides 1
    assert found["in order"]["values"] == [[2, 15], [3, 11]]
    assert found["rows"] == 40


def test_each_owner_counts_for_itself_after_rows_moved():
    """Rows of others than one owner must be enough, also in a secret order."""
    mine = pd.DataFrame({"age": 40.0, "ill": False, "drug": "none", "ward": [0] * 20 + [1] * 20})
    other = pd.DataFrame({"age": 50.0, "ill": True, "drug": "none", "ward": [0] * 6 + [1] * 2 + [2] * 7})
    tables = {"a": {"visits": mine}, "b": {"visits": other}, "c": {"visits": other[:0]}}

    def script(study, t):
        moved = t.sort("age")
        study.release("0", moved.filter(moved.ward == 0).count(), minimum=5)
        study.release("1", moved.filter(moved.ward == 1).count(), minimum=5)

    found = run_of(script, tables, minimum=1, engine="ideal")
    assert found == {"0": 26, "1": "suppressed (fewer than 5)"}


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda t: t.group_by("ward"), ConfigError, "how many there can be: group_by\\('ward', groups=1000\\)"),
        (lambda t: t.group_by(), ShapeError, "at least one column"),
        (lambda t: t.group_by("drug").agg(n=("age", "men")), ConfigError, "no statistic 'men'.*mean"),
        (lambda t: t.group_by("drug").agg(drug="count"), ConfigError, "another name"),
        (lambda t: t.group_by("drug").agg(x=("drug", "mean")), ShapeError, "drug is a category"),
        (lambda t: t.head(0), RangeError, "from 1 up"),
        (lambda t: t.concat(t.select("age")), ShapeError, "drug, ill, ward is in one"),
    ],
)
def test_misuse_is_taught(wrong, error, text):
    def script(study, t):
        with pytest.raises(error, match=text):
            wrong(t)
        study.release("n", t.count())

    run_of(script, frames()[0], engine="ideal")


def test_columns_of_flags_are_conditions():
    def script(study, t):
        study.release("well", t.filter(~t.ill).count())
        study.release("old and ill", t.filter(t.ill & (t.age > 60)).count())
        study.release("either", (t.ill | (t.age > 60)).sum())
        study.release("one of both", t.filter(t.ill ^ t.assign(old=t.age > 60).old).count())
        with pytest.raises(ShapeError, match="is no flag"):
            t.filter(~t.ward)
        with pytest.raises(ShapeError, match="is no flag"):
            t.filter(t.ward)

    tables, p = frames(rows=(40, 40, 30))
    found = run_of(script, tables, engine="ideal")
    known = p.age.notna()
    assert found["well"] == (~p.ill).sum()
    assert found["old and ill"] == (p.ill & (p.age > 60)).sum()
    assert found["either"] == (p.ill | (p.age > 60))[known].sum()
    assert found["one of both"] == (p.ill ^ (p.age > 60))[known].sum()


def test_single_rows_of_a_table_need_a_reason():
    with pytest.raises(PolicyError, match="a single row"):
        run_of(lambda study, t: study.release("rows", t), frames()[0], engine="ideal")


def test_statistics_of_groups_stand_on_groups():
    """A mean over persons stands on persons, each with few rows; over few persons nothing comes out."""
    part = pd.DataFrame({"age": np.arange(60.0), "ill": False, "drug": "none", "ward": np.arange(60) % 30})
    part.loc[:5, "ill"] = True
    tables = {name: {"visits": part.iloc[i::3]} for i, name in enumerate("abc")}

    def script(study, t):
        wards = t.group_by("ward", groups=40).agg(n="count", age=("age", "mean"), ill=("ill", "sum"))
        study.release("wards", wards.count())
        study.release("mean", wards.age.mean())
        study.release("two rows", wards.filter(wards.n == 2).count())
        study.release("few", wards.filter(wards.ward < 4).age.mean())
        study.release("ill", wards.filter(wards.ill > 0).count())
        study.release("all ill", wards.ill.sum())
        study.release("one", wards.age[3])

    found = run_of(script, tables, minimum=4, engine="ideal")
    small = "suppressed (fewer than 4)"
    assert found == {
        "wards": 30,
        "mean": pytest.approx(29.5, abs=1e-4),
        "two rows": 30,
        "few": small,
        "ill": 6,
        "all ill": 6,
        "one": small,
    }
    assert run_of(script, tables, minimum=5, engine="ideal")["all ill"] == "suppressed (fewer than 5)"


def test_places_without_a_group_look_like_suppressed_ones():
    """Of a released table, only the groups that come out are told from the other places."""
    opened = {}

    def script(study, t):
        result = t.group_by("ward", groups=9).count()
        release = study.release("wards", result)
        opened["release"] = release

    ward = [0] * 12 + [1] * 2 + [2] * 15 + [3] * 11
    part = pd.DataFrame({"age": 40.0, "ill": False, "drug": "none", "ward": ward})
    found = run_of(
        script, {name: {"visits": part.iloc[i::3]} for i, name in enumerate("abc")}, minimum=5, engine="ideal"
    )
    assert found["wards"]["values"] == [[2, 15], [3, 11]]
    masked = opened["release"]._masked["count"]
    bits = {k: np.asarray(v.share).reshape(-1) & np.uint64(1) for k, v in masked.opened.items() if k != "value"}
    told = [word for word in bits.values() if len(word) == 9]
    assert told
    assert all(word[4] == word[1] for word in told)

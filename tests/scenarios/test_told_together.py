"""What releases of one run tell together: small groups by subtraction, and ordinary scripts that lose nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError, PolicyError
from mpc.tables.patterns import possible
from mpc.tables.selections import Selection
from protocols import statistics as st
from protocols.simulate import Computation, dry_run, simulate

NAMES = ["a", "b", "c"]
SMALL = "suppressed (fewer than 10)"


class People(Table):
    age = Real(0, 120)
    bmi = Real(0, 80)
    kids = Integer(0, 2)
    f = Flag()
    g = Flag()
    h = Flag()
    ward = Category("a", "b", "c", "d", "e", "i", "j", "k", "l", "m")


def people(n, **columns):
    rng = np.random.default_rng(n)
    given = {
        "age": rng.uniform(20, 90, n),
        "bmi": rng.uniform(15, 40, n),
        "kids": np.arange(n) % 3,
        "f": np.arange(n) % 2 == 0,
        "g": np.arange(n) // 2 % 2 == 0,
        "h": np.arange(n) // 4 % 2 == 0,
        "ward": np.asarray(list("abc"))[np.arange(n) // 3 % 3],
    }
    return pd.DataFrame(given | columns)


def scenario_of(script):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 10})

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in script(study.table("people")).items():
            value, options = value if isinstance(value, tuple) else (value, {})
            study.release(name, value, **options)

    return scenario


def releases(script, frame, engine="ideal"):
    tables = {name: {"people": frame.iloc[i::3]} for i, name in enumerate(NAMES)}
    return simulate(scenario_of(script), tables, engine=engine).releases


def wards(sizes):
    """Rows of wards in these numbers, spread over the owners."""
    n = sum(sizes.values())
    return people(n, ward=np.repeat(list(sizes), list(sizes.values())))


def each_ward(names, value=lambda rows: rows.count()):
    def script(p):
        return {"n": p.count()} | {ward: value(p[p.ward == ward]) for ward in names}

    return script


# ---- cells of a table by themselves
@pytest.mark.parametrize(
    "value",
    [
        lambda p: p.group_by("ward").count()["values"],
        lambda p: p.group_by("ward").count()["values"][0] * 1,
        lambda p: p.group_by("ward").age.mean()["values"],
        lambda p: st.contingency(p.ward, p.f)["counts"][0],
        lambda p: p.age.histogram([0, 20, 120])["counts"],
    ],
)
def test_parts_of_a_table_come_out_if_all_of_it_would(value):
    frame = wards({"a": 299, "b": 300, "c": 1})
    found = releases(lambda p: {"n": p.count(), "t": value(p)}, frame)
    assert set(np.ravel(found["t"])) == {SMALL}


# ---- subtraction over many releases
@pytest.mark.parametrize("order", ["dabc", "abcd", "adbc"])
@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_a_small_level_is_not_what_the_others_leave(order, engine):
    found = releases(each_ward(order), wards({"a": 60, "b": 70, "c": 80, "d": 4}), engine)
    assert found["n"] == 214
    assert [ward for ward in "abc" if found[ward] == SMALL] == [[w for w in order if w != "d"][-1]]
    assert found["d"] == SMALL


def test_one_of_two_releases_of_the_same_rows_came_out():
    """A test of `a` against the four of `c` does not come out, and the mean of `a` does."""

    def script(p):
        a, b, c = (p[p.ward == ward] for ward in "abc")
        return {"test": st.ttest_ind(a.age, c.age), "a": a.age.mean(), "n": p.count(), "b": b.age.mean()}

    found = releases(script, wards({"a": 60, "b": 70, "c": 4}))
    assert [name for name in found if found[name] == SMALL] == ["test", "b"]


def test_rows_that_come_out_later_than_their_first_release():
    """Those up to 50 come out after those up to 51, who are two more; a test that did not come out was before both."""
    age = np.r_[np.full(300, 40.0), [50.5] * 2, np.full(298, 60.0)]
    ward = np.r_[["c"] * 4, ["a"] * 596]

    def script(p):
        test = st.ttest_ind(p.bmi[p.age <= 50], p.bmi[p.ward == "c"])
        return {"test": test, "to 51": p.bmi[p.age <= 51].mean(), "to 50": p.bmi[p.age <= 50].mean()}

    found = releases(script, people(600, age=age, ward=ward))
    assert [name for name in found if found[name] == SMALL] == ["test", "to 50"]


def test_parts_of_one_release_beside_all_rows():
    def script(p):
        a, b, c = (p[p.ward == ward].age.mean() for ward in "abc")
        return {"n": p.count(), "x": {"c": c, "a": a, "b": b}}

    found = releases(script, wards({"a": 60, "b": 70, "c": 4}))
    assert found["n"] == 134
    assert found["x"]["values"] == [SMALL] * 3


@pytest.mark.parametrize("order", ["trn", "tnr", "rtn", "rnt", "ntr", "nrt"])
def test_the_rows_of_neither_a_table_nor_a_selection(order):
    """Of 600, 150 up to 50 have f, and two others do."""
    age = np.r_[np.full(300, 40.0), np.full(300, 60.0)]
    f = np.r_[np.arange(300) % 2 == 0, np.arange(300) < 2]

    def script(p):
        every = {"t": p[p.age <= 50].group_by("f").count(), "r": p[~p.f].count(), "n": p.count()}
        return {name: every[name] for name in order}

    found = releases(script, people(600, age=age, f=f))
    assert SMALL in str(found[order[-1]])
    assert "suppressed" not in str([found[name] for name in order[:2]])


def test_ten_levels_one_after_the_other():
    sizes = dict.fromkeys("abceijklm", 20) | {"d": 4}
    found = releases(each_ward("abceijklmd", lambda rows: rows.age.sum()), wards(sizes))
    assert [ward for ward in sizes if found[ward] == SMALL] == ["m", "d"]
    assert "suppressed" not in str(releases(each_ward("abceijklmd"), wards(dict.fromkeys("abceijklmd", 20))))


def test_valid_rows_count_not_rows():
    bmi = np.full(180, 22.0)
    bmi[np.flatnonzero(np.arange(180) >= 120)[4:]] = np.nan
    frame = people(180, bmi=bmi, ward=np.repeat(list("abc"), 60))

    def script(p):
        return {"all": p.bmi.sum(), "a": p.bmi[p.ward == "a"].sum(), "b": p.bmi[p.ward == "b"].sum()}

    found = releases(script, frame)
    assert [name for name in found if found[name] == SMALL] == ["b"]

    def table(p):
        return {"n": p.group_by("ward").count(), "t": p.group_by("ward").bmi.mean(), "a": p.bmi[p.ward == "a"].mean()}

    found = releases(table, frame)
    assert found["t"]["values"].count(SMALL) >= 2 + 7
    assert found["a"] == SMALL


def test_a_union_tells_of_rows_that_share_no_column_with_it():
    """Of 300, 200 have f and 104 have g; 202 have either: so 2 have g alone."""
    f, g = np.arange(300) < 200, (np.arange(300) >= 98) & (np.arange(300) < 202)

    def script(p):
        return {"f": p[p.f].count(), "either": p[p.f | p.g].count(), "g": p[p.g].count()}

    found = releases(script, people(300, f=f, g=g))
    assert found["f"] == 200
    assert SMALL in (found["either"], found["g"])


def test_a_table_under_two_minimums():
    frame = wards({"a": 60, "b": 15, "c": 13, "d": 80})

    def script(p):
        p[p.ward != "e"].group_by("f")
        return {"n": p.count(), "t": (p.group_by("ward").count(), {"minimum": 20}), "u": p.group_by("ward").count()}

    found = releases(script, frame)
    assert [v for v in found["u"]["values"] if not isinstance(v, str)] == []


# ---- of somebody who tries
def test_a_limit_of_few_rows_is_not_tried():
    frame = people(600, age=np.r_[np.full(597, 50.0), np.full(3, 110.0)])
    for limit in (1, 2, 3, 4):
        found = releases(lambda p, limit=limit: {"x": p[p.age > 100].count().within(limit)}, frame)
        assert found["x"] == SMALL
    found = releases(lambda p: {"x": p[p.age < 100].count().within(100)}, frame)
    assert found["x"].startswith("out of range")


@pytest.mark.parametrize(
    "value",
    [
        lambda p: (p.f * p.g * p.h).sum(),
        lambda p: (p.f * p.g * p.h * p.age).mean(),
        lambda p: (p.f & p.g & p.h).sum(),
    ],
)
def test_three_flags_at_once(value):
    n = 600
    f, g, h = (np.arange(n) % 2 == 0), (np.arange(n) % 4 < 2), np.arange(n) % 8 < 6
    few = np.flatnonzero(f & g & h)[3:]
    f[few] = False
    f[:200] |= ~(g & h)[:200]
    found = releases(lambda p: {"x": value(p)}, people(n, f=f, g=g, h=h))
    assert found["x"] == SMALL


def test_many_flags_in_one_number():
    def script(p):
        product = p.f
        for ward in "abceijklm":
            product = product * (p.ward == ward)
        return {"x": product.sum()}

    with pytest.raises(ConfigError, match="at most 8"):
        dry_run(Computation(scenario_of(script), NAMES, engine="ideal"))


def test_rows_beyond_bins_are_not_counted_as_missing():
    frame = people(600, age=np.r_[np.full(597, 50.0), np.full(3, 110.0)])
    found = releases(lambda p: {"n": p.count(), "x": p.age.cut([100, 120]).missing()}, frame)
    assert found["x"] == SMALL


def test_few_values_of_a_whole_number():
    kids = np.r_[np.zeros(300, int), np.ones(297, int), np.full(3, 2)]
    found = releases(lambda p: {"n": p.count(), "mean": p.kids.mean(), "sd": p.kids.std()}, people(600, kids=kids))
    assert (found["mean"], found["sd"]) == (SMALL, SMALL)
    some = releases(lambda p: {"mean": p.kids.mean()}, people(600, kids=kids.clip(0, 1)))
    assert some["mean"] == pytest.approx(0.5)


def test_a_guard_holds_for_its_own_parts():
    def script(p):
        wards, few = p.group_by("ward").count(), p[p.age > 100].count()
        return {"x": dataclasses.replace(wards, parts={"values": wards["values"] * 0 + few})}

    with pytest.raises(PolicyError, match="single row"):
        releases(script, people(600))


# ---- what is released ordinarily
def test_what_did_not_come_out_takes_nothing_else_along():
    """Surgery and medicine, and five in a third ward."""
    frame = wards({"a": 521, "b": 474, "c": 5})

    def script(p):
        return {
            "n": p.count(),
            "test": st.ttest_ind(p.age[p.ward == "a"], p.age[p.ward == "b"]),
            "mean": p.age.mean(),
            "smokers": p.age[p.f].mean(),
        }

    found = releases(script, frame)
    assert found["test"] == SMALL
    assert SMALL not in (found["n"], found["mean"], found["smokers"])


def test_groups_that_are_only_some_of_all():
    """No total: nobody knows how many are in neither ward."""
    found = releases(
        lambda p: {"a": p.age[p.ward == "a"].mean(), "b": p.age[p.ward == "b"].mean()},
        wards({"a": 50, "b": 50, "c": 4}),
    )
    assert SMALL not in found.values()


def test_combinations_that_no_release_separates():
    """Girls under 18 are few, and no release is about those under 18 of one sex."""
    n = 1000
    age = np.where(np.arange(n) < 60, 10.0, np.where(np.arange(n) % 3 == 0, 70.0, 40.0))
    women = np.where(np.arange(n) < 60, np.arange(n) < 4, np.arange(n) % 2 == 0)

    def script(p):
        return {
            "n": p.count(),
            "adults": p[p.age >= 18].count(),
            "65 and older": p[p.age >= 65].count(),
            "women, 65 and older": p[(p.age >= 65) & p.f].count(),
        }

    assert SMALL not in releases(script, people(n, age=age, f=women)).values()


@pytest.mark.parametrize("last", [False, True])
def test_conditions_on_many_columns_beside_all_rows(last):
    def script(p):
        flags = {"f": p.f, "g": p.g, "h": p.h, "kids": p.kids > 0, "old": p.age > 50, "bmi": p.bmi > 25}
        flags |= {"ward": p.ward == "a", "thin": p.bmi < 20}
        some = {name: p[flag].count() for name, flag in flags.items()}
        return some | {"n": p.count()} if last else {"n": p.count()} | some

    assert SMALL not in releases(script, people(600)).values()


@pytest.mark.slow
def test_many_levels_and_groups_beside_all_rows():
    """Fifty groups one by one, and their total."""
    n = 3000
    frame = people(n, ward=np.asarray(list("abceijklmd"))[np.arange(n) % 10], age=20.0 + 15 * (np.arange(n) // 10 % 5))

    def script(p):
        found = {}
        for ward in "abceijklmd":
            for low in (15, 30, 45, 60, 75):
                found[f"{ward} {low}"] = p[(p.ward == ward) & (p.age >= low) & (p.age < low + 15)].count()
        return found | {"n": p.count()}

    assert SMALL not in releases(script, frame).values()


# ---- patterns
def where_of(script):
    found = []

    def run(p):
        found.extend(selected.where for selected in script(p))
        return {"n": p.count()}

    dry_run(Computation(scenario_of(run), NAMES, engine="ideal"))
    return found


def test_patterns_that_a_row_can_show():
    levels = possible(where_of(lambda p: [p[p.ward == ward] for ward in "abc"]))
    assert sorted(map(tuple, levels.astype(int).tolist())) == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)]
    ages = possible(where_of(lambda p: [p[p.age < 20], p[p.age <= 20], p[~(p.age > 40)], p[p.age == 20]]))
    assert sorted(map(tuple, ages.astype(int).tolist())) == [(0, 0, 0, 0), (0, 0, 1, 0), (0, 1, 1, 1), (1, 1, 1, 0)]
    mixed = possible(where_of(lambda p: [p[p.f], p[p.f & p.g], p[p.f | ~p.g], p[p.f ^ p.g]]))
    assert sorted(map(tuple, mixed.astype(int).tolist())) == [
        (0, 0, 0, 1),
        (0, 0, 1, 0),
        (1, 0, 1, 1),
        (1, 1, 1, 0),
    ]


def test_too_many_selections_are_refused_with_what_to_write():
    def script(p):
        bits = [p.f, p.g, p.h, p.age > 30, p.bmi > 20, p.kids > 0, p.ward == "a", p.age + p.bmi > 50, p.bmi * 2 > 70]
        found = {}
        for i, one in enumerate(bits):
            for j, other in enumerate(bits[:i]):
                found[f"{i} {j}"] = p[one ^ other].count()
        return found

    with pytest.raises(ConfigError, match="too many to hold apart"):
        dry_run(Computation(scenario_of(script), NAMES, engine="ideal"))


def test_a_selection_is_of_its_valid_rows():
    assert Selection.__annotations__.keys() == {"source", "where", "by", "valid", "shared"}

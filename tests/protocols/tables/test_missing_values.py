"""Missing values of secret tables as flags and as public values, against pandas, and what stands behind them."""

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Date, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import simulate

ENGINES = ["ideal", "replicated", "shamir"]


class People(Table):
    person = Key(unique=True)
    age = Real(0, 120)
    ill = Flag()
    region = Category("north", "south")
    born = Date("1900-01-01", "2020-12-31")


class Incomes(Table):
    person = Key(unique=True)
    income = Integer(0, 1000)


def people(n, seed=1, missing=0.3):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "person": [str(i) for i in range(n)],
            "age": chance.uniform(1, 120, n),
            "ill": (chance.random(n) < 0.5).astype(object),
            "region": chance.choice(["north", "south"], n),
            "born": pd.to_datetime("1950-01-01") + pd.to_timedelta(chance.integers(0, 10000, n), "D"),
        }
    )
    for name in ("age", "ill", "region", "born"):
        frame.loc[chance.random(n) < missing, name] = None
    return frame


def run_of(script, frame, incomes=None, minimum=1, **options):
    scenario = Scenario(
        inputs={"people": People.held_by("hospital"), "incomes": Incomes.held_by("office")},
        parameters={"minimum_cohort": minimum},
    )

    @scenario.run
    async def run(study):
        script(study, study.table("people").share(rows=70), study.table("incomes").share(rows=50))

    incomes = pd.DataFrame({"person": ["0"], "income": [1]}) if incomes is None else incomes
    tables = {"hospital": {"people": frame}, "office": {"incomes": incomes}, "other": {}}
    return simulate(scenario, tables, **options).releases


@pytest.mark.parametrize("engine", ENGINES)
def test_as_pandas(engine):
    def script(study, t, _):
        old = t.filter(t.age > 40)
        study.release("known", [t.notna(name).sum() for name in ("age", "ill", "region", "born")])
        study.release("share", t.notna("age").mean())
        study.release("old", old.notna("region").sum())
        filled = t.fillna(age=50, ill=True, region="south", born="1970-01-01")
        study.release("age", filled.age.mean())
        study.release("ill", filled.ill.sum())
        study.release("south", (filled.region == "south").sum())
        study.release("young", (filled.born >= "1970-01-01").sum())
        study.release("all", filled.age.count())
        study.release("kept", t.filter(t.notna("born")).age.sum())

    f = people(60)
    found = run_of(script, f, engine=engine)
    assert found["known"] == f[["age", "ill", "region", "born"]].notna().sum().tolist()
    assert found["share"] == pytest.approx(f.age.notna().mean(), abs=1e-6)
    assert found["old"] == f[f.age > 40].region.notna().sum()
    assert found["age"] == pytest.approx(f.age.fillna(50).mean(), abs=1e-5)
    assert found["ill"] == f.ill.isna().sum() + (f.ill == True).sum()  # noqa: E712
    assert found["south"] == (f.region != "north").sum()
    assert found["young"] == (f.born.fillna(pd.Timestamp("1970-01-01")) >= "1970-01-01").sum()
    assert found["all"] == 60
    assert found["kept"] == pytest.approx(f[f.born.notna()].age.sum(), abs=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_after_a_join(engine):
    def script(study, t, incomes):
        joined = t.join(incomes, on="person", how="left")
        joined = joined.assign(earns=joined.notna("income")).fillna(income=0)
        study.release("earning", joined.earns.sum())
        study.release("mean", joined.income.mean())
        study.release("by region", joined.group_by("region").agg(n=("earns", "sum"), mean=("income", "mean")))

    f = people(60)
    incomes = pd.DataFrame({"person": [str(i) for i in range(0, 80, 2)], "income": range(40)})
    found = run_of(script, f, incomes, engine=engine)
    joined = f.merge(incomes, on="person", how="left")
    assert found["earning"] == joined.income.notna().sum()
    assert found["mean"] == pytest.approx(joined.income.fillna(0).mean(), abs=1e-5)
    joined = joined.assign(earns=joined.income.notna(), income=joined.income.fillna(0))
    wanted = joined.groupby("region").agg(n=("earns", "sum"), mean=("income", "mean"))
    by = pd.DataFrame(found["by region"]["values"], columns=["region", "n", "mean"]).set_index("region")
    assert by.n.tolist() == wanted.n.tolist()
    assert by["mean"].tolist() == pytest.approx(wanted["mean"].tolist(), abs=1e-5)


@pytest.mark.parametrize(("known", "out"), [(0, True), (3, False), (10, True), (18, False), (20, True)])
def test_few_with_a_value_or_few_without_one_are_suppressed(known, out):
    """A sum of filled values is that of the rows that have one; of none, or of all, nobody stands out."""

    def script(study, t, _):
        study.release("filled", t.fillna(age=0).age.sum())
        study.release("by ill", t.fillna(age=0).group_by("ill").agg(age=("age", "sum")))
        study.release("known", t.notna("age").sum())

    f = people(20, missing=0).assign(ill=False)
    f.loc[known:, "age"] = np.nan
    found = run_of(script, f, minimum=5, engine="ideal")
    small = "suppressed (fewer than 5)"
    assert (found["filled"] == small) != out
    assert bool(found["by ill"]["values"]) == out
    # A count says how many have a value, and how many have none: both are enough, or nothing comes out.
    assert found["known"] == (known if known == 10 else small)


@pytest.mark.parametrize("engine", ENGINES)
def test_values_of_another_column(engine):
    """Also of a joined table, and carried on over three columns."""

    def script(study, t, incomes):
        t = t.assign(later=t.age + 1, seen=t.born, well=~t.ill)
        joined = t.join(incomes, on="person", how="left")
        carried = joined.fillna(age=joined.income)
        carried = carried.fillna(later=carried.age)
        study.release("first", carried.age.mean())
        study.release("second", carried.later.mean())
        study.release("rows", carried.later.count())
        study.release("flags", t.fillna(ill=t.well).ill.sum())
        study.release("old", (t.filter(t.age > 60).fillna(born=t.seen).born < "1965-01-01").sum())

    f = people(60)
    incomes = pd.DataFrame({"person": [str(i) for i in range(0, 80, 2)], "income": range(40)})
    found = run_of(script, f, incomes, engine=engine)
    known = f.assign(later=f.age + 1).merge(incomes, on="person", how="left")
    first = known.age.fillna(known.income)
    second = known.later.fillna(first)
    assert found["first"] == pytest.approx(first.mean(), abs=1e-4)
    assert found["second"] == pytest.approx(second.mean(), abs=1e-4)
    assert found["rows"] == second.count()
    assert found["flags"] == (f.ill == True).sum()  # noqa: E712
    assert found["old"] == (f[f.age > 60].born < "1965-01-01").sum()


@pytest.mark.parametrize(("known", "out"), [(3, False), (10, True), (18, False)])
def test_few_rows_that_take_a_value_of_another_column_are_suppressed(known, out):
    f = people(20, missing=0).assign(ill=False)
    f.loc[known:, "age"] = np.nan

    def of_two(study, t, incomes):
        joined = t.join(incomes, on="person", how="left")
        study.release("filled", joined.fillna(age=joined.income).age.sum())

    incomes = pd.DataFrame({"person": [str(i) for i in range(20)], "income": range(20)})
    found = run_of(of_two, f, incomes, minimum=5, engine="ideal")
    assert (found["filled"] == "suppressed (fewer than 5)") != out


@pytest.mark.parametrize(("ones", "out"), [(0, True), (2, False), (10, True)])
def test_flags_that_fill_shared_rows_are_none_or_enough(ones, out):
    def script(study, t, incomes):
        joined = t.join(incomes, on="person", how="left")
        study.release("filled", joined.fillna(ill=joined.income > 50).ill.sum())

    f = people(40, missing=0).assign(ill=[None] * 20 + [True, False] * 10)
    incomes = pd.DataFrame({"person": [str(i) for i in range(40)], "income": [100] * ones + [0] * (40 - ones)})
    found = run_of(script, f, incomes, minimum=5, engine="ideal")
    assert found["filled"] == (10 + ones if out else "suppressed (fewer than 5)")


def test_filters_count_before_and_after():
    def script(study, t, _):
        study.release("known", t.filter(t.notna("age")).count())

    f = people(20, missing=0)
    f.loc[:2, "age"] = np.nan
    assert run_of(script, f, minimum=5, engine="ideal")["known"] == "suppressed (fewer than 5)"


@pytest.mark.parametrize(
    ("wrong", "error", "text"),
    [
        (lambda t: t.notna("person"), ShapeError, "person is a key"),
        (lambda t: t.fillna(person="7"), ShapeError, "person is a key"),
        (lambda t: t.fillna(age="old"), ConfigError, "a number is wanted"),
        (lambda t: t.fillna(age=t.ill), ShapeError, "a public value, or a column"),
        (lambda t: t.fillna(age=t.born), ShapeError, "a public value, or a column"),
        (lambda t: t.fillna(age=t.person), ShapeError, "a public value, or a column"),
        (lambda t: t.fillna(age=t.head(5).age), ShapeError, "a public value, or a column"),
        (lambda t: t.fillna(region="east"), ConfigError, "no level 'east'"),
        (lambda t: t.fillna(years=3), ConfigError, "no column 'years'"),
    ],
)
def test_misuse_is_taught(wrong, error, text):
    def script(study, t, _):
        with pytest.raises(error, match=text):
            wrong(t)
        study.release("n", t.count())

    run_of(script, people(10), engine="ideal")

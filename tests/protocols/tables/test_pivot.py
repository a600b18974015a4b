"""Pivot tables of secret rows against pandas, what they hide, and what they refuse."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc import Category, Flag, Integer, Key, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW

DRUGS = ["none", "beta blocker", "statin"]


class Visits(Table):
    person = Key()
    age = Real(0, 120)
    ill = Flag()
    drug = Category(*DRUGS)
    ward = Integer(0, 50)


def released(script, frame, minimum=1, **options):
    scenario = Scenario(inputs={"visits": Visits.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        study.release("pivot", script(study.table("visits").share(rows=len(frame) or 1)))

    tables = {f"o{i}": {"visits": frame.iloc[i::3].reset_index(drop=True)} for i in range(3)}
    table = simulate(scenario, tables, **options).releases["pivot"]
    return pd.DataFrame(table["values"], columns=table["columns"])


def visits(n, seed, wards=3, missing=0.1):
    chance = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "person": [f"p{k}" for k in chance.integers(0, 9, n)],
            "age": chance.integers(0, 12_000, n) / 100,
            "ill": chance.random(n) < 0.4,
            "drug": chance.choice(DRUGS, n),
            "ward": chance.integers(0, wards, n),
        }
    )
    for name in ("age", "drug"):
        frame[name] = frame[name].mask(chance.random(n) < missing)
    return frame


def expected(frame, index, values):
    """As pandas has it, with a column for each level; places without a value are None."""
    kind = pd.CategoricalDtype(DRUGS)
    frame = frame.assign(drug=frame.drug.astype(kind), ones=1)
    of, statistic = ("ones", "count") if values == "count" else values
    wide = frame.groupby([index, "drug"], observed=False)[of].agg(statistic).unstack().reindex(columns=DRUGS)
    return wide.reset_index().astype(object).where(lambda t: t.notna(), None)


def alike(got, wanted):
    assert list(got.columns) == [str(name) for name in wanted.columns]
    assert len(got) == len(wanted)
    for name in got:
        for a, b in zip(got[name], wanted[name], strict=True):
            assert str(a).startswith("undefined") if b is None else abs(float(a) - float(b)) < 2e-3, (name, a, b)


STATISTICS = ["count", ("age", "mean"), ("age", "sum"), ("age", "count"), ("age", "median")]


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("values", STATISTICS, ids=str)
def test_a_pivot_table_is_that_of_pandas(engine, values):
    frame = visits(40, seed=3)
    got = released(lambda t: t.pivot("drug", index="ward", values=values, groups=4), frame, engine=engine)
    alike(got, expected(frame, "ward", values))


@given(n=st.integers(0, 25), seed=st.integers(0, 1000), values=st.sampled_from(STATISTICS))
def test_random_tables(n, seed, values):
    frame = visits(n, seed, missing=0.3)
    got = released(lambda t: t.pivot("drug", index="ill", values=values), frame, engine="ideal")
    alike(got, expected(frame, "ill", values))


def test_rows_without_a_level_are_in_no_column_and_make_a_row_all_the_same():
    frame = visits(12, seed=1).assign(drug=None, ward=7)
    got = released(lambda t: t.pivot("drug", index="ward", groups=4), frame, engine="ideal")
    assert got.to_numpy(float).tolist() == [[7, 0, 0, 0]]


def test_a_row_with_a_small_cell_falls_as_a_whole_and_does_not_follow_from_the_others():
    big = [(ward, drug) for ward in (1, 2, 3) for drug in DRUGS for _ in range(60)]
    few = [(4, "statin")] * 60 + [(4, "none")] * 60 + [(4, "beta blocker")] * 2
    frame = pd.DataFrame(big + few, columns=["ward", "drug"]).sample(frac=1, random_state=1, ignore_index=True)
    frame = frame.assign(person="p", age=50.0, ill=False)
    got = released(lambda t: t.pivot("drug", index="ward", groups=5), frame, minimum=10, engine="ideal")
    assert 4 not in list(got.ward)
    assert len(got) == 2  # a second row falls, since the two of ward 4 could be told from a total
    assert set(got[DRUGS].to_numpy().ravel()) == {60}


@pytest.mark.parametrize(
    ("script", "error", "text"),
    [
        (lambda t: t.pivot("ill", index="ward", groups=4), ShapeError, "has no public levels"),
        (lambda t: t.pivot("drug", index="drug"), ConfigError, "give other columns as index"),
        (lambda t: t.pivot("drug", index="ward"), ConfigError, "how many groups"),
        (lambda t: t.rename(ward="none").pivot("drug", index="none", groups=4), ConfigError, "rename the column"),
        (lambda t: t.pivot("drug", index="ill", values=("person", "count")), ShapeError, "is a key"),
        (lambda t: t.pivot("drug", index="ill", values="sum"), ConfigError, 'values=("column", "mean")'),
        (lambda t: t.pivot("drug", index="ill", values=("age", "men")), ConfigError, "no statistic 'men'"),
    ],
)
def test_misuse_is_taught(script, error, text):
    with pytest.raises(error) as raised:
        released(script, visits(12, seed=1), engine="ideal")
    assert text in str(raised.value)

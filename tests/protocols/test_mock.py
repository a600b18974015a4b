"""Mock runs: made-up rows that fit the schema, the same every time."""

import numpy as np

from mpc import Category, Date, Flag, Key, Real, Scenario, Study, Table
from protocols.computation import Computation
from protocols.mock import mock_rows, mock_run


class Visits(Table):
    age = Real(18, 90, unit="years")
    smoker = Flag()
    ward = Category("a", "b", "c")


scenario = Scenario(inputs={"visits": Visits.rows(at_most=1000)})


@scenario.run
async def run(study: Study) -> None:
    visits = study.table("visits")
    study.release("age mean", visits.age.mean())
    study.release("smokers by ward", visits.group_by("ward").smoker.mean())


def test_rows_fit_the_schema_and_are_the_same_every_time():
    rows = mock_rows(Visits.schema, 500, "seed")
    again = mock_rows(Visits.schema, 500, "seed")
    other = mock_rows(Visits.schema, 500, "another")
    for column in Visits.schema.columns:
        values = rows[column.name]
        assert column.name == "ward" or column.low <= values.min() <= values.max() <= column.high
        np.testing.assert_array_equal(values, again[column.name])
        assert not np.array_equal(values, other[column.name])
    assert set(rows["ward"]) == {"a", "b", "c"}


def test_a_mock_run_shows_what_results_look_like():
    shown = mock_run(Computation(scenario, ["x", "y", "z"]), rows=200)
    assert 50 < shown.releases["age mean"] < 58
    assert shown.releases["smokers by ward"]["labels"] == ["a", "b", "c"]
    assert all(isinstance(v, float) for v in shown.releases["smokers by ward"]["values"])


def test_made_up_dates_and_keys():
    class People(Table):
        born = Date("1900-01-01", "1900-01-10")
        person = Key(leading_zeros="keep", digits_only=True)
        number = Key(unique=True)

    rows = mock_rows(People.schema, 500, "seed")
    assert set(rows["born"].astype(str)) == {f"1900-01-{day:02d}" for day in range(1, 11)}
    assert len(set(rows["number"])) == 500
    # Tables of other owners have keys of the same pool, so that rows match.
    other = mock_rows(People.schema, 500, "another")
    assert set(rows["person"]) & set(other["person"])
    assert set(rows["person"]) != set(rows["number"])

    trial = Scenario(inputs={"people": People.rows()})

    @trial.run
    async def run(study: Study) -> None:
        people = study.table("people")
        study.release("keys", people.person.count())
        study.release("age", people.born.age_at("2000-01-01").mean())

    shown = mock_run(Computation(trial, ["x", "y", "z"]), rows=100).releases
    assert shown["keys"] == 300
    assert 99 <= shown["age"] <= 100

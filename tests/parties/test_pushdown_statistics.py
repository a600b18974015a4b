"""Statistics of a script over rows whose database aggregates them: the same as over rows that the party reads."""

from __future__ import annotations

import numpy as np

import protocols.simulate as simulation
from mpc import Scenario
from parties.data.dataset import SourceRows, open_dataset
from parties.data.source import Dataset
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.aggregating import People, people

scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 2})


@scenario.run
async def run(study):
    table = study.table("people")
    adults = table[table.age > 30]
    study.release("rows", table.count())
    study.release("age", [adults.age.sum(), adults.age.mean(), adults.age.std(), adults.age.missing()])
    study.release("income", st.describe(table[["age", "income"]]).sd["income"])
    study.release("by ward", table.group_by("ward").age.mean())
    study.release("spread by ward", table.group_by("ward").age.std())
    study.release("ages", table.age.histogram([0, 30, 60, 120]))
    study.release("correlation", table[["age", "income"]].corr())
    study.release("line", st.ols(table.age, [table.income]))
    study.release("smokers", st.contingency(table.smoker, table.ward))
    study.release("test", st.ttest_ind(table.age[table.smoker], table.age[~table.smoker]))


def found(monkeypatch, tmp_path, **how):
    """Releases of a simulation whose organizations read files as parties do."""
    rows = {}
    for k in range(3):
        path = tmp_path / f"{k}.parquet"
        people(k, 400, 0.1).to_parquet(path)
        rows[f"o{k}"] = {"people": open_dataset(Dataset("people", str(path)), People.schema, threads=2, **how)}
        rows[f"o{k}"]["people"].check()
    monkeypatch.setattr(simulation, "rows_of", lambda rows, schema: rows)
    return simulate(scenario, rows, engine="ideal").releases


def numbers(value):
    if isinstance(value, dict):
        return [x for item in value.values() for x in numbers(item)]
    if isinstance(value, list):
        return [x for item in value for x in numbers(item)]
    return [float(value)] if isinstance(value, int | float) else []


def test_both_ways_release_the_same(monkeypatch, tmp_path):
    streamed = found(monkeypatch, tmp_path)
    pushed = found(monkeypatch, tmp_path, pushed_from=0)
    assert pushed.keys() == streamed.keys()
    for name, expected in streamed.items():
        assert numbers(expected), (name, expected)
        np.testing.assert_allclose(numbers(pushed[name]), numbers(expected), rtol=1e-6, atol=1e-9, err_msg=name)


def test_a_database_answers_what_the_statistics_ask(monkeypatch, tmp_path):
    """So that the test above compares two ways, and not one with itself."""
    answered = []
    original = SourceRows.aggregated

    def counting(self, aggregates):
        results = original(self, aggregates)
        answered.extend(type(a).__name__ for a, r in zip(aggregates, results, strict=True) if r is not None)
        return results

    monkeypatch.setattr(SourceRows, "aggregated", counting)
    found(monkeypatch, tmp_path, pushed_from=0)
    assert {"_Columns", "_Cross", "Count", "Crosstab", "Sum"} <= set(answered)

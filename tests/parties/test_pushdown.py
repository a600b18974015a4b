"""Aggregates that the owner's database computes are those that the party computes from the rows."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from parties.data.dataset import open_dataset
from parties.data.source import Dataset
from tests.support.aggregating import People, aggregates, compare, streamed


def people(seed, n, missing=0.1):
    """A random table: missing values, flags, categories, whole numbers up to 2^61, wide and repeated numbers."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.3, 60.3, rng.uniform(0, 120, n)),
            "income": np.where(rng.random(n) < 0.5, 0.1, rng.lognormal(8, 3, n).clip(0, 1e9)),
            "number": pd.array(rng.integers(-(2**61), 2**61, n, endpoint=True), "Int64"),
            "visits": pd.array(rng.geometric(0.1, n).clip(0, 1000), "Int32"),
            "smoker": pd.array(rng.random(n) < 0.3, "boolean"),
            "ward": pd.array(rng.choice(["surgery", "medicine", "other"], n, p=[0.6, 0.3, 0.1]), "string"),
        }
    )
    frame.loc[rng.random(n) < 0.05, "number"] = 2**60 + 1
    for name in frame:
        frame.loc[rng.random(n) < missing, name] = None
    return frame


def both_ways(tmp_path, frame, kind="parquet", schema=None):
    path = tmp_path / f"people.{kind}"
    frame.to_parquet(path) if kind == "parquet" else frame.to_csv(path, index=False)
    dataset = Dataset("people", str(path), None, schema)
    pushed = open_dataset(dataset, People.schema, threads=2, pushed_from=0)
    read = open_dataset(dataset, People.schema, threads=2)
    assert pushed.check() == read.check()
    assert read.streamed
    return pushed, read


@pytest.mark.parametrize(("seed", "n", "missing"), [(0, 0, 0.1), (1, 1, 0), (2, 7, 0.5), (3, 3000, 0.1), (4, 50, 1.0)])
@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_both_ways_are_equal(tmp_path, seed, n, missing, kind):
    pushed, read = both_ways(tmp_path, people(seed, n, missing), kind)
    assert pushed.streamed == ""
    asked = aggregates()
    results = pushed.aggregated(asked)
    expected = streamed(read, aggregates())
    for aggregate, found, right in zip(asked, results, expected, strict=True):
        assert found is not None, (aggregate, pushed.streamed)
        compare(found, right, f"{type(aggregate).__name__} {aggregate.where}")

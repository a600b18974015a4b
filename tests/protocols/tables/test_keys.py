"""Distinct keys, the first row of each key and counts of keys, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc.errors import ConfigError
from protocols.tables.keys import distinct, one_of_each, value_counts
from tests.support.engines import MORE_PARTIES
from tests.support.key_tables import TABLES, found, kept, made


@pytest.fixture(params=MORE_PARTIES)
def engine(request):
    return request.param


@pytest.mark.parametrize("keys", [1, 2])
@pytest.mark.parametrize("kind", TABLES)
def test_distinct(engine, kind, keys):
    frame = made(kind, keys)
    wanted = len(kept(frame, keys).drop_duplicates([f"key {k}" for k in range(keys)]))
    assert found(lambda c: [distinct(c.rows, c.keys)], frame, keys, engine) == [wanted]


@pytest.mark.parametrize("keep", ["first", "last"])
@pytest.mark.parametrize("kind", TABLES)
def test_one_row_of_each_key(engine, kind, keep):
    frame = made(kind, 2)
    plain = frame[frame.rows].copy()
    for k in range(2):
        plain[f"key {k}"] = plain[f"key {k}"].astype(float).where(plain[f"keyed {k}"])
    wanted = np.zeros(len(frame), bool)
    wanted[plain.drop_duplicates(["key 0", "key 1"], keep=keep).index] = True
    (got,) = found(lambda c: [one_of_each(c.rows, c.keys, keep=keep)], frame, 2, engine)
    np.testing.assert_array_equal(got, wanted)


@pytest.mark.parametrize("kind", TABLES)
def test_value_counts(engine, kind):
    frame = made(kind, seed=3)
    counts = kept(frame).groupby("key 0").size().sort_values(ascending=False, kind="stable")

    def script(c):
        (key,), count = value_counts(c.rows, c.keys, groups=20)
        return [key, count]

    key, count = (pd.Series(x) for x in found(script, frame, engine=engine))
    np.testing.assert_array_equal(key[: len(counts)], counts.index)
    np.testing.assert_array_equal(count[: len(counts)], counts)
    assert count[len(counts) :].isna().all()


def test_refused():
    with pytest.raises(ConfigError, match="expected 'first' or 'last'"):
        found(lambda c: [one_of_each(c.rows, c.keys, keep="any")], made("ties"))

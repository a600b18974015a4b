"""Group-by on secret keys against pandas: ties, missing values, empty groups, no rows at all, one row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc.errors import RangeError, ShapeError
from protocols.order import order_by
from protocols.simulate import evaluate
from protocols.tables.groups import group_rows
from tests.support.engines import MORE_PARTIES, making
from tests.support.key_tables import TABLES, grouped, made
from tests.support.key_tables import found as of_table
from tests.support.value_floor import opened, secret


@pytest.fixture(params=MORE_PARTIES)
def engine(request):
    return request.param


def found(script, frame, *, keys=1, groups=20, engine="ideal", by_order=False):
    """What `script(groups, columns)` gives, opened."""

    def grouping(columns):
        order = order_by(*[k.without_mask() for k in columns.keys]) if by_order else None
        return script(group_rows(columns.rows, columns.keys, groups=groups, order=order), columns)

    return of_table(grouping, frame, keys, engine)


def alike(got, wanted, atol=0.0):
    """Results in places of groups, the first ones, and no value in the places after them."""
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    np.testing.assert_allclose(got[: wanted.size], wanted, atol=atol)
    assert np.isnan(got[wanted.size :]).all()


@pytest.mark.parametrize("kind", TABLES)
def test_sums(engine, kind):
    frame = made(kind)
    groups = grouped(frame, 1)

    def script(by, c):
        return [by.keys[0], by.count(), by.count(c["x"]), by.sum(c["x"]), by.sum(c["y"]), by.mean(c["x"])]

    key, count, valid, whole, real, mean = found(script, frame, engine=engine)
    alike(key, groups.x.size().index)
    alike(count, groups.size())
    alike(valid, groups.x.count())
    alike(whole, groups.x.sum())
    alike(real, groups.y.sum(), 1e-5)
    alike(mean, groups.x.mean(), 1e-4)


@pytest.mark.parametrize("kind", TABLES)
def test_flags(engine, kind):
    frame = made(kind, seed=2)
    groups = grouped(frame, 1).flag

    def script(by, c):
        return [by.any(c["flag"]), by.all(c["flag"]), by.sum(c["flag"])]

    some, every, number = found(script, frame, engine=engine)
    alike(some, groups.max().fillna(0))
    alike(every, groups.min().fillna(1))
    alike(number, groups.sum())


@pytest.mark.parametrize("kind", TABLES)
def test_spread(engine, kind):
    frame = made(kind, seed=5)
    groups = grouped(frame, 1)
    sample, whole, deviation = found(
        lambda by, c: [by.var(c["x"]), by.var(c["y"], 0), by.std(c["x"])], frame, engine=engine
    )
    for got, wanted in ((sample, groups.x.var()), (whole, groups.y.var(ddof=0)), (deviation, groups.x.std())):
        # A variance of 0 is undefined: the shared numbers do not tell it from a rounding error.
        wanted = wanted.where(wanted > 0).to_numpy()
        np.testing.assert_allclose(got[: wanted.size], wanted, rtol=2e-3)
        assert np.isnan(got[wanted.size :]).all()


@pytest.mark.parametrize("kind", TABLES)
def test_order_in_groups(engine, kind):
    frame = made(kind, seed=6)
    groups = grouped(frame, 1)

    def script(by, c):
        return [by.min(c["x"]), by.max(c["y"]), by.median(c["x"]), by.quantile(c["x"], 0.3), by.quantile(c["y"], 1)]

    low, high, middle, part, last = found(script, frame, engine=engine)
    alike(low, groups.x.min())
    alike(high, groups.y.max(), 1e-5)
    alike(middle, groups.x.median(), 1e-6)
    alike(part, groups.x.quantile(0.3), 1e-5)
    alike(last, groups.y.max(), 1e-5)


def test_several_keys(engine):
    frame = made("missing", keys=3, seed=3)
    frame["key 1"] = frame["key 1"] // 4
    frame["key 2"] = frame["key 2"] // 5
    sums = grouped(frame, 3).x.sum()
    *keys, total = found(lambda by, c: [*by.keys, by.sum(c["x"])], frame, keys=3, groups=40, engine=engine)
    for k, key in enumerate(keys):
        alike(key, sums.index.get_level_values(k))
    alike(total, sums)


def test_an_order_from_elsewhere(engine):
    frame = made("missing", seed=4)
    groups = grouped(frame, 1)
    key, total = found(lambda by, c: [by.keys[0], by.sum(c["x"])], frame, engine=engine, by_order=True)
    alike(key, groups.x.sum().index)
    alike(total, groups.x.sum())


def test_random_tables():
    for seed in range(30):
        kind = list(TABLES)[seed % 3]
        frame = made(kind, seed=seed)
        groups = grouped(frame, 1)
        count, total = found(lambda by, c: [by.count(), by.sum(c["x"])], frame, groups=40)
        alike(count, groups.size())
        alike(total, groups.x.sum())


def test_tags_of_62_bits(engine):
    tags = np.asarray([5, 1 << 61, 5, 3, (1 << 62) - 1, 3, 5])

    async def script(run):
        rows = secret(run, np.ones(7, bool))
        by = group_rows(rows, [secret(run, tags), secret(run, tags[::-1].copy())], groups=7)
        return await opened(run, by.count())

    frame = pd.DataFrame({"a": tags, "b": tags[::-1]})
    alike(evaluate(script, **making(engine))[0], frame.groupby(["a", "b"]).size())


def test_refused():
    async def script(run):
        rows, key = secret(run, np.ones(4, bool)), secret(run, np.arange(4))
        for wrong in ([], [key] * 4, [key[:3]]):
            with pytest.raises(ShapeError):
                group_rows(rows, wrong, groups=4)
        with pytest.raises(ShapeError, match="expected bits"):
            group_rows(key, [key], groups=4)
        with pytest.raises(RangeError, match="from 1 up"):
            group_rows(rows, [key], groups=0)
        with pytest.raises(ShapeError, match="no flag"):
            group_rows(rows, [key], groups=4).any(key)

    evaluate(script)

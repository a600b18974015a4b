"""Joins by sorting on secret keys, against pandas: unique and repeated keys, missing ones, no rows at all."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import RangeError, ShapeError
from protocols.simulate import evaluate
from protocols.tables.joins import join_rows, matched
from tests.support.engines import MORE_PARTIES, making
from tests.support.key_tables import made, secrets
from tests.support.value_floor import opened, secret


@pytest.fixture(params=MORE_PARTIES)
def engine(request):
    return request.param


def found(script, left, right, keys=1, engine="ideal"):
    async def run_(run):
        return [await opened(run, x) for x in script(secrets(run, left, keys), secrets(run, right, keys))]

    return evaluate(run_, **making(engine))[0]


def matches_of(left, right, keys):
    """For each left row the right rows with its keys, in their order."""
    names = [f"key {k}" for k in range(keys)]
    keyed = [f"keyed {k}" for k in range(keys)]
    there = right[right.rows & right[keyed].all(axis=1)]
    by_key = {key: group.index.tolist() for key, group in there.groupby(names)}
    wanted = left.rows & left[keyed].all(axis=1)
    return [by_key.get(tuple(row), []) if w else [] for row, w in zip(left[names].to_numpy(), wanted, strict=True)]


PAIRS = [
    ("ties", "ties"),
    ("missing", "single rows"),
    ("ties", "one row"),
    ("one row", "ties"),
    ("filtered", "missing"),
    ("ties", "filtered"),
    ("one row", "one row"),
]


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
@pytest.mark.parametrize("bound", [1, 3])
def test_against_plain_rows(engine, pair, bound):
    left, right = made(pair[0], seed=1), made(pair[1], seed=2)
    wanted = matches_of(left, right, 1)

    def script(a, b):
        joined = join_rows(a.rows, a.keys, b.rows, b.keys, [b["x"], b["y"], b["flag"]], matches=bound)
        return [joined.found, *joined.columns, joined.beyond]

    hit, x, y, flag, beyond = found(script, left, right, engine=engine)
    width = min(bound, len(right))
    hit, x, y, flag = (np.asarray(column, float).reshape(len(left), width) for column in (hit, x, y, flag))
    for row, rows in enumerate(wanted):
        rows = rows[:width]
        assert hit[row].tolist() == [1] * len(rows) + [0] * (width - len(rows))
        for got, name in ((x, "x"), (y, "y"), (flag, "flag")):
            values = right[name].astype(float).where(right[f"valid {name}"])[rows].to_numpy()
            np.testing.assert_allclose(got[row, : len(rows)], values, atol=1e-5)
            assert np.isnan(got[row, len(rows) :]).all()
    sizes = right[right.rows & right["keyed 0"]].groupby("key 0").size()
    assert beyond == (sizes - width).clip(lower=0).sum()


def test_several_keys(engine):
    left, right = made("missing", 3, seed=3), made("ties", 3, seed=4)
    for frame in (left, right):
        frame["key 1"] //= 3
        frame["key 2"] //= 4
    wanted = [bool(rows) for rows in matches_of(left, right, 3)]
    (hit,) = found(lambda a, b: [matched(a.rows, a.keys, b.rows, b.keys)], left, right, 3, engine)
    np.testing.assert_array_equal(hit, wanted)


def test_tags_of_62_bits(engine):
    tags = np.asarray([0, (1 << 62) - 1, 1 << 61, 7])
    mine = np.asarray([7, 5, 1 << 61, 0, (1 << 62) - 1, (1 << 62) - 2])

    async def script(run):
        left, right = secret(run, np.ones(6, bool)), secret(run, np.ones(4, bool))
        joined = join_rows(left, [secret(run, mine)], right, [secret(run, tags)], [secret(run, np.arange(4) + 1)])
        return await opened(run, joined.found), await opened(run, joined.columns[0])

    hit, row = evaluate(script, **making(engine))[0]
    np.testing.assert_array_equal(hit, [1, 0, 1, 1, 1, 0])
    np.testing.assert_array_equal(row, [4, np.nan, 3, 1, 2, np.nan])


def test_keys_that_are_negative_or_zero(engine):
    async def script(run):
        left, right = secret(run, np.ones(3, bool)), secret(run, np.ones(2, bool))
        a, b = secret(run, np.asarray([0, -5, 3])), secret(run, np.asarray([3, -5]))
        return await opened(run, matched(left, [a], right, [b])), await opened(run, matched(right, [b], left, [a]))

    first, second = evaluate(script, **making(engine))[0]
    np.testing.assert_array_equal(first, [0, 1, 1])
    np.testing.assert_array_equal(second, [1, 1])


def test_refused():
    def script(a, b):
        with pytest.raises(ShapeError, match="1 keys on the left and 2"):
            join_rows(a.rows, a.keys[:1], b.rows, b.keys)
        with pytest.raises(ShapeError):
            join_rows(a.rows, a.keys, b.rows, b.keys, [a["x"][:2]])
        with pytest.raises(RangeError, match="from 1 up"):
            join_rows(a.rows, a.keys, b.rows, b.keys, matches=0)
        return []

    found(script, made("ties", 2), made("single rows", 2), 2)

"""Ranks, shifts and running sums within groups, against pandas."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Integer, Real
from mpc.errors import ConfigError, ShapeError
from protocols.tables.windows import windows
from tests.support.engines import ENGINES_SLOW, MORE_PARTIES
from tests.support.key_tables import TABLES, found, made
from tests.support.tables import releases


@pytest.fixture(params=MORE_PARTIES)
def engine(request):
    return request.param


def in_pandas(frame, function):
    """What `function(groups, rows in order)` gives in pandas, in the order of the table, NaN where there is no row."""
    there = frame[frame.rows & frame["keyed 0"] & frame["valid x"]].copy()
    there["y"] = there.y.where(there["valid y"])
    ordered = there.sort_values("x", kind="stable")
    if there.empty:
        return np.full(len(frame), np.nan)
    return function(ordered.groupby("key 0"), ordered).reindex(frame.index).to_numpy(float)


def alike(got, wanted, atol=1e-5):
    np.testing.assert_allclose(np.asarray(got, float), wanted, atol=atol)


@pytest.mark.parametrize("kind", TABLES)
def test_ranks(engine, kind):
    frame = made(kind)
    methods = ["first", "min", "max", "average", "dense"]

    def script(c):
        w = windows(c.rows, c.keys, [c["x"]])
        return [w.number(), *[w.rank(ties) for ties in methods]]

    number, *ranks = found(script, frame, engine=engine)
    alike(number, in_pandas(frame, lambda g, _: g.cumcount()))
    for got, method in zip(ranks, methods, strict=True):
        alike(got, in_pandas(frame, lambda g, _, m=method: g.x.rank(method=m)))


@pytest.mark.parametrize("kind", TABLES)
def test_rows_before_and_after(engine, kind):
    frame = made(kind, seed=1)

    def script(c):
        w = windows(c.rows, c.keys, [c["x"]])
        return [w.shift(c["y"]), w.shift(c["x"], 3), w.shift(c["y"], -2), w.shift(c["x"], 100), w.cumsum(c["y"])]

    one, three, after, far, sums = found(script, frame, engine=engine)
    alike(one, in_pandas(frame, lambda g, _: g.y.shift(1)))
    alike(three, in_pandas(frame, lambda g, _: g.x.shift(3)))
    alike(after, in_pandas(frame, lambda g, _: g.y.shift(-2)))
    assert np.isnan(far).all()
    alike(sums, in_pandas(frame, lambda g, _: g.y.cumsum()))


def test_falling_and_without_a_key(engine):
    frame = made("missing", seed=2)

    def script(c):
        falling = windows(c.rows, c.keys, [c["x"], c["flag"]], descending=True)
        whole = windows(c.rows, [], [c["x"]])
        return [falling.rank("min"), whole.rank("min")]

    falling, whole = found(script, frame, engine=engine)
    there = frame[frame.rows & frame["keyed 0"] & frame["valid x"] & frame["valid flag"]]
    both = there.x * 2 + there.flag
    alike(falling, both.groupby(there["key 0"]).rank(method="min", ascending=False).reindex(frame.index))
    there = frame[frame.rows & frame["valid x"]]
    alike(whole, there.x.rank(method="min").reindex(frame.index))


def test_refused():
    def script(c):
        with pytest.raises(ShapeError, match="at least one column"):
            windows(c.rows, c.keys, [])
        with pytest.raises(ConfigError, match="'first', 'min'"):
            windows(c.rows, c.keys, [c["x"]]).rank("mean")
        with pytest.raises(ShapeError):
            windows(c.rows, c.keys, [c["x"][:3]])
        return []

    found(script, made("ties"))


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_sums_stand_on_their_rows(engine):
    frames = [
        pd.DataFrame({"k": [0, 0, 1, 1], "t": [0, 4, 0, 5], "x": [1.0, 2, 3, 4]}),
        pd.DataFrame({"k": [0, 1], "t": [9, 8], "x": [5.0, 6]}),
        pd.DataFrame({"k": [2], "t": [0], "x": [7.0]}),
    ]

    def script(table):
        shared = table.share(rows=5)
        k, t, x = (shared[name] for name in ("k", "t", "x"))
        w = windows(k.valid.bare().with_basis(k.basis.plain()), [k], [t])
        before = t - w.shift(t)
        return {"gap": before.mean(), "few": (before * (k > 0)).mean(), "sum": w.cumsum(x).sum()}

    declared = {"k": Integer(0, 9), "t": Integer(0, 9), "x": Real(0, 9)}
    got = releases(script, declared, frames, minimum=3, engine=engine)
    assert got["gap"] == pytest.approx((4 + 5 + 5 + 3) / 4, abs=1e-4)
    assert got["few"] == "suppressed (fewer than 3)"
    assert got["sum"] == pytest.approx(1 + 3 + 8 + 3 + 7 + 13 + 7, abs=1e-4)

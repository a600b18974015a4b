"""All verbs on random tables, against pandas: any number of rows, ties, missing values, places without a row."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from protocols import order
from protocols.tables.groups import group_rows
from protocols.tables.joins import join_rows
from protocols.tables.keys import distinct, one_of_each
from protocols.tables.windows import windows
from tests.support.key_tables import found, grouped, kept


@st.composite
def tables(draw):
    """A table as `made` makes them, of up to 12 places."""
    n = draw(st.integers(1, 12))

    def column(values):
        return draw(st.lists(values, min_size=n, max_size=n))

    often = st.sampled_from([True, True, True, False])
    frame = pd.DataFrame({"rows": column(often), "key 0": column(st.integers(-2, 2)), "keyed 0": column(often)})
    frame["x"], frame["flag"] = column(st.integers(-4, 4)), column(st.booleans())
    frame["y"] = np.asarray(column(st.integers(-800, 800))) / 100
    for name in ("x", "y", "flag"):
        frame[f"valid {name}"] = column(often)
    return frame


def alike(got, wanted):
    """The first places as in pandas, and none after them."""
    got, wanted = np.asarray(got, float), np.asarray(wanted, float)
    np.testing.assert_allclose(got[: wanted.size], wanted, atol=2e-4)
    assert np.isnan(got[wanted.size :]).all()


@given(frame=tables(), q=st.sampled_from([0, 0.1, 0.5, 0.75, 1]))
def test_groups(frame, q):
    groups = grouped(frame)

    def script(c):
        by = group_rows(c.rows, c.keys, groups=6)
        x, y, flag = c["x"], c["y"], c["flag"]
        order_ = [by.min(x), by.max(y), by.median(y), by.quantile(x, q)]
        return [by.keys[0], by.count(), by.count(x), by.sum(x), by.mean(y), by.any(flag), by.all(flag), *order_]

    key, size, count, total, mean, some, every, low, high, middle, part = found(script, frame)
    alike(key, groups.size().index)
    alike(size, groups.size())
    alike(count, groups.x.count())
    alike(total, groups.x.sum())
    alike(mean, groups.y.mean())
    alike(some, groups.flag.max().fillna(0))
    alike(every, groups.flag.min().fillna(1))
    alike(low, groups.x.min())
    alike(high, groups.y.max())
    alike(middle, groups.y.median())
    alike(part, groups.x.quantile(q))


@given(frame=tables(), rows=st.integers(-3, 3))
def test_windows(frame, rows):
    there = kept(frame)
    there = there[there["valid x"]].sort_values("x", kind="stable")
    groups = there.groupby("key 0")

    def script(c):
        w = windows(c.rows, c.keys, [c["x"]])
        return [w.number(), w.rank("average"), w.rank("dense"), w.cumsum(c["y"]), w.shift(c["x"], rows or 1)]

    wanted = [groups.cumcount(), groups.x.rank(), groups.x.rank(method="dense"), groups.y.cumsum()]
    wanted.append(groups.x.shift(rows or 1))
    for got, plain in zip(found(script, frame), wanted, strict=True):
        alike(got, plain.astype(float).reindex(frame.index))


@given(frame=tables())
def test_keys(frame):
    plain = frame[frame.rows].copy()
    plain["key 0"] = plain["key 0"].astype(float).where(plain["keyed 0"])
    staying = frame.index.isin(plain.drop_duplicates("key 0").index)
    number, first = found(lambda c: [distinct(c.rows, c.keys), one_of_each(c.rows, c.keys)], frame)
    assert number == kept(frame)["key 0"].nunique()
    np.testing.assert_array_equal(first, staying)


@given(frame=tables(), matches=st.integers(1, 4))
def test_a_table_joined_with_itself(frame, matches):
    there = kept(frame)
    by_key = {key: group.index.tolist() for key, group in there.groupby("key 0")}

    def script(c):
        joined = join_rows(c.rows, c.keys, c.rows, c.keys, [c["y"]], matches=matches)
        return [joined.found, joined.columns[0], joined.beyond]

    hit, y, beyond = found(script, frame)
    width = min(matches, len(frame))
    hit, y = np.asarray(hit).reshape(-1, width), np.asarray(y, float).reshape(-1, width)
    for row in range(len(frame)):
        rows = by_key.get(frame["key 0"][row], [])[:width] if row in there.index else []
        assert hit[row].sum() == len(rows)
        alike(y[row], there.y[rows])
    assert beyond == sum(max(len(rows) - width, 0) for rows in by_key.values())


@given(frame=tables(), q=st.fractions(0, 1, max_denominator=40))
def test_quantiles_of_what_is_there(frame, q):
    values = frame.y[frame["valid y"]]
    (got,) = found(lambda c: [order.quantile(c["y"], float(q))], frame)
    wanted = np.quantile(values, float(q)) if len(values) else np.nan
    np.testing.assert_allclose(got, wanted, atol=2e-4)

"""Sorting and what follows from it, on values: against NumPy, with masks, ties, extremes and every bound held."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import PolicyError, RangeError, ShapeError
from protocols import order
from protocols.simulate import evaluate
from tests.support.engines import ENGINES_SLOW
from tests.support.tables import releases, split, table
from tests.support.value_floor import compute, opened, secret


@pytest.fixture(params=ENGINES_SLOW)
def engine(request):
    return request.param


def mixed(size, kind="int", seed=1):
    rng = np.random.default_rng(seed)
    if kind == "bool":
        return rng.integers(0, 2, size).astype(bool)
    x = rng.integers(-50, 50, size)
    return x if kind == "int" else x / 8


def masked(x, mask):
    return x.masked(mask, "missing")


@pytest.mark.parametrize("kind", ["int", "real", "bool"])
@pytest.mark.parametrize("size", [0, 1, 2, 40])
def test_sort(engine, size, kind):
    x = mixed(size, kind)
    np.testing.assert_array_equal(compute(order.sort, x, engine=engine), np.sort(x))
    falling = compute(lambda v: order.sort(v, descending=True), x, engine=engine)
    np.testing.assert_array_equal(falling, np.sort(x)[::-1])


def test_methods(engine):
    x = mixed(21)
    got = compute(lambda v: (v.sort(), v.sort(descending=True), v.median(), v.quantile([0, 0.25])), x, engine=engine)
    for found, wanted in zip(got, (np.sort(x), np.sort(x)[::-1], np.median(x), np.quantile(x, [0, 0.25])), strict=True):
        np.testing.assert_allclose(found, wanted, atol=1e-6)


def test_invalid_elements_come_last(engine):
    x, mask = mixed(30), mixed(30) % 3 != 0
    got = compute(lambda v, m: order.sort(masked(v, m)), x, mask, engine=engine)
    kept = x[mask]
    np.testing.assert_array_equal(got[: kept.size], np.sort(kept))
    assert np.isnan(got[kept.size :]).all()
    got = compute(lambda v, m: order.sort(masked(v, m), descending=True), x, mask, engine=engine)
    np.testing.assert_array_equal(got[: kept.size], np.sort(kept)[::-1])


def test_columns_by_keys(engine):
    a, b, c = mixed(60) // 20, mixed(60, "bool", 2), mixed(60, seed=3)
    for descending in (False, True):
        got = compute(
            lambda x, y, z, down=descending: order.sort_by([x, y, z], x, y, descending=down), a, b, c, engine=engine
        )
        sign = -1 if descending else 1
        rows = np.lexsort((sign * b.astype(int), sign * a))
        for found, column in zip(got, (a, b, c), strict=True):
            np.testing.assert_array_equal(found, column[rows])


@pytest.mark.parametrize("first", [0, 1, 4, 60])
def test_the_first_rows_alone(engine, first):
    a, b = mixed(60) // 20, mixed(60, seed=3)
    wanted = np.lexsort((b, a))[:first]
    got = compute(lambda x, y: order.order_by(x, y, first=first).sources()[:first], a, b, engine=engine)
    np.testing.assert_array_equal(got, wanted)
    wide = ((a, 0, 2**40), (b, 0, 2**40))
    got = compute(lambda x, y: order.order_by(x, y, first=first).sources()[:first], *wide, engine=engine)
    np.testing.assert_array_equal(got, wanted)


def test_the_first_of_many_rows():
    x = np.random.default_rng(0).integers(-(2**20), 2**20, 5000)
    got = compute(lambda v: order.order_by(v, first=5).apply(v)[:5], x, engine="replicated")
    np.testing.assert_array_equal(got, np.sort(x)[:5])


def test_keys_too_wide_for_one(engine):
    a, b = mixed(30) // 25, mixed(30, seed=2) // 25
    bound = 2**40

    def sources(x, y):
        return order.order_by(x.bounded(bound), y).sources()

    got = compute(sources, (a, 0, bound), (b, 0, bound), engine=engine)
    np.testing.assert_array_equal(got, np.lexsort((b, a)))


def test_orders(engine):
    x, y = mixed(25), mixed(25, seed=2)

    def orders(a, b):
        by_a, by_b = order.order_by(a), order.order_by(b)
        both = by_a.then(by_b)
        table = a.reshape(-1, 1).broadcast_to((25, 2))
        return (
            by_a.sources(),
            by_a.ranks(),
            by_a.undo(by_a.apply(b)),
            both.apply(a),
            by_a.inverse().apply(by_a.apply(b)),
            by_a.apply(table),
        )

    got = compute(orders, x, y, engine=engine)
    first, second = np.argsort(x, kind="stable"), np.argsort(y, kind="stable")
    wanted = [first, np.argsort(first), y, x[first][second], y, np.stack([np.sort(x)] * 2, 1)]
    for found, expected in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_random_order_is_one(engine):
    async def script(run):
        rows = order.random_order(run, 50)
        assert len(rows) == 50
        return await opened(run, rows.sources())

    got = evaluate(script, engine=engine, parties=3)[0]
    assert sorted(got) == list(range(50))
    assert list(got) != list(range(50))


@pytest.mark.parametrize("q", [0, 0.1, 0.25, 1 / 3, 0.5, 0.77, 1, [0.9, 0.5]])
@pytest.mark.parametrize("size", [1, 2, 9, 40])
def test_quantile(engine, q, size):
    for kind in ("int", "real"):
        x = mixed(size, kind)
        got = compute(lambda v: order.quantile(v, q), x, engine=engine)
        np.testing.assert_allclose(got, np.quantile(x, q), atol=1e-5)


@pytest.mark.parametrize("q", [0, 0.1, 0.5, 1 / 3, 1, [0.25, 0.75]])
def test_quantile_of_valid_elements(engine, q):
    x = mixed(33, "real")
    for mask in (x > 0, x == x[5], np.arange(33) == 7, x < 100):
        got = compute(lambda v, m: order.quantile(masked(v, m), q), x, mask, engine=engine)
        np.testing.assert_allclose(got, np.quantile(x[mask], q), atol=1e-5)
    got = compute(lambda v, m: order.quantile(masked(v, m), q), x, x > 100, engine=engine)
    assert np.isnan(got).all()


def test_medians_are_exact(engine):
    for size in (20, 21):
        x = mixed(size) * 1_000_003
        assert compute(order.median, x, engine=engine) == np.median(x)
        got = compute(lambda v, m: order.median(masked(v, m)), x, x > -(10**9), engine=engine)
        assert got == np.median(x)


def test_quantile_counts_who_stands_behind_it():
    async def script(run):
        x = masked(secret(run, mixed(20)), secret(run, mixed(20) > 0))
        x = x.about(secret(run, 7))
        found = []
        for q in (0.5, 0.9, 0.0):
            basis = order.quantile(x, q).basis
            (cohort,) = basis.cohorts
            found.append((float((await opened(run, cohort.counts().total))[0]), cohort.needed(10)))
        return found

    assert evaluate(script)[0] == [(7, 20), (7, 100), (7, 10)]


def test_a_quantile_stands_on_the_rows_on_each_side():
    def script(t):
        x = t.share(rows=300)["x"]
        return {"median": x.median(), "p": x.quantile(0.985), "several": x.quantile([0.25, 0.5, 0.985])}

    x = np.random.default_rng(1).uniform(0, 9, 500)
    found = releases(script, {"x": (0, 10)}, split(table(x=x)), minimum=10)
    assert found["median"] == pytest.approx(np.median(x), abs=1e-6)
    assert found["p"] == "suppressed (fewer than 10)"
    assert found["several"][2] == "suppressed (fewer than 10)"
    assert found["several"][:2] == pytest.approx(np.quantile(x, [0.25, 0.5]), abs=1e-6)


@pytest.mark.parametrize(
    "pick", [lambda x: x.quantile(0), lambda x: x.quantile(1.0), lambda x: x[3], lambda x: x.sort()]
)
def test_single_rows_are_refused(pick):
    with pytest.raises(PolicyError, match="a single row"):
        releases(lambda t: {"x": pick(t.share(rows=30)["x"])}, {"x": (0, 10)}, split(table(x=np.arange(9.0))))


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_ranked(engine):
    rng = np.random.default_rng(1)
    x, mask = rng.integers(-50, 50, 200) / 4, rng.random(200) < 0.7
    for ranks in ([0], [199], [3, 4, 100], []):
        for descending in (False, True):
            got = compute(lambda v, r=ranks, d=descending: order.ranked(v, r, descending=d), x, engine=engine)
            np.testing.assert_array_equal(got, np.sort(x)[:: -1 if descending else 1][ranks])
    got = compute(lambda v, m: order.ranked(masked(v, m), [0, 5, 199], descending=True), x, mask, engine=engine)
    np.testing.assert_array_equal(got, [*np.sort(x[mask])[::-1][[0, 5]], np.nan])
    for wrong in ([200], [-1], [1, 1], [2, 1]):
        with pytest.raises(ShapeError):
            compute(lambda v, r=wrong: order.ranked(v, r), x)


def test_a_median_costs_a_fraction_of_a_sort():
    async def script(run):
        x = secret(run, np.arange(100_000), bound=2**20)
        before = sum(run.cost.bytes_sent)
        x.median()
        middle = sum(run.cost.bytes_sent)
        x.sort()
        return middle - before, sum(run.cost.bytes_sent) - middle

    from mpc.machine.runtime import Runtime
    from protocols.library import Library
    from protocols.simulate import make_engine

    run = Runtime(make_engine("replicated", 3), Library())
    coroutine = script(run)
    with pytest.raises(StopIteration) as done:
        coroutine.send(None)
    median, whole = done.value.value
    assert 2 * median < whole


def test_top_k(engine):
    x, mask = mixed(30), mixed(30, seed=2) > 40
    for k in (0, 1, 5, 30):
        np.testing.assert_array_equal(compute(lambda v, k=k: order.top_k(v, k), x, engine=engine), np.sort(x)[::-1][:k])
    got = compute(lambda v, m: order.top_k(masked(v, m), 10), x, mask, engine=engine)
    kept = np.sort(x[mask])[::-1]
    assert kept.size < 10
    np.testing.assert_array_equal(got[: kept.size], kept)
    assert np.isnan(got[kept.size :]).all()


def test_compact(engine):
    x, y, mask = mixed(300), mixed(300, "real", 2), mixed(300, seed=3) > 20
    kept = int(mask.sum())
    for size in (kept, kept + 7, 300):
        got = compute(lambda v, w, m, s=size: order.compact([masked(v, m), w], s), x, y, mask, engine=engine)
        for found, column in zip(got, (x, y), strict=True):
            np.testing.assert_array_equal(found[:kept], column[mask])
            assert np.isnan(found[kept:]).all()
            assert found.size == size


def test_rows_that_find_no_place_are_noticed():
    async def script(run):
        (column,) = order.compact([masked(secret(run, mixed(30)), secret(run, mixed(30) > 0))], 3)
        (check,) = column.handle.assumptions
        return await opened(run, check.bit)

    assert not evaluate(script)[0]


@given(
    rows=st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=12),
    q=st.sampled_from([0, 0.5, 0.2, 1]),
)
def test_sort_and_quantile_match_numpy(rows, q):
    x, mask = np.array([v for v, _ in rows]), np.array([m for _, m in rows])
    got, middle = compute(lambda v, m: (order.sort(masked(v, m)), order.quantile(masked(v, m), q)), x, mask)
    kept = x[mask]
    np.testing.assert_array_equal(got[: kept.size], np.sort(kept))
    if kept.size:
        np.testing.assert_allclose(middle, np.quantile(kept, q), atol=1e-6)
    else:
        assert np.isnan(middle)


def test_what_cannot_be_ordered():
    x = mixed(6)
    for wrong in (
        lambda v: order.sort(v.reshape(2, 3)),
        lambda v: order.order_by(),
        lambda v: order.order_by(v, v[:2]),
        lambda v: order.order_by(v).apply(v[:2]),
        lambda v: order.top_k(v, 7),
        lambda v: order.compact([v], 7),
        lambda v: order.quantile(v[:0], 0.5),
        lambda v: order.order_by(v, first=len(v) + 1),
        lambda v: order.order_by(v).then(order.order_by(v[:2])),
        lambda v: order.order_by(v).then(v),
    ):
        with pytest.raises(ShapeError):
            compute(wrong, x)
    for wrong in (lambda v: order.quantile(v, 1.1), lambda v: order.compact([v], 5)):
        with pytest.raises(RangeError):
            compute(wrong, x)

"""Lookups by keys that owners hold, against pandas."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from mpc import Date, Integer, Key, Real, Scenario, Study, Table
from mpc.errors import DataError, ShapeError
from mpc.releases.study import runtime_of
from mpc.tables.lookups import Asked, HeldKeys
from mpc.tables.slots import third
from mpc.values.secret import constant
from protocols.simulate import Computation, dry_run, opened, simulate
from protocols.tables.lookup import held_order, link, lookup, spread_back
from tests.support.engines import ENGINES


class Asking(Table):
    key = Integer(-(2**60), 2**60)
    other = Integer(0, 9)
    x = Integer(0, 1000)
    z = Real(0, 1)


class AskedFor(Table):
    key = Integer(-(2**60), 2**60)
    other = Integer(0, 9)
    y = Integer(-1000, 1000)
    z = Real(0, 1)


def scenario(left_rows, right_rows, found, names=("key",)):
    """Puts what each party sees of a lookup, opened for the test, in `found`."""
    looking_up = Scenario(inputs={"left": Asking.rows(), "right": AskedFor.rows()})

    @looking_up.run
    async def run(study: Study) -> None:
        left, right, run = study.table("left"), study.table("right"), runtime_of(study)
        own, other = left[["x"]].share(rows=left_rows), right[["y"]].share(rows=right_rows)
        links = await link(
            HeldKeys(left.source, None, names, left_rows),
            HeldKeys(right.source, None, names, right_rows),
            [other["y"].without_mask(), other["y"].valid, other["y"].without_mask().reshape(-1, 1)],
        )
        back = await spread_back(links, own["x"].without_mask())
        if not run.dry and found is not None:
            values = [links.found, *links.gathered, back, *links.hits]
            found.append([await opened(run, value) for value in values])

    return looking_up


def run(tables, left_rows, right_rows, *, engine="replicated", names=("key",), **keywords):
    found: list[list[np.ndarray]] = []
    organizations = sorted(tables)
    tables = {who: {name: unused(table) for name, table in own.items()} for who, own in tables.items()}
    done = simulate(scenario(left_rows, right_rows, found, names), tables, engine=engine, **keywords)
    computing = keywords.get("compute") or organizations
    assert len(found) == len(computing)
    for one in found[1:]:
        for a, b in zip(found[0], one, strict=True):
            np.testing.assert_array_equal(a, b)
    return done, found[0]


def unused(table):
    return table | {"z": [0.5] * len(table["key"])}


def expected(tables, left_rows, right_rows, names=("key",)):
    """found, y, sums of x, hits; by pandas."""
    lefts, rights = (
        [frame(tables[who][side]) for who in sorted(tables) if side in tables[who]] for side in ("left", "right")
    )
    on = list(names)
    hits = np.zeros((len(rights), len(lefts) * left_rows), bool)
    y = np.zeros(len(lefts) * left_rows, int)
    back = np.zeros(len(rights) * right_rows, int)
    for j, right in enumerate(rights):
        right = right.assign(place=np.arange(len(right))).dropna(subset=on)
        for i, left in enumerate(lefts):
            left = left.assign(row=np.arange(len(left))).dropna(subset=on)
            both = left.merge(right, on=on)
            rows = i * left_rows + both["row"].to_numpy(int)
            hits[j, rows] = True
            y[rows] += both["y"].to_numpy(int)
            np.add.at(back, j * right_rows + both["place"].to_numpy(int), both["x"].to_numpy(int))
    return hits.any(axis=0), y, back, hits


def frame(table):
    """Whole numbers that may be missing, never rounded."""
    return pd.DataFrame({name: pd.array(values, dtype="Int64") for name, values in table.items()})


def check(tables, left_rows, right_rows, *, names=("key",), **keywords):
    done, (found, y, present, again, back, *hits) = run(tables, left_rows, right_rows, names=names, **keywords)
    is_found, values, sums, which = expected(tables, left_rows, right_rows, names)
    np.testing.assert_array_equal(found, is_found)
    np.testing.assert_array_equal(y, values)
    np.testing.assert_array_equal(again, values.reshape(-1, 1))
    np.testing.assert_array_equal(present, is_found)
    np.testing.assert_array_equal(back, sums)
    np.testing.assert_array_equal(np.stack(hits), which)
    return done


def column(values, missing, rng):
    """Some of the values are missing."""
    return [None if rng.random() < missing else int(value) for value in values]


def left_table(rng, rows, keys, missing=0.1):
    return {
        "key": column(rng.choice(keys, rows), missing, rng),
        "other": rng.integers(0, 3, rows).tolist(),
        "x": rng.integers(0, 1000, rows).tolist(),
    }


def right_table(rng, rows, keys, missing=0.1):
    return {
        "key": column(rng.choice(keys, rows, replace=False), missing, rng),
        "other": rng.integers(0, 3, rows).tolist(),
        "y": rng.integers(-1000, 1000, rows).tolist(),
    }


FIVE = ["ash", "birch", "cedar", "fir", "oak"]


def organizations(engine):
    return FIVE[: 5 if engine == "shamir" else 3]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_one_owner_on_each_side(engine, seed):
    rng = np.random.default_rng(seed)
    names = organizations(engine)
    keys = rng.integers(-(2**60), 2**60, 20)
    left, right = int(rng.integers(0, 30)), int(rng.integers(0, 12))
    tables = {name: {} for name in names}
    tables[names[seed]] |= {"left": left_table(rng, left, keys)}
    tables[names[(2 * seed) % len(names)]] |= {"right": right_table(rng, right, keys)}
    check(tables, left + 3, right + 1, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_rows_split_between_owners(engine):
    rng = np.random.default_rng(7)
    names = organizations(engine)
    keys = rng.integers(-(2**60), 2**60, 20)
    tables = {name: {} for name in names}
    for name, rows in zip(names[:2], (9, 0), strict=True):
        tables[name]["left"] = left_table(rng, rows, keys)
    for name, rows in zip(names[1:3], (8, 10), strict=True):
        tables[name]["right"] = right_table(rng, rows, keys)
    check(tables, 9, 10, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("keys", [[], [1, 2, 3], [4, 5, 6], [None] * 3])
def test_all_match_none_match_and_no_rows(engine, keys):
    names = organizations(engine)
    left = {"key": [1, 2, 3, 1], "other": [0] * 4, "x": [10, 20, 30, 40]}
    right = {"key": keys, "other": [0] * len(keys), "y": [-1, -2, -3][: len(keys)]}
    tables = {name: {} for name in names} | {names[0]: {"left": left}, names[1]: {"right": right}}
    check(tables, 4, 3, engine=engine)
    none = {"key": [], "other": [], "x": []}
    check(tables | {names[0]: {"left": none}}, 1, 3, engine=engine)


def test_keys_of_two_columns():
    rng = np.random.default_rng(11)
    keys = np.arange(5)
    right = {
        "key": np.repeat(keys, 3).tolist(),
        "other": np.tile([0, 1, 2], 5).tolist(),
        "y": rng.integers(-1000, 1000, 15).tolist(),
    }
    tables = {"ash": {"left": left_table(rng, 30, keys)}, "birch": {"right": right}, "cedar": {}}
    check(tables, 30, 15, names=("key", "other"))


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_owners_that_do_not_compute(engine):
    rng = np.random.default_rng(5)
    keys = rng.integers(-(2**60), 2**60, 20)
    tables = {name: {} for name in FIVE}
    tables["cedar"]["left"] = left_table(rng, 9, keys)
    tables["fir"]["left"] = left_table(rng, 9, keys)
    tables["oak"]["right"] = right_table(rng, 8, keys)
    tables["ash"]["right"] = right_table(rng, 8, keys)
    check(tables, 9, 8, engine=engine, compute=["ash", "birch", "cedar"])


class Persons(Table):
    who = Key(case="upper", strip=True)
    born = Date("1890-01-01", "2020-12-31")
    y = Integer(0, 100)


def test_keys_and_dates():
    texts = [" ab1", "AB1", "ab2 ", None, "zz"]
    born = ["1899-12-31", "1950-01-01", "1970-01-01", "1970-01-01", "1970-01-01"]
    right = {"who": ["Ab1", "ab1", "AB2", "q"], "born": [*born[:3], None], "y": [1, 2, 3, 4]}
    seen = []
    persons = Scenario(inputs={"left": Persons.rows(), "right": Persons.rows()})

    @persons.run
    async def run(study: Study) -> None:
        left, right, run = study.table("left"), study.table("right"), runtime_of(study)
        y = right[["y"]].share(rows=4)["y"].without_mask()
        keys = [HeldKeys(left.source, None, ("who", "born"), 5), HeldKeys(right.source, None, ("who", "born"), 4)]
        found, gathered = await lookup(*keys, [y])
        if not run.dry:
            seen.append([await opened(run, found), await opened(run, *gathered)])

    left = {"who": texts, "born": born, "y": [0] * 5}
    simulate(persons, {"ash": {"left": left}, "birch": {"right": right}, "cedar": {}})
    np.testing.assert_array_equal(seen[0][0], [True, True, True, False, False])
    np.testing.assert_array_equal(seen[0][1], [1, 2, 3, 0, 0])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("matches", [2, 3])
def test_several_rows_of_one_key(engine, matches):
    """The first rows of each key are found, in their sequence; the others are counted. Sums go back to each of them."""
    rng = np.random.default_rng(matches)
    names = organizations(engine)
    keys = [[4, 4, 5, 4, None, 6, 5, 4], [4, 4, 9]]
    values = [np.arange(8) + 1, np.arange(3) + 100]
    asking = [4, 5, None, 9, 4]
    sent = rng.integers(-50, 50, (5, matches))
    seen = []
    many = Scenario(inputs={"left": Asking.rows(), "right": AskedFor.rows()})

    @many.run
    async def run(study: Study) -> None:
        left, right, run = study.table("left"), study.table("right"), runtime_of(study)
        y = right[["y"]].share(rows=8)["y"].without_mask()
        held = HeldKeys(left.source, None, ("key",), 5), HeldKeys(right.source, None, ("key",), 8)
        links = await link(*held, [y], matches=matches)
        back = await spread_back(links, constant(run, sent))
        if not run.dry:
            secrets = (links.found, *links.gathered, links.beyond, back, *links.hits)
            seen.append([await opened(run, value) for value in secrets])

    tables = {name: {} for name in names}
    tables[names[0]]["left"] = unused({"key": asking, "other": [0] * 5, "x": [0] * 5})
    for name, own, y in zip(names[1:3], keys, values, strict=True):
        tables[name]["right"] = unused({"key": own, "other": [0] * len(own), "y": y.tolist()})
    simulate(many, tables, engine=engine)
    hits = np.zeros((2, 5, matches), bool)
    y, back, beyond = np.zeros((5, matches), int), np.zeros((2, 8), int), 0
    for j, (own, value) in enumerate(zip(keys, values, strict=True)):
        number = [own[:row].count(key) for row, key in enumerate(own)]
        beyond += sum(key is not None and n >= matches for key, n in zip(own, number, strict=True))
        for row, key in enumerate(own):
            for asks, wanted in enumerate(asking):
                if key is not None and key == wanted and number[row] < matches:
                    hits[j, asks, number[row]] = True
                    y[asks, number[row]] += value[row]
                    back[j, row] += sent[asks, number[row]]
    found, gathered, lost, sums, *each = seen[0]
    np.testing.assert_array_equal(np.stack(each), hits)
    np.testing.assert_array_equal(found, hits.any(axis=0))
    np.testing.assert_array_equal(gathered, y)
    np.testing.assert_array_equal(sums, back.reshape(-1))
    assert lost == beyond > 0


def test_two_rows_of_one_key_are_refused():
    left = {"key": [1], "other": [0], "x": [1]}
    right = {"key": [4, 4, 5, 4], "other": [0] * 4, "y": [0] * 4}
    with pytest.raises(DataError, match=r"right: 2 of 4 rows have a key \(key\) that a row before them has"):
        run({"ash": {"left": left}, "birch": {"right": right}, "cedar": {}}, 1, 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_plans_and_what_is_seen_from_outside_do_not_depend_on_the_data(engine):
    """Costs are those of the dry run; sizes and order of all messages are the same for other data."""
    names = organizations(engine)

    def ran(seed):
        rng = np.random.default_rng(seed)
        keys = rng.integers(0, 2**60, 30)
        looking_up = scenario(20, 10, None)
        tables = {name: {} for name in names}
        tables[names[1]]["left"] = left_table(rng, rng.integers(0, 20), keys, missing=rng.random())
        tables[names[0]]["right"] = right_table(rng, rng.integers(0, 10), keys, missing=rng.random())
        plan = dry_run(Computation(looking_up, names, owners={"left": [1], "right": [0]}, engine=engine))
        done = simulate(
            looking_up, {who: {k: unused(t) for k, t in own.items()} for who, own in tables.items()}, engine=engine
        )
        assert done.cost == plan.cost
        if engine != "ideal":
            assert tuple(done.network.bytes_sent) == plan.bytes_sent
            assert len(done.network.messages) == sum(plan.cost.messages)
        # Which of two concurrent messages is sent first goes with the threads, not with the data.
        return sorted(done.network.messages)

    assert ran(1) == ran(2) == ran(3)


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_an_owner_whose_slots_change_their_sequence(engine):
    """Differences do not telescope then, and what comes out could be beyond the bounds that masks rest on: where they
    do, the owner counts as one whose rows find nothing. Elsewhere its own rows find nothing, or anything."""
    names = organizations(engine)
    honest = Asked.result

    def lie(self):
        liar = self._batches[0][0][0, 0] == 1
        found = honest(self)
        if not liar:
            return found
        order = found["order"].copy()
        slots = np.flatnonzero(order < 3 * third(4))
        order[slots] = np.roll(order[slots], 1)
        return found | {"order": order}

    keys = {"key": [2, 3, 1], "other": [0] * 3}
    tables = {name: {} for name in names}
    tables[names[0]]["left"] = {"key": [1, 2, 3], "other": [0] * 3, "x": [1, 1, 1]}
    tables[names[1]] = {"left": keys | {"x": [1, 1, 1]}, "right": keys | {"y": [10, 20, 30]}}
    with patch.object(Asked, "result", lie):
        _, (found, y, *_) = run(tables, 3, 4, engine=engine)
    np.testing.assert_array_equal(found[3:], [True] * 3)
    np.testing.assert_array_equal(y[3:], [10, 20, 30])
    if engine == "shamir":
        assert not found[:3].any()
        assert not y[:3].any()


def test_what_does_not_fit_is_refused():
    wrong = Scenario(inputs={"left": Asking.rows(), "right": AskedFor.rows()})

    @wrong.run
    async def run(study: Study) -> None:
        left, right = study.table("left"), study.table("right")
        y = right.share(rows=3)["y"]
        keys = [HeldKeys(table.source, None, ("key",), 3) for table in (left, right)]
        with pytest.raises(ShapeError, match="without mask"):
            await link(*keys, [y])
        with pytest.raises(ShapeError, match="times"):
            await link(*keys, [y.without_mask()[:2]])
        with pytest.raises(ShapeError, match="columns"):
            await link(keys[0], keys[1]._replace(names=("key", "other")), [])
        with pytest.raises(ShapeError, match="the column z is a real"):
            await link(keys[0]._replace(names=("z",)), keys[1]._replace(names=("z",)), [])
        with pytest.raises(ShapeError, match="different kinds"):
            await link(keys[0]._replace(names=("z",)), keys[1], [])

    dry_run(Computation(wrong, FIVE[:3], owners={"left": [0], "right": [1]}))


@pytest.mark.parametrize("engine", ENGINES)
def test_the_order_of_one_owners_rows(engine):
    names = organizations(engine)
    seen = []
    one = Scenario(inputs={"left": Asking.rows()})

    @one.run
    async def run(study: Study) -> None:
        left, run = study.table("left"), runtime_of(study)
        x = left[["x"]].share(rows=8)["x"].without_mask()
        order, starts = await held_order(HeldKeys(left.source, None, ("key",), 8))
        if not run.dry:
            seen.append([await opened(run, value) for value in (order.apply(x), starts)])

    keys = [7, 3, None, 7, 3, 9]
    table = {"key": keys, "other": [0] * 6, "x": [1, 2, 3, 4, 5, 6]}
    simulate(one, {name: {} for name in names} | {names[2]: {"left": unused(table)}}, engine=engine)
    x, starts = seen[0]
    groups = np.split(x, np.flatnonzero(starts)[1:])
    assert sorted(sorted(group.tolist()) for group in [*groups[:-1], groups[-1][: len(groups[-1]) - 3]]) == [
        sorted(group) for group in ([1, 4], [2, 5], [6])
    ]
    assert sorted(x[5:].tolist()) == [0, 0, 3]
    assert not starts[5:].any()

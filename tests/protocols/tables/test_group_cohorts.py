"""What a group's result stands on: the rows of that group, of all owners and of each owner, and nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import PolicyError
from protocols.simulate import simulate
from protocols.tables.groups import group_rows
from tests.support.engines import ENGINES_SLOW
from tests.support.tables import releases

_COLUMNS = {"k": Integer(0, 9), "x": Real(0, 100), "f": Flag()}
_FEW, _NONE = "suppressed (fewer than 3)", "undefined: no such group"


class People(Table):
    k = Integer(0, 9)
    x = Real(0, 100)


@pytest.fixture(params=ENGINES_SLOW)
def engine(request):
    return request.param


def frames(*keys):
    """A table for each owner: rows with these keys, and values from 0 up."""
    return [pd.DataFrame({"k": ks, "x": np.arange(len(ks)) + 1.0, "f": np.arange(len(ks)) % 2.0}) for ks in keys]


def grouped(table, groups=4):
    shared = table.share(rows=8)
    k, x, f = (shared[name] for name in ("k", "x", "f"))
    rows = k.valid.bare().with_basis(k.basis.plain())
    return group_rows(rows, [k], groups=groups), x, f


def test_small_groups_are_suppressed(engine):
    def script(table):
        by, x, _ = grouped(table)
        return {"keys": by.keys[0], "count": by.count(), "sum": by.sum(x), "groups": by.number(), "there": by.found()}

    got = releases(script, _COLUMNS, frames([0, 0, 1, 7], [0, 7, 7], [1]), minimum=3, engine=engine)
    # Group 0 hides group 1, which the total would tell.
    assert got["keys"] == [_FEW, _FEW, 7, _NONE]
    assert got["count"] == [_FEW, _FEW, 3, _NONE]
    assert got["sum"] == [_FEW, _FEW, 9, _NONE]
    assert got["groups"] == 3
    assert got["there"] == [_FEW, _FEW, 1, 0]


def test_without_each_owners_own_rows(engine):
    def script(table):
        by, _, _ = grouped(table)
        return {"count": by.count()}

    owned = frames([0, 0, 0, 1, 1, 1, 3, 3], [0, 0, 1, 1, 1, 2, 3, 3], [2, 2, 2, 3, 3, 3])
    got = releases(script, _COLUMNS, owned, minimum=3, others=True, engine=engine)
    # Group 0: without the first owner 2 rows are left. Group 2: without the third owner 1. Group 1 hides both.
    assert got["count"] == [_FEW, _FEW, _FEW, 7]


@pytest.mark.parametrize(("groups", "told"), [(3, True), (1, False)])
def test_too_few_places_are_told_where_one_group_is_large(engine, groups, told):
    """Places hold groups from 0 up; group 3 is lost. Groups 0 and 1 are small; group 2 is large."""

    def script(table):
        return {"by k": table.share(rows=20).group_by("k", groups=groups).agg(n="count")}

    got = releases(script, _COLUMNS, frames([0, 1, 2, 2, 2], [1, 2, 2, 3, 3], [3, 3]), minimum=3, engine=engine)["by k"]
    # Where every group is suppressed, the release does not even tell whether the places suffice.
    assert got.startswith("out of range: the assumption at ") if told else got["values"] == []


def test_missing_values_do_not_count(engine):
    owned = frames([0, 0, 0, 0], [1, 1, 1], [1])
    owned[0].loc[:1, "x"] = np.nan

    def script(table):
        by, x, _ = grouped(table)
        return {"count": by.count(), "sum": by.sum(x), "mean": by.mean(x)}

    got = releases(script, _COLUMNS, owned, minimum=3, engine=engine)
    assert got["count"] == [4, 4, _NONE, _NONE]
    assert got["sum"] == [_FEW, _FEW, _NONE, _NONE]
    assert got["mean"][0] == _FEW


def test_both_sides_of_a_flag(engine):
    owned = frames([0] * 6, [1] * 5, [2])
    owned[1]["f"] = [1.0, 1.0, 1.0, 1.0, 0.0]

    def script(table):
        by, _, f = grouped(table)
        return {"sum": by.sum(f), "mean": by.mean(f)}

    got = releases(script, _COLUMNS, owned, minimum=3, engine=engine)
    assert got["sum"] == [_FEW, _FEW, _FEW, _NONE]  # of group 1, a single row lacks the flag; group 0 hides it
    assert got["mean"][1] == _FEW


def test_conditions(engine):
    owned = frames([0] * 6, [1] * 5, [1])

    def script(table):
        by, x, _ = grouped(table)
        return {"low": by.sum((x < 4) * x), "all": by.sum((x < 100) * x)}

    got = releases(script, _COLUMNS, owned, minimum=3, engine=engine)
    # Of group 1, 4 rows are below and 2 are not; group 0 hides it.
    assert got["low"] == [_FEW, _FEW, _NONE, _NONE]
    assert got["all"] == [21, 16, _NONE, _NONE]


def test_more_groups_than_places(engine):
    def script(table):
        by, x, _ = grouped(table, groups=2)
        return {"sum": by.sum(x), "groups": by.number()}

    got = releases(script, _COLUMNS, frames([0, 1], [2], [2]), engine=engine)
    assert all("out of range" in cell and "assumption" in cell for cell in got["sum"])
    assert got["groups"] == 3


def test_what_a_single_row_decides_needs_a_reason():
    def script(table):
        by, _, f = grouped(table)
        return {"any": by.any(f)}

    with pytest.raises(PolicyError, match="a single row can show"):
        releases(script, _COLUMNS, frames([0] * 4, [0] * 4, [0]), minimum=3)


def test_quantiles_ask_for_rows_on_both_sides(engine):
    owned = frames([0] * 6, [1] * 5, [1, 1])

    def script(table):
        by, x, _ = grouped(table)
        return {"median": by.median(x), "low": by.quantile(x, 0.25)}

    got = releases(script, _COLUMNS, owned, minimum=3, engine=engine)
    assert got["median"] == [3.5, 2, _NONE, _NONE]
    assert got["low"] == ["suppressed (fewer than 3)"] * 2 + [_NONE] * 2


def test_extremes_need_a_reason():
    def script(table):
        by, x, _ = grouped(table)
        return {"min": by.min(x)}

    with pytest.raises(PolicyError, match="a single row can show"):
        releases(script, _COLUMNS, frames([0] * 4, [0] * 4, [0]), minimum=3)


def test_rows_of_a_group_that_a_filter_leaves_out(engine):
    """Sums of groups with and without a filter tell the rows that it leaves out of each group."""
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def run(study):
        rows = study.table("people").share(rows=14)
        study.release("all", rows.group_by("k", groups=4).agg(x=("x", "sum")))
        study.release("but one", rows.filter(rows.x < 50).group_by("k", groups=4).agg(x=("x", "sum")))
        study.release("half", rows.filter(rows.x < 6).group_by("k", groups=4).agg(x=("x", "sum")))
        study.release("no more", rows.filter(rows.x < 500).group_by("k", groups=4).agg(x=("x", "sum")))

    part = pd.DataFrame({"k": [0, 1] * 6, "x": np.arange(12.0)})
    first = pd.concat([part, pd.DataFrame({"k": [0, 1], "x": [60.0, 70.0]})])
    tables = {"a": {"people": first}, "b": {"people": part}, "c": {"people": part}}
    found = simulate(scenario, tables, engine=engine).releases
    assert [row[0] for row in found["all"]["values"]] == [0, 1]
    assert found["no more"]["values"] == found["all"]["values"]
    assert found["but one"]["values"] == []
    assert [row[0] for row in found["half"]["values"]] == [0, 1]

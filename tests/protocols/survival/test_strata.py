"""Stratified log-rank tests against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import survdiff

from mpc import Category, Flag, Integer, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols.simulate import simulate
from protocols.survival import logrank
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation
from tests.support.survival import patients

THEIRS = {
    None: {},
    "wilcoxon": {"weight_type": "gb"},
    "tarone-ware": {"weight_type": "tw"},
    "fleming-harrington": {"weight_type": "fh", "fh_p": 1},
}


class Rows(Table):
    time = Integer(0, 20)
    dead = Flag()
    arm = Category("a", "b", "c")
    site = Category("north", "south", "east")
    female = Flag()


def frame(n, seed, missing=0.0):
    random = np.random.default_rng(seed)
    f = patients(n, seed, missing=missing).drop(columns=["treated"], errors="ignore")
    f["site"] = random.choice(["north", "south"], n, p=[0.8, 0.2]).astype(object)  # "east" has no rows
    f["female"] = (random.random(n) < 0.5).astype(object)
    f.loc[random.random(n) < missing, "site"] = None
    return f[["time", "dead", "arm", "site", "female"]]


def stratified(f, engine="ideal", minimum=3, weights=(None,), strata="site"):
    scenario = Scenario(inputs={"rows": Rows.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("rows")
        for where, t in (("private", table), ("shared", table.share(rows=-(-len(f) // 3)))):
            for one in weights:
                value = logrank(t.time, t.dead, t.arm, strata=getattr(t, strata), weights=one)
                study.release(f"{where} {one}", value)

    tables = {name: {"rows": f[k::3]} for k, name in enumerate(("x", "y", "z"))}
    return simulate(scenario, tables, engine=engine)


def check(found, f, weights=(None,), strata="site"):
    known = f.dropna(subset=["time", "dead", "arm", strata])
    for where in ("private", "shared"):
        for one in weights:
            with np.errstate(divide="ignore"):  # statsmodels takes the logarithm of a survival of 0
                chi_square, p = survdiff(
                    known.time.astype(float),
                    known.dead.astype(int),
                    known.arm.astype(str),
                    strata=known[strata].astype(str),
                    **THEIRS[one],
                )
            test = found[f"{where} {one}"]
            assert test["chi_square"] == pytest.approx(chi_square, rel=1e-4, abs=1e-5), (where, one)
            assert test["p"] == pytest.approx(p, abs=1e-4)
            assert test["rows"] == [int((known.arm == name).sum()) for name in ("a", "b", "c")]


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_as_statsmodels(engine):
    f = frame(120, 1, missing=0.05)
    with every_bound_holds():
        found = stratified(f, engine)
    check(found.releases, f)


@pytest.mark.slow
@pytest.mark.parametrize("strata", ["site", "female"])
@pytest.mark.parametrize("seed", [1, 2])
def test_with_weights(strata, seed):
    f = frame(150, seed, missing=0.03)
    check(stratified(f, minimum=1, weights=THEIRS, strata=strata).releases, f, THEIRS, strata)


def test_no_stratum_has_two_groups():
    f = frame(60, 3)
    f["arm"] = np.where(f.site == "north", "a", "b")
    f.loc[::6, ["arm", "site"]] = ["c", "east"]
    found = stratified(f, minimum=1).releases
    for where in ("private", "shared"):
        assert found[f"{where} None"]["chi_square"].startswith("undefined: no event with rows of two groups at risk")


def test_few_rows_of_a_group_suppress_the_test():
    f = frame(60, 3)
    f["arm"] = np.where(np.arange(60) < 57, "a", "b")
    assert all("suppressed" in str(value) for value in stratified(f, minimum=5).releases.values())


def test_messages_do_not_depend_on_rows():
    first = frame(24, 1)
    others = [first.assign(site="south"), first.assign(time=pd.NA, site=None)]
    runs = [stratified(f, "replicated") for f in (first, *others)]
    for run in runs[1:]:
        assert run.cost == runs[0].cost
        assert by_operation(run.network.messages) == by_operation(runs[0].network.messages)


def test_strata_that_are_none_are_refused():
    scenario = Scenario(inputs={"rows": Rows.rows()})

    @scenario.run
    async def run(study):
        t = study.table("rows")
        with pytest.raises(ShapeError, match=r"strata are .*; expected a category or a flag of the same table"):
            logrank(t.time, t.dead, t.arm, strata=t.time)
        s = t.share(rows=4)
        with pytest.raises(ShapeError, match=r"strata are .*; expected a category or a flag of the same rows"):
            logrank(s.time, s.dead, s.arm, strata=s.time)
        study.release("rows", t.count())

    simulate(scenario, {name: {"rows": frame(12, 1)[k::3]} for k, name in enumerate(("x", "y", "z"))}, engine="ideal")
    with pytest.raises(ConfigError, match="weights='peto'"):
        logrank(None, None, None, weights="peto")

"""The area under the ROC curve of shared rows against scikit-learn, and its variance against DeLong's definition."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st_
from sklearn.metrics import roc_auc_score

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.engines import ENGINES_SLOW
from tests.support.messages import by_operation

AREA, ERROR = 0, 1


class Rows(Table):
    marker = Real(-4, 4)
    coarse = Integer(0, 3)
    ill = Flag()


def frame(n, seed, apart=0.8, missing=0.0):
    random = np.random.default_rng(seed)
    ill = random.random(n) < 0.4
    marker = np.round(np.clip(random.normal(apart * ill, 1), -4, 4) * 64) / 64
    f = pd.DataFrame({"marker": marker, "coarse": np.clip(np.rint(marker), 0, 3).astype(int), "ill": ill})
    f = f.astype(object)
    return f.mask(random.random(f.shape) < missing)


def areas(f, engine="ideal", minimum=1, owners="abc"):
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum})
    places = -(-len(f) // len(owners)) + 1

    @scenario.run
    async def run(study):
        t = study.table("rows").share(rows=places)
        for name in ("marker", "coarse"):
            study.release(name, st.roc_auc(getattr(t, name), t.ill, names=("well", "ill")))

    tables = {name: {"rows": f.iloc[k :: len(owners)]} for k, name in enumerate(owners)}
    return simulate(scenario, tables, engine=engine, compute=list(owners))


def delong(marker, ill):
    """The area and its standard error, from all pairs."""
    x, y = marker[ill][:, None], marker[~ill][None, :]
    pairs = (x > y) + 0.5 * (x == y)
    return pairs.mean(), np.sqrt(pairs.mean(1).var(ddof=1) / len(x) + pairs.mean(0).var(ddof=1) / y.size)


def check(found, f):
    for name in ("marker", "coarse"):
        known = f.dropna(subset=[name, "ill"])
        marker, ill = known[name].to_numpy(float), known.ill.to_numpy(bool)
        value = found[name]
        assert value["table"]["values"] == [[(~ill).sum()], [ill.sum()]]
        if ill.all() or not ill.any():
            assert value["estimate"] == ["undefined: a group without rows"]
            continue
        area = roc_auc_score(ill, marker)
        assert value["estimate"][AREA] == pytest.approx(area, rel=1e-12)
        if min(ill.sum(), (~ill).sum()) < 2:
            assert value["estimate"][ERROR] == "undefined: a group with a single row"
            continue
        _, error = delong(marker, ill)
        if error < 1e-12:
            assert value["estimate"][ERROR].startswith("undefined: DeLong's variance is 0")
            continue
        assert value["estimate"][ERROR] == pytest.approx(error, rel=1e-9)
        assert value["ci_low"][AREA] == pytest.approx(max(0, area - 1.959963984540054 * error), rel=1e-9, abs=1e-12)
        assert value["statistic"][AREA] == pytest.approx((area - 0.5) / error, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_as_scikit_learn(engine):
    f = frame(90, 1, missing=0.08)
    check(areas(f, engine).releases, f)


@pytest.mark.slow
def test_with_five_parties():
    f = frame(60, 2)
    check(areas(f, "shamir", owners="abcde").releases, f)


@pytest.mark.slow
@given(n=st_.integers(0, 20), seed=st_.integers(0, 10**6), apart=st_.sampled_from([0.0, 1.0, 9.0]))
def test_random_rows(n, seed, apart):
    f = frame(n, seed, apart, missing=0.15)
    check(areas(f).releases, f)


def test_perfect_separation_and_one_value():
    f = frame(60, 3)
    f["marker"] = np.where(f.ill.astype(bool), 2.0, -2.0)
    f["coarse"] = 1
    found = areas(f).releases
    check(found, f)
    assert found["marker"]["estimate"][AREA] == 1
    assert found["coarse"]["estimate"][AREA] == 0.5


def test_few_rows_are_suppressed():
    f = frame(60, 4)
    f["ill"] = np.arange(60) < 4
    assert set(map(str, areas(f, minimum=5).releases.values())) == {"suppressed (fewer than 5)"}


def test_messages_do_not_depend_on_rows():
    runs = [areas(f, "replicated") for f in (frame(30, 1), frame(30, 2, missing=0.7).assign(coarse=2))]
    assert by_operation(runs[0].network.messages) == by_operation(runs[1].network.messages)
    assert runs[0].cost == runs[1].cost


def test_costs():
    """Two sorts beside each other for each area, by 9 bits and one more for the group."""
    run = areas(frame(300, 1), "replicated")
    assert run.cost.rounds < 64
    assert max(run.cost.bytes_sent) < 6_200 * 303


def test_misuse_is_taught():
    scenario = Scenario(inputs={"rows": Rows.rows()})

    @scenario.run
    async def run(study):
        t = study.table("rows").share(rows=4)
        with pytest.raises(ShapeError, match=r"roc_auc: .* is no flag of shared rows"):
            st.roc_auc(t.marker, t.coarse)
        with pytest.raises(ShapeError, match=r"roc_auc: .* a column of shared rows is wanted: table\.share"):
            st.roc_auc(study.table("rows").marker, t.ill)
        study.release("n", t.count())

    simulate(scenario, {name: {"rows": frame(12, 1).iloc[k::3]} for k, name in enumerate("abc")}, engine="ideal")

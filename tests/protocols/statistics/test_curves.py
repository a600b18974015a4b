"""ROC curves and distribution functions at public points, against scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_curve

from mpc import Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from parties.report.kinds import Matrix
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
FEW = "suppressed (fewer than 5)"
POINTS = [3, -1, 0.3, 0, 6]


class Rows(Table):
    marker = Real(-4, 4)
    coarse = Integer(-4, 4)
    ill = Flag()


def frame_of(n=120, seed=1, missing=0.1):
    made = np.random.default_rng(seed)
    ill = made.random(n) < 0.4
    marker = made.normal(ill, 1.2).clip(-4, 4).round(1)
    f = pd.DataFrame({"marker": marker, "coarse": np.rint(marker), "ill": ill.astype(object)})
    return f.mask(made.random(f.shape) < missing)


def run_of(script, f, engine="ideal", minimum=1, shared=False, places=None):
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        t = study.table("rows")
        for name, found in script(t.share(rows=places or len(f) + 2) if shared else t).items():
            study.release(name, found)

    names = "abcde" if engine == "shamir" else "abc"
    return simulate(scenario, {k: {"rows": f.iloc[i :: len(names)]} for i, k in enumerate(names)}, engine=engine)


def everything(t):
    return {
        **{f"roc {c}": st.roc_curve(t[c], t.ill, POINTS) for c in ("marker", "coarse")},
        **{f"ecdf {c}": st.ecdf(t[c], at=POINTS) for c in ("marker", "coarse")},
    }


def check(found, f):
    for c in ("marker", "coarse"):
        rows = f[[c, "ill"]].dropna()
        x, ill = rows[c].to_numpy(float), rows.ill.to_numpy(bool)
        value = found[f"roc {c}"]
        Matrix.model_validate(value)
        assert value["rows"] == ["6", "3", "0.3", "0", "-1"]
        fpr, tpr, at = roc_curve(ill, x, drop_intermediate=False)
        for threshold, row in zip(sorted(POINTS, reverse=True), value["values"], strict=True):
            k = np.flatnonzero(at >= threshold)[-1]
            assert row[:2] == [pytest.approx(fpr[k]), pytest.approx(tpr[k])]
            assert row[2:] == [(x >= threshold)[~ill].sum(), (x >= threshold)[ill].sum()]
        x = f[c].dropna().to_numpy(float)
        values = np.array(found[f"ecdf {c}"]["values"])
        known = stats.ecdf(x).cdf.evaluate(sorted(POINTS))
        np.testing.assert_allclose(values[:, 1], known)
        reach = np.sqrt(np.log(2 / 0.05) / (2 * len(x)))
        np.testing.assert_allclose(values[:, 2:], np.clip([known - reach, known + reach], 0, 1).T)
        assert found[f"ecdf {c}"]["rows"] == ["-1", "0", "0.3", "3", "6"]


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("engine", ENGINES)
def test_as_scikit_learn_and_scipy(engine, shared):
    f = frame_of()
    check(run_of(everything, f, engine, shared=shared).releases, f)


@pytest.mark.parametrize("shared", [False, True])
def test_edges(shared):
    f = frame_of()
    for changed in (f.assign(marker=0.3, coarse=0), f.assign(marker=4.0, coarse=-4)):
        check(run_of(everything, changed, shared=shared).releases, changed)
    none = run_of(everything, f.iloc[:0], shared=shared).releases
    assert none["ecdf marker"] == "undefined: no rows"
    assert none["roc marker"]["values"][0] == ["undefined: no rows", "undefined: no rows", 0, 0]
    ill = run_of(everything, f.assign(ill=True), shared=shared).releases["roc marker"]["values"]
    assert ill[0][:2] == ["undefined: no rows", 0]


@pytest.mark.parametrize("shared", [False, True])
def test_suppression(shared):
    """Between two points there are no rows, or enough, of each group; and enough in all."""
    f = pd.DataFrame({"marker": [1.0] * 30 + [2.0] * 30, "coarse": 0, "ill": [True] * 30 + [False] * 30})
    both = lambda t: {"roc": st.roc_curve(t.marker, t.ill, [0, 1.5]), "ecdf": st.ecdf(t.marker, [0, 1.5])}  # noqa: E731
    found = run_of(both, f, minimum=5, shared=shared).releases
    assert found["roc"]["values"] == [[1, 0, 30, 0], [1, 1, 30, 30]]
    assert [row[0] for row in found["ecdf"]["values"]] == [0, 30]
    few = f.assign(marker=f.marker.where(np.arange(60) >= 4, -1.0))
    assert set(map(str, run_of(both, few, minimum=5, shared=shared).releases.values())) == {FEW}
    one = f.assign(ill=np.arange(60) < 3)
    found = run_of(both, one, minimum=5, shared=shared).releases
    assert found["roc"] == FEW
    assert isinstance(found["ecdf"], dict)


def test_other_points_tell_no_few_rows():
    """Two rows are between both points: their difference would tell them. So the later release is suppressed."""
    f = pd.DataFrame({"marker": [1.0] * 30 + [1.5] * 2 + [2.0] * 30, "coarse": 0, "ill": True})
    one, other = (lambda t: st.ecdf(t.marker, [1.4])), (lambda t: st.ecdf(t.marker, [1.6]))
    for second in (other, lambda t: t.marker.histogram([-4, 1.6, 4])):
        found = run_of(lambda t, second=second: {"first": one(t), "second": second(t)}, f, minimum=5).releases
        assert isinstance(found["first"], dict)
        assert FEW in str(found["second"])


def test_what_is_refused():
    def script(t):
        for points in ([], [1, 1], [np.nan], range(300), 1.0):
            with pytest.raises(ConfigError, match=r"expected 1 to 200 numbers|must differ"):
                st.ecdf(t.marker, points)
        for flag in (t.coarse, None):
            with pytest.raises(ShapeError, match="is no flag of"):
                st.roc_curve(t.marker, flag, [1])
        with pytest.raises(ShapeError, match=r"has no numbers|a column of numbers is wanted"):
            st.ecdf(t.ill, [1])
        return {"n": t.count()}

    for shared in (False, True):
        run_of(script, frame_of(6), shared=shared)


@pytest.mark.slow
@pytest.mark.parametrize("shared", [False, True])
def test_views_and_cost(shared):
    runs = [
        run_of(
            lambda t: {"roc": st.roc_curve(t.marker, t.ill, POINTS)},
            frame_of(seed=k, missing=k / 9),
            "replicated",
            shared=shared,
            places=60,
            minimum=5,
        )
        for k in (1, 3)
    ]
    assert by_operation(runs[0].network.messages) == by_operation(runs[1].network.messages)
    assert runs[0].cost == runs[1].cost
    assert runs[0].cost.rounds <= 45

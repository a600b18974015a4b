"""Weighted log-rank tests against statsmodels."""

from __future__ import annotations

import pytest
from statsmodels.duration.survfunc import survdiff

from mpc import Scenario
from mpc.errors import ConfigError
from protocols.simulate import simulate
from protocols.survival import logrank
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW
from tests.support.survival import Patients, patients

#: Its name in statsmodels, and that function's arguments.
THEIRS = {
    "wilcoxon": {"weight_type": "gb"},
    "tarone-ware": {"weight_type": "tw"},
    "fleming-harrington": {"weight_type": "fh", "fh_p": 1},
}


def weighted_tests(f, engine, minimum=5, rows=None):
    scenario = Scenario(inputs={"patients": Patients.rows(at_most=1 << 16)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("patients")
        shared = table.share(rows=rows or len(f))
        for where, t in (("private", table), ("shared", shared)):
            for weights in (None, *THEIRS):
                study.release(f"{where} {weights}", logrank(t.time, t.dead, t.arm, weights=weights))
                study.release(f"{where} {weights} 2", logrank(t.time, t.dead, t.treated, weights=weights))

    return simulate(
        scenario, {name: {"patients": f[k::3]} for k, name in enumerate(("x", "y", "z"))}, engine=engine
    ).releases


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize(("ties", "seed"), [(20, 1), (5, 2)])
def test_as_statsmodels(engine, ties, seed):
    f = patients(200, seed, ties=ties)
    with every_bound_holds():
        found = weighted_tests(f, engine)
    for weights, how in THEIRS.items():
        for where in ("private", "shared"):
            for name, group in (("", f.arm.astype(str)), (" 2", f.treated.astype(int))):
                statistic, p = survdiff(f.time.astype(float), f.dead.astype(int), group, **how)
                test = found[f"{where} {weights}{name}"]
                assert test["weights"] == weights
                assert test["chi_square"] == pytest.approx(statistic, rel=1e-4, abs=1e-5), (where, weights)
                assert test["p"] == pytest.approx(p, abs=1e-4)


@pytest.mark.slow
def test_few_rows_in_many_places():
    f = patients(60, 4)
    found = weighted_tests(f, "replicated", minimum=1, rows=2000)
    for weights, how in {None: {}, **THEIRS}.items():
        statistic, _ = survdiff(f.time.astype(float), f.dead.astype(int), f.treated.astype(int), **how)
        assert found[f"shared {weights} 2"]["chi_square"] == pytest.approx(statistic, rel=1e-4)


def test_other_weights_are_refused():
    with pytest.raises(ConfigError, match="weights='peto'; expected 'wilcoxon', 'tarone-ware'"):
        logrank(None, None, None, weights="peto")

"""Cox regression within strata, against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ShapeError
from protocols.simulate import Computation, dry_run, simulate
from protocols.survival import cox
from tests.support.bounds import every_bound_holds
from tests.support.engines import ENGINES_SLOW

NAMES = ["treated", "age"]


class Patients(Table):
    site = Category("north", "south", "east", "west")
    days = Integer(0, 4000)
    died = Flag()
    treated = Flag()
    age = Real(0, 120)
    group = Integer(0, 2000)


def patients(n=240, seed=1, unit=30, missing=0.0):
    """Sites have hazards that differ by a factor of twenty, and their patients other ages."""
    random = np.random.default_rng(seed)
    place = random.integers(0, 4, n)
    treated = random.random(n) < 0.3 + 0.1 * place
    age = np.round(np.clip(random.normal(50 + 5 * place, 12), 0, 120) * 16) / 16
    death = 900 * random.exponential(1, n) / np.exp(0.03 * (age - 60) - 0.7 * treated + place - 2)
    end = random.uniform(200, 2000, n)
    f = pd.DataFrame({"site": np.asarray(["north", "south", "east", "west"])[place]})
    f["days"] = (np.ceil(np.minimum(death, end) / unit) * unit).clip(0, 4000).astype(int)
    f["died"], f["treated"], f["age"], f["group"] = death <= end, treated, age, random.integers(0, n // 12, n)
    f = f.astype(object)
    return f.mask(random.random(f.shape) < missing)


def scenario_of(places, minimum=5, by="site", **options):
    scenario = Scenario(inputs={"p": Patients.rows(at_most=1 << 17)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        t = study.table("p").share(rows=places)
        study.release("cox", await cox(t.days, t.died, t[NAMES], strata=t[by], **options))

    return scenario


def run(f, engine="ideal", **options):
    tables = {name: {"p": f.iloc[k::3]} for k, name in enumerate("abc")}
    return simulate(scenario_of(-(-len(f) // 3) + 1, **options), tables, engine=engine)


def check(found, f, ties, by="site"):
    f = f[["days", "died", *NAMES, by]].dropna()
    strata = pd.Categorical(f[by]).codes
    x, died = f[NAMES].astype(float), f.died.astype(int)
    model = PHReg(f.days.astype(float), x, status=died, ties=ties, strata=strata)
    fit = model.fit()
    assert not isinstance(found, str), found
    assert np.all(np.abs(found["coefficient"] - fit.params) < 1e-4 * fit.bse)
    assert found["standard_error"] == pytest.approx(fit.bse, rel=1e-4)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-3 + 1e-6 * found["events"])
    assert found["null_log_likelihood"] == pytest.approx(model.loglike(np.zeros(2)), abs=1e-3)
    assert found["observations"] == len(f)


@pytest.mark.parametrize("engine", ENGINES_SLOW)
@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_as_statsmodels(engine, ties):
    f = patients(missing=0.02)
    with every_bound_holds():
        found = run(f, engine, minimum=2, ties=ties)
    check(found.releases["cox"], f, ties)


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_many_strata(ties):
    """Twenty strata of a number, some of them without an event or with one row."""
    f = patients(240, 2, unit=200)
    f["group"] = np.where(np.arange(240) == 7, 1999, f.group)
    with every_bound_holds():
        found = run(f, by="group", minimum=1, ties=ties)
    check(found.releases["cox"], f, ties, "group")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_random_rows(seed):
    random = np.random.default_rng(seed)
    f = patients(int(random.integers(60, 400)), seed, unit=int(random.choice([1, 100, 1000])))
    ties = "efron" if seed % 2 else "breslow"
    check(run(f, minimum=2, ties=ties).releases["cox"], f, ties)


def test_one_stratum_is_none():
    f = patients(120, 3).assign(site="south")
    check(run(f).releases["cox"], f, "breslow")


def test_rows_that_are_alone_tell_nothing():
    """In strata of one row nobody is compared with anybody."""
    f = patients(60, 4).assign(group=np.arange(60))
    found = run(f, by="group", minimum=1).releases["cox"]
    assert found.startswith("undefined: predictors nearly collinear")


@pytest.mark.parametrize("ties", ["breslow", "efron"])
def test_what_an_iteration_costs(ties):
    some, more = (dry_run(Computation(scenario_of(500, iterations=i, ties=ties), ["v", "w", "x"])) for i in (8, 9))
    assert more.rounds - some.rounds <= 150 + 21 * 2
    assert sum(more.bytes_sent) - sum(some.bytes_sent) <= 3 * 1500 * (800 + 320 * 2)


def test_numbers_are_no_strata():
    with pytest.raises(ShapeError, match=r"cox: strata=.*; expected a category, a flag or whole numbers"):
        dry_run(Computation(scenario_of(20, by="age"), ["v", "w", "x"]))

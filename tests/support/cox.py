"""Made-up patients, Cox regression of them in shared rows, and statsmodels' of the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.hazard_regression import PHReg

from mpc import Flag, Integer, Real, Scenario, Study, Table
from protocols.simulate import Simulation, simulate
from protocols.survival import cox

NAMES = ["treated", "age"]


class Patients(Table):
    days = Integer(0, 4000)
    died = Flag()
    treated = Flag()
    age = Real(0, 120)


def patients(n: int = 150, seed: int = 1, unit: int = 1, missing: float = 0.0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    treated = random.random(n) < 0.5
    age = np.round(np.clip(random.normal(60, 12, n), 0, 120) * 16) / 16
    death = 900 * random.exponential(1, n) / np.exp(0.04 * (age - 60) - 0.7 * treated)
    end = random.uniform(200, 2000, n)
    days = np.ceil(np.minimum(death, end) / unit).clip(0, 4000).astype(int)
    f = pd.DataFrame({"days": days, "died": death <= end, "treated": treated, "age": age}).astype(object)
    return f.mask(random.random(f.shape) < missing)


def scenario_of(places: int, minimum: int = 5, names: Sequence[str] = NAMES, **options: Any) -> Scenario:
    scenario = Scenario(inputs={"p": Patients.rows(at_most=1 << 17)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        t = study.table("p").share(rows=places)
        study.release("cox", await cox(t.days, t.died, t[list(names)], **options))

    return scenario


def run(f: pd.DataFrame, engine: str = "ideal", owners: str = "abc", **options: Any) -> Simulation:
    scenario = scenario_of(-(-len(f) // len(owners)) + 1, **options)
    tables = {name: {"p": f.iloc[k :: len(owners)]} for k, name in enumerate(owners)}
    return simulate(scenario, tables, engine=engine, compute=list(owners))


def known(f: pd.DataFrame, names: Sequence[str] = NAMES, ties: str = "breslow") -> tuple[Any, Any, int]:
    f = f.dropna()
    model = PHReg(f.days.astype(float), f[list(names)].astype(float), status=f.died.astype(int), ties=ties)
    return model, model.fit(), len(f)


def check(found: Any, f: pd.DataFrame, names: Sequence[str] = NAMES, ties: str = "breslow") -> None:
    model, fit, n = known(f, names, ties)
    assert found["terms"] == list(names)
    assert np.all(np.abs(found["coefficient"] - fit.params) < 1e-4 * fit.bse)
    assert found["standard_error"] == pytest.approx(fit.bse, rel=1e-4)
    assert found["p"] == pytest.approx(fit.pvalues, abs=1e-4)
    assert found["hazard_ratio"] == pytest.approx(np.exp(fit.params), rel=1e-4)
    assert found["log_likelihood"] == pytest.approx(fit.llf, abs=1e-3 + 1e-6 * found["events"])
    assert found["null_log_likelihood"] == pytest.approx(model.loglike(np.zeros(len(names))), abs=1e-3)
    assert found["observations"] == n
    assert found["events"] == f.dropna().died.sum()

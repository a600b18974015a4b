"""Made-up people with genotypes at three biobanks."""

from collections.abc import Callable
from inspect import isawaitable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from mpc import Flag, Genotypes, Real, Scenario, Study, Table
from mpc.tables.genotypes import spelled
from protocols.dry import DryRun, dry_run
from protocols.simulate import Computation, Simulation, simulate

ENGINES = ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)]
SNPS = 10
NEVER, RARE = 3, 4


class People(Table):
    age = Real(0, 120)
    pc = Real(-1, 1)
    bmi = Real(5, 80)
    case = Flag()
    snps = Genotypes(count=SNPS)


def made(n: int = 400, missing: float = 0.0, seed: int = 1) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """A table, and its genotypes as numbers. One SNP never varies; one is rare."""
    random = np.random.default_rng(seed)
    copies = random.binomial(2, random.uniform(0.25, 0.5, SNPS), (n, SNPS)).astype(float)
    copies[:, NEVER] = 0
    copies[:, RARE] = 0
    copies[: n // 2 : 150, RARE] = 1
    age, pc = random.uniform(20, 80, n), random.normal(0, 0.1, n)
    bmi = 25 + 0.05 * age + copies[:, 0] + random.normal(0, 3, n)
    case = random.random(n) < 1 / (1 + np.exp(1 - 0.6 * copies[:, 1]))
    copies[random.random(copies.shape) < missing] = np.nan
    people = pd.DataFrame({"age": age, "pc": pc, "bmi": bmi, "case": case, "snps": spelled(copies)})
    return people, copies


def scenario_of(script: Callable[[Any, Any], object], minimum: int = 5, snps: int = SNPS) -> Scenario:
    """Of a script that gets the study and the table; it may be a coroutine function."""
    table: type[Table] = People if snps == SNPS else type("Many", (People,), {"snps": Genotypes(count=snps)})
    scenario = Scenario(inputs={"people": table.rows(at_most=1 << 20)}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study: Study) -> None:
        found = script(study, study.table("people"))
        if isawaitable(found):
            await found

    return scenario


def simulated(
    script: Callable[[Any, Any], object], people: pd.DataFrame, minimum: int = 5, **options: Any
) -> Simulation:
    tables = {name: {"people": people.iloc[k::3]} for k, name in enumerate("abc")}
    return simulate(scenario_of(script, minimum), tables, **options)


def released(script: Callable[[Any, Any], object], people: pd.DataFrame, minimum: int = 5, **options: Any) -> Any:
    return simulated(script, people, minimum, **options).releases


def planned(script: Callable[[Any, Any], object], snps: int) -> DryRun:
    return dry_run(Computation(scenario_of(script, snps=snps), ["a", "b", "c"]))

"""A study for many organizations: joint statistics of ten columns.

Brings    every organization: rows of ten numbers, at most 20,000
Learns    every recipient: the released numbers
Trust     honest majority of the compute parties
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd


class Measurements(Table):
    c0 = Real(0, 100)
    c1 = Real(0, 100)
    c2 = Real(0, 100)
    c3 = Real(0, 100)
    c4 = Real(0, 100)
    c5 = Real(0, 100)
    c6 = Real(0, 100)
    c7 = Real(0, 100)
    c8 = Real(0, 100)
    c9 = Real(0, 100)


COLUMNS = [f"c{i}" for i in range(10)]
EDGES = [0.0, 20.0, 40.0, 50.0, 60.0, 80.0, 100.0]

scenario = Scenario(inputs={"measurements": Measurements.rows(at_most=20_000)}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    table = study.table("measurements")
    study.release("rows", table.count())
    summary = st.describe(table)
    for name in COLUMNS:
        study.release(f"{name} mean", summary.mean[name])
        study.release(f"{name} sd", summary.sd[name])
        study.release(f"{name} histogram", table[name].histogram(EDGES))
    study.release("correlation", table[COLUMNS].corr())


@scenario.plaintext
def plaintext(measurements: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """With pandas; for data without missing values or small groups."""
    import numpy as np

    out: dict[str, Any] = {"rows": len(measurements)}
    for name in COLUMNS:
        values = measurements[name]
        out[f"{name} mean"], out[f"{name} sd"] = float(values.mean()), float(values.std())
        out[f"{name} histogram"] = {"edges": EDGES, "counts": np.histogram(values, EDGES)[0].tolist()}
    out["correlation"] = {"labels": COLUMNS, "values": measurements[COLUMNS].corr().to_numpy().tolist()}
    return out

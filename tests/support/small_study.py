"""A small study for tests: enough rounds to be interrupted in, few enough to be quick.

Brings    every organization: rows of two numbers and a flag
Learns    every recipient: the released numbers
Trust     honest majority of three
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Flag, Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd


class Patients(Table):
    x = Real(0, 50)
    y = Real(0, 3)
    ill = Flag()


scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    patients = study.table("patients")
    study.release("patients", patients.count())
    summary = st.describe(patients)
    for name in ("x", "y"):
        study.release(f"{name} mean", summary.mean[name])
        study.release(f"{name} sd", summary.sd[name])
    study.release("x histogram", patients.x.histogram([0, 20, 50]))
    study.release("correlation", patients[["x", "y"]].corr())


@scenario.plaintext
def plaintext(patients: pd.DataFrame, parameters: Any) -> dict[str, Any]:
    """With pandas; for data without missing values or small groups."""
    import numpy as np

    out: dict[str, Any] = {"patients": len(patients)}
    for name in ("x", "y"):
        out[f"{name} mean"], out[f"{name} sd"] = float(patients[name].mean()), float(patients[name].std())
    edges = [0.0, 20.0, 50.0]
    out["x histogram"] = {"edges": edges, "counts": np.histogram(patients["x"], edges)[0].tolist()}
    out["correlation"] = {"labels": ["x", "y"], "values": patients[["x", "y"]].corr().to_numpy().tolist()}
    return out

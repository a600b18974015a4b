"""Six columns of many rows: means, deviations, correlations and a regression.

Brings    every organization: rows of six numbers
Learns    every recipient: the released numbers
Trust     honest majority of three
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mpc import Real, Scenario, Study, Table
from protocols import statistics as st

if TYPE_CHECKING:
    import pandas as pd


class Patients(Table):
    a = Real(-10, 10)
    b = Real(-10, 10)
    c = Real(-10, 10)
    d = Real(-10, 10)
    e = Real(-10, 10)
    f = Real(-60, 60)


NAMES = ["a", "b", "c", "d", "e", "f"]

scenario = Scenario(inputs={"patients": Patients.rows()}, parameters={"minimum_cohort": 10})


@scenario.run
async def run(study: Study) -> None:
    patients = study.table("patients")
    study.release("patients", patients.count())
    summary = st.describe(patients)
    for name in NAMES:
        study.release(f"{name} mean", summary.mean[name])
        study.release(f"{name} sd", summary.sd[name])
    study.release("correlation", patients.corr())
    study.release("f by the others", st.ols(patients.f, list(patients[NAMES[:5]])))


@scenario.plaintext
def plaintext(patients: pd.DataFrame) -> dict[str, Any]:
    """With pandas."""
    out: dict[str, Any] = {"patients": len(patients)}
    for name in NAMES:
        out[f"{name} mean"], out[f"{name} sd"] = float(patients[name].mean()), float(patients[name].std())
    out["correlation"] = {"labels": NAMES, "values": patients.corr().to_numpy().tolist()}
    return out

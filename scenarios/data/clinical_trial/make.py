"""Make the sample data of `clinical_trial`: python scenarios/data/clinical_trial/make.py [FOLDER]

Invented patients of three sites, the same each time, drawn by lot to a new drug or to the usual one: blood pressure
before and after twelve weeks. The drug lowers it by 7 mmHg, and by 6 more in severe cases. A few visits are missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PATIENTS = {"elbe-clinic": 500, "harbour-clinic": 440, "north-clinic": 380}
SEVERITY = ["mild", "moderate", "severe"]


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    made = {}
    for name, size in PATIENTS.items():
        arm = chance.permutation(np.arange(size) % 2)
        age = chance.normal(61, 10, size).clip(30, 90).round()
        female = chance.random(size) < 0.46
        severity = chance.choice(3, size, p=[0.4, 0.35, 0.25])
        before = (146 + 8 * severity + 0.2 * (age - 61) + chance.normal(0, 10, size)).round()
        after = 35 + 0.72 * before - 7 * arm - 6 * arm * (severity == 2) + chance.normal(0, 9, size)
        adverse = chance.random(size) < np.where(arm == 1, 0.19, 0.12)
        rows = pd.DataFrame(
            {
                "arm": np.where(arm == 1, "new drug", "usual drug"),
                "age": age.astype(int),
                "female": np.where(female, "yes", "no"),
                "severity": np.asarray(SEVERITY)[severity],
                "before": before.astype(int).astype(object),
                "after": after.round().clip(85, 235).astype(int).astype(object),
                "adverse_event": np.where(adverse, "yes", "no"),
            }
        )
        rows.loc[chance.random(size) < 0.03, "after"] = ""
        rows.loc[chance.random(size) < 0.01, "before"] = ""
        made[name] = rows
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

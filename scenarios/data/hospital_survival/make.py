"""Make the sample data of `hospital_survival`: python scenarios/data/hospital_survival/make.py [FOLDER]

Invented patients, the same each time: Weibull times, longer under treatment; observation ends at a date, and some
patients do not come back before. A few records lack a value.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PATIENTS = {"county": 410, "north": 290, "st-mary": 200}


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    made = {}
    for name, size in PATIENTS.items():
        treated = chance.random(size) < 0.5
        until_death = 52 * chance.weibull(1.2, size) * np.where(treated, 1.45, 1.0)
        until_end = np.minimum(chance.uniform(18, 84, size), chance.exponential(180, size))
        months = np.ceil(np.minimum(until_death, until_end)).clip(0, 120).astype(int)
        rows = pd.DataFrame(
            {
                "months": months.astype(object),
                "died": np.where(until_death <= until_end, "yes", "no"),
                "treated": np.where(treated, "yes", "no"),
            }
        )
        for column in rows.columns:
            rows.loc[chance.random(size) < 0.01, column] = ""
        made[name] = rows
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

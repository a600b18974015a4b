"""Make the sample data of `hospital_survival`: python scenarios/data/hospital_survival/make.py [FOLDER]

Invented patients, the same each time: Weibull times, longer under treatment, shorter for older patients and advanced
tumours, who are treated less often; observation ends at a date, and some patients do not come back before. A few
records lack a value.
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
        age = np.round(chance.normal(63, 11, size).clip(25, 95), 1)
        advanced = chance.random(size) < 0.38
        treated = chance.random(size) < 0.62 - 0.006 * (age - 63) - 0.2 * advanced
        hazard = np.exp(0.032 * (age - 63) + 0.75 * advanced - 0.45 * treated)
        until_death = 66 * (chance.exponential(1, size) / hazard) ** (1 / 1.2)
        until_end = np.minimum(chance.uniform(30, 96, size), chance.exponential(240, size))
        months = np.ceil(np.minimum(until_death, until_end)).clip(0, 120).astype(int)
        rows = pd.DataFrame(
            {
                "months": months.astype(object),
                "died": np.where(until_death <= until_end, "yes", "no"),
                "arm": np.where(treated, "treated", "untreated"),
                "age": age.astype(object),
                "stage": np.where(advanced, "advanced", "early"),
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

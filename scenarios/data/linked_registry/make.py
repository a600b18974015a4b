"""Make the sample data of `linked_registry`: python scenarios/data/linked_registry/make.py [FOLDER]

Invented persons, the same each time. Each organization writes identifiers its own way, as registers do; the schema says
what counts as the same.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, PATIENTS, CUSTOMERS = 2600, 1500, 1700
DRUGS = ("statin", "beta blocker", "other")


def days(first: str, last: str, share: np.ndarray) -> pd.DatetimeIndex:
    """Days from the first to the last one: share 0 to 1."""
    low, high = (np.datetime64(day, "D").astype(np.int64) for day in (first, last))
    return pd.to_datetime((low + np.floor((high - low + 1) * share)).astype(np.int64), unit="D")


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    person = chance.choice(10**10, PERSONS, replace=False)
    born = days("1930-01-01", "1984-12-31", chance.beta(1.6, 1.6, PERSONS))
    age = np.asarray(2024 - born.year, float)
    smoker = chance.random(PERSONS) < 0.32
    drug = chance.choice(3, PERSONS, p=[0.42, 0.34, 0.24])
    dose = np.round(chance.gamma(4, 15, PERSONS).clip(5, 300) / 5) * 5
    odds = -1.1 + 0.095 * (age - 68) + 0.75 * smoker + 0.006 * (dose - 60) - 0.3 * (drug == 0)
    dies = chance.random(PERSONS) < 1 / (1 + np.exp(-odds))

    sick = chance.choice(PERSONS, PATIENTS, replace=False)
    patients = pd.DataFrame(
        {
            "person": [f"{text[:3]}.{text[3:6]}.{text[6:]}" for text in (f"{p:010d}" for p in person[sick])],
            "born": born[sick].strftime("%Y-%m-%d"),
            "smoker": np.where(chance.random(PATIENTS) < 0.03, "", np.where(smoker[sick], "yes", "no")),
        }
    )

    customers = chance.choice(PERSONS, CUSTOMERS, replace=False)
    times = chance.integers(1, 5, CUSTOMERS)
    who = np.repeat(customers, times)
    changed = chance.random(len(who)) < 0.15
    prescriptions = pd.DataFrame(
        {
            "person": [f" {p}" if p % 3 else f"{p:010d} " for p in person[who]],
            "drug": np.asarray(DRUGS)[np.where(changed, chance.integers(0, 3, len(who)), drug[who])],
            "dose": np.where(changed, np.round(dose[who] / 10) * 5 + 5, dose[who]),
            "on": days("2019-01-01", "2023-12-31", chance.random(len(who))).strftime("%Y-%m-%d"),
        }
    ).sample(frac=1, random_state=seed)

    dead = np.flatnonzero(dies)
    deaths = pd.DataFrame(
        {
            "person": person[dead],
            "died": days("2024-01-01", "2025-12-31", chance.random(len(dead))).strftime("%Y-%m-%d"),
        }
    )
    return {"hospital.patients": patients, "pharmacy.prescriptions": prescriptions, "register.deaths": deaths}


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

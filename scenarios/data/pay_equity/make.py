"""Make the sample data of `pay_equity`: python scenarios/data/pay_equity/make.py [FOLDER]

Invented employees of eight employers, the same each time. Women earn 4 % less than men of the same role, level and
years, and are fewer on high levels and in well-paid roles, so that the gap without adjustment is several times as
large. A few values are missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

EMPLOYEES = {
    "alder-foods": 210, "brook-retail": 180, "cedar-bank": 150, "dune-energy": 120, "elm-software": 110,
    "fern-logistics": 90, "grove-media": 60, "heath-tools": 45,
}  # fmt: skip
ROLES = ["service", "sales", "engineering", "administration", "management"]
SHARE = [0.28, 0.24, 0.2, 0.17, 0.11]
WOMEN = [0.58, 0.5, 0.28, 0.66, 0.32]
BASE = [30_000, 36_000, 52_000, 38_000, 78_000]


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    made = {}
    for name, size in EMPLOYEES.items():
        role = chance.choice(len(ROLES), size, p=SHARE)
        female = chance.random(size) < np.asarray(WOMEN)[role]
        level = (1 + chance.binomial(4, np.where(female, 0.36, 0.44))).astype(int)
        years = chance.gamma(2, 4, size).clip(0, 40).round(1)
        employer = chance.normal(0, 0.06)
        pay = np.log(np.asarray(BASE)[role]) + 0.11 * (level - 1) + 0.008 * years + employer
        pay = np.exp(pay - 0.04 * female + chance.normal(0, 0.12, size)).clip(18_000, 390_000)
        rows = pd.DataFrame(
            {
                "role": np.asarray(ROLES)[role],
                "female": np.where(female, "yes", "no"),
                "level": level.astype(object),
                "years": years.astype(object),
                "pay": (pay / 100).round().astype(int) * 100,
            }
        )
        for column in ("level", "years"):
            rows.loc[chance.random(size) < 0.01, column] = ""
        made[name] = rows
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

"""Make the sample data of `adverse_drug_reactions`: python scenarios/data/adverse_drug_reactions/make.py [FOLDER]

Invented reports of three centres, the same each time. Two pairs of a drug and a reaction belong together; a third seems
to until age is taken into account; the others stand together by chance.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

REPORTS = {"centre-east": 3000, "centre-north": 2600, "centre-south": 2100}
DRUGS = ["amilostat", "bexorin", "corvadol", "dermacine", "elvapram", "fluzanide"]
REACTIONS = ["rash", "nausea", "headache", "liver injury", "heart rhythm", "falls"]
AGES = ["under 65", "65 and more"]
SHARE = [0.26, 0.22, 0.18, 0.14, 0.12, 0.08]
REACTION = {
    "under 65": [0.26, 0.27, 0.24, 0.07, 0.07, 0.09],
    "65 and more": [0.18, 0.19, 0.13, 0.08, 0.12, 0.3],
}


def tables(seed: int = 2032) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    made = {}
    for name, size in REPORTS.items():
        drug = chance.choice(len(DRUGS), size, p=SHARE)
        # elvapram is taken by the old, who fall more often, whatever they take.
        old = np.where(drug == 4, 0.6, 0.25)
        age = (chance.random(size) < old).astype(int)
        reaction = np.asarray([chance.choice(len(REACTIONS), p=REACTION[AGES[a]]) for a in age])
        reaction = np.where((drug == 1) & (chance.random(size) < 0.12), 3, reaction)
        reaction = np.where((drug == 5) & (chance.random(size) < 0.2), 4, reaction)
        rows = pd.DataFrame(
            {
                "drug": np.asarray(DRUGS)[drug],
                "reaction": np.asarray(REACTIONS)[reaction],
                "age": np.asarray(AGES, dtype=object)[age],
            }
        )
        rows.loc[chance.random(size) < 0.01, "age"] = ""
        made[name] = rows
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

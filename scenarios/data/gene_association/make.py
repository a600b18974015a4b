"""Make the sample data of `gene_association`: python scenarios/data/gene_association/make.py [FOLDER]

Invented people, the same each time, of two descents with different frequencies of alleles. Four SNPs change the
cholesterol, one of them strongly; two of these and a third change the risk of a heart disease. Neighbouring SNPs are
alike, as along a chromosome; one SNP is rare. A few genotypes and a few numbers are missing.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PEOPLE = {"coast-biobank": 560, "river-biobank": 420, "south-biobank": 320}
SNPS = 200
#: SNP -> effect of a copy on LDL cholesterol, in mmol/l; on the log odds of the disease.
LDL = {21: 0.5, 77: 0.3, 140: -0.3, 181: 0.2}
DISEASE = {21: 0.5, 140: -0.35, 60: 0.55}
#: How often a SNP is that of its neighbour.
LINKED = 0.6
RARE = 111


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    common = chance.uniform(0.22, 0.5, SNPS)
    apart = np.clip(common + chance.normal(0, 0.06, SNPS), 0.15, 0.5)
    made = {}
    for name, size in PEOPLE.items():
        descent = chance.random(size) < {"coast-biobank": 0.3, "river-biobank": 0.5, "south-biobank": 0.7}[name]
        alleles = chance.random((2, size, SNPS)) < np.where(descent[:, None], apart, common)
        for j in range(1, SNPS):
            same = chance.random((2, size)) < LINKED
            alleles[:, :, j] = np.where(same, alleles[:, :, j - 1], alleles[:, :, j])
        alleles[:, :, RARE] = chance.random((2, size)) < 0.05
        copies = alleles.sum(0)
        age = chance.integers(30, 80, size)
        female = chance.random(size) < 0.5
        ldl = 2.9 + 0.01 * (age - 50) + 0.2 * descent + chance.normal(0, 0.8, size)
        ldl = ldl + sum(effect * copies[:, j] for j, effect in LDL.items()) - 0.3
        odds = -1.6 + 0.04 * (age - 50) - 0.4 * female + sum(effect * copies[:, j] for j, effect in DISEASE.items())
        diseased = chance.random(size) < 1 / (1 + np.exp(-odds))
        letters = np.where(chance.random(copies.shape) < 0.002, ".", copies.astype(str))
        rows = pd.DataFrame(
            {
                "age": age.astype(object),
                "female": np.where(female, "yes", "no"),
                "pc1": (0.04 * (descent - 0.5) + chance.normal(0, 0.01, size)).round(5),
                "pc2": chance.normal(0, 0.02, size).round(5),
                "ldl": ldl.clip(0.5, 9.5).round(2).astype(object),
                "heart_disease": np.where(diseased, "yes", "no"),
                "snps": ["".join(row) for row in letters],
            }
        )
        for column in ("age", "ldl", "heart_disease"):
            rows.loc[chance.random(size) < 0.01, column] = ""
        made[name] = rows
    return made


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

"""Make the sample data of `fraud_overlap`: python scenarios/data/fraud_overlap/make.py [FOLDER]

Invented accounts, the same each time; no account number is valid. Each bank writes them its own way.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

ACCOUNTS = 2500
BANKS = {"aldgate": 620, "bergen": 540, "cassis": 700}


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    account = np.asarray([f"XX00COMI{number:010d}" for number in chance.choice(10**10, ACCOUNTS, replace=False)])
    suspicion = chance.gamma(0.6, 1, ACCOUNTS)
    found = {}
    for place, (bank, size) in enumerate(BANKS.items()):
        chosen = chance.choice(ACCOUNTS, size, replace=False, p=suspicion / suspicion.sum())
        who = np.repeat(chosen, chance.choice([1, 2, 3], size, p=[0.8, 0.15, 0.05]))
        texts = account[who]
        written = (texts, [text.lower() for text in texts], [f" {text} " for text in texts])[place]
        exposure = np.round(chance.lognormal(8, 1.1, len(who)).clip(0, 200_000), 2)
        found[bank] = pd.DataFrame({"account": written, "exposure": exposure}).sample(frac=1, random_state=seed)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

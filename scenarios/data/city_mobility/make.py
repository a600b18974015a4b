"""Make the sample data of `city_mobility`: python scenarios/data/city_mobility/make.py [FOLDER]

Invented trips of one day, the same each time: many go to the centre in the morning, and home in the evening.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

ZONES = np.asarray(["centre", "north", "east", "south", "west", "harbour"])
#: Operator -> travellers, and how far it takes them: minutes on average.
OPERATORS = {"metro": (1300, 18), "buses": (1000, 26), "bicycles": (500, 14)}
LIVE, WORK = (0.1, 0.24, 0.25, 0.2, 0.2, 0.01), (0.5, 0.1, 0.14, 0.12, 0.12, 0.02)


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    found = {}
    for operator, (travellers, mean) in OPERATORS.items():
        home, work = chance.choice(6, travellers, p=LIVE), chance.choice(6, travellers, p=WORK)
        out = np.round(chance.normal(7.8, 1.4, travellers)).clip(0, 23).astype(int)
        back = np.round(out + chance.normal(9.2, 1.8, travellers)).clip(0, 23).astype(int)
        returns = chance.random(travellers) < 0.8
        number = [f"{operator[:2]}{k:05d}" for k in chance.choice(10**5, travellers, replace=False)]
        ways = [(number, home, work, out), (np.asarray(number)[returns], work[returns], home[returns], back[returns])]
        parts = [
            pd.DataFrame({"traveller": who, "origin": ZONES[a], "destination": ZONES[b], "hour": hour})
            for who, a, b, hour in ways
        ]
        trips = pd.concat([*parts, parts[0].sample(frac=0.03, random_state=seed)], ignore_index=True)
        length = mean * (0.6 + 0.8 * (trips.origin != trips.destination)) * chance.gamma(8, 1 / 8, len(trips))
        trips["minutes"] = np.where(chance.random(len(trips)) < 0.02, np.nan, np.round(length.clip(1, 240), 1))
        found[operator] = trips.sample(frac=1, random_state=seed)
    return found


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

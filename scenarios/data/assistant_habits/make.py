"""Make the sample data of `assistant_habits`: python scenarios/data/assistant_habits/make.py [FOLDER] [DEVICES]

Invented devices, the same each time; each has one row.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

DEVICES = 24


def tables(devices: int = DEVICES, seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> its one row."""
    chance = np.random.default_rng(seed)
    often = chance.gamma(2, 0.5, devices)
    means = {"music": 25, "weather": 7, "alarms": 5, "questions": 12, "lights": 18}
    counts = {kind: chance.poisson(mean * often) for kind, mean in means.items()}
    rows = pd.DataFrame({**counts, "at_night": chance.random(devices) < 0.5})
    return {f"device-{k:05d}": rows.iloc[[k]] for k in range(devices)}


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables(int(sys.argv[2]) if len(sys.argv) > 2 else DEVICES).items():
        table.to_csv(folder / f"{name}.csv", index=False)

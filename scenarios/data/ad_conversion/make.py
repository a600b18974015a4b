"""Make the sample data of `ad_conversion`: python scenarios/data/ad_conversion/make.py [FOLDER]

Invented persons, the same each time. The platform and the shop have an email address as each person typed it in.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PERSONS, REACHED, OTHERS = 3000, 1800, 700
CAMPAIGNS = ("newsletter", "video", "banner", "search", "radio")
#: How many see each campaign, and how many of them buy.
SEEN, BUY = (0.3, 0.28, 0.22, 0.19, 0.01), (0.3, 0.14, 0.08, 0.36, 0.2)


def typed(address: str, chance: np.random.Generator) -> str:
    """An address as somebody types it in."""
    return (address, address.upper(), f"{address} ", address.capitalize())[chance.choice(4, p=[0.7, 0.1, 0.1, 0.1])]


def tables(seed: int = 2026) -> dict[str, pd.DataFrame]:
    """File name -> rows."""
    chance = np.random.default_rng(seed)
    person = np.asarray([f"u{k}@example.org" for k in chance.choice(10**6, PERSONS, replace=False)])
    reached = chance.choice(PERSONS, REACHED, replace=False)
    campaign = chance.choice(5, REACHED, p=SEEN)
    times = chance.integers(0, 3, REACHED)
    earlier = np.repeat(reached, times)
    who = np.concatenate([reached, earlier])
    what = np.concatenate([campaign, chance.choice(5, len(earlier), p=SEEN)])
    when = np.concatenate([chance.integers(20, 30, REACHED), chance.integers(0, 20, len(earlier))])
    impressions = pd.DataFrame(
        {
            "person": [typed(address, chance) for address in person[who]],
            "campaign": np.asarray(CAMPAIGNS)[what],
            "seen": (np.datetime64("2026-05-01") + when).astype(str),
        }
    )

    buyers = reached[chance.random(REACHED) < np.asarray(BUY)[campaign]]
    rest = np.setdiff1d(np.arange(PERSONS), reached)
    buyers = np.concatenate([buyers, chance.choice(rest, OTHERS, replace=False)])
    who = np.repeat(buyers, chance.integers(1, 4, len(buyers)))
    purchases = pd.DataFrame(
        {
            "person": [typed(address, chance) for address in person[who]],
            "amount": np.round(chance.gamma(2, 40, len(who)).clip(1, 2000), 2),
            "bought": (np.datetime64("2026-05-25") + chance.integers(0, 37, len(who))).astype(str),
        }
    )
    mixed = {"platform.impressions": impressions, "shop.purchases": purchases}
    return {name: table.sample(frac=1, random_state=seed) for name, table in mixed.items()}


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
    for name, table in tables().items():
        table.to_csv(folder / f"{name}.csv", index=False)

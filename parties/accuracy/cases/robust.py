"""Median absolute deviation and trimmed mean of shared rows, against SciPy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, measured, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def deviation(joint: Joint, frame: Any) -> Compare:
    rows, stats = frame(), need("scipy.stats")
    found = joint.release(rows, lambda t: {c: st.mad(t[c]) for c in rows.columns})
    for c in rows.columns:
        x = rows[c].dropna().astype(float)
        yield estimate(f"mad {c}", found[c], stats.median_abs_deviation(x), scale=x.std())


def trimmed(joint: Joint, frame: Any) -> Compare:
    rows, stats = frame(), need("scipy.stats")
    found = joint.release(rows, lambda t: {c: st.trimmed_mean(t[c], 0.125) for c in rows.columns})
    for c in rows.columns:
        x = rows[c].dropna().astype(float)
        yield estimate(
            f"mean {c}", measured(found[c], "trimmed mean", "estimate"), stats.trim_mean(x, 0.125), scale=x.std()
        )
        yield same(f"rows {c}", measured(found[c], "rows that are left", "estimate"), len(x) - 2 * (len(x) // 8))


def numbers(name: str) -> Any:
    return sets.with_gaps(sets.numbers()[name])


def tails() -> Any:
    """Heavy tails, ties, and whole numbers far from 0."""
    made = np.random.default_rng(9)
    tied = np.round(made.normal(0, 1, 500))
    return pd.DataFrame({"tails": made.standard_t(2, 500).round(6), "years": 2000 + made.poisson(3, 500), "ties": tied})


for _what, _of in (("st.mad", deviation), ("st.trimmed_mean", trimmed)):
    for _name in sets.NUMBERS:
        case(_what, _name, rows="shared", by=SCIPY)(partial(_of, frame=partial(numbers, _name)))
    case(_what, "heavy tails, years, ties", rows="shared", by=SCIPY, public=False)(partial(_of, frame=tails))

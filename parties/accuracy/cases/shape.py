"""Moments up to the fourth of rows that stay, against SciPy."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, measured, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st

LITTLE = "undefined: varies too little for its declared range, or not at all"


def moments(joint: Joint, frame: Any, columns: Any = None) -> Compare:
    rows, stats = frame(), need("scipy.stats")
    found = joint.release(rows, lambda t: {c: st.moments(t[c]) for c in rows.columns}, columns=columns)
    for c in rows.columns:
        x, of = rows[c].dropna().astype(float), found[c]
        yield same(f"rows {c}", measured(of, "number of rows", "estimate"), len(x))
        yield estimate(f"mean {c}", measured(of, "mean", "estimate"), x.mean(), scale=x.sem())
        yield estimate(f"sd {c}", measured(of, "standard deviation", "estimate"), x.std())
        yield standard_error(f"error {c}", measured(of, "standard error of the mean", "estimate"), x.sem())
        yield estimate(f"skewness {c}", measured(of, "skewness", "estimate"), stats.skew(x), scale=1)
        yield estimate(f"kurtosis {c}", measured(of, "excess kurtosis", "estimate"), stats.kurtosis(x), scale=1)


def numbers(name: str) -> Any:
    return sets.with_gaps(sets.numbers()[name])


def tails() -> Any:
    """Heavy tails, and whole numbers far from 0."""
    made = np.random.default_rng(9)
    return pd.DataFrame({"tails": made.standard_t(3, 900).round(6), "years": 2000 + made.poisson(3, 900)})


def narrow() -> Any:
    """Deviations of 1/250 of the declared range."""
    return pd.DataFrame({"y": np.random.default_rng(10).normal(50, 0.4, 700)})


for _name in sets.NUMBERS:
    case("st.moments", _name, rows="stay", by=SCIPY)(partial(moments, frame=partial(numbers, _name)))
case("st.moments", "heavy tails, years", rows="stay", by=SCIPY, public=False)(partial(moments, frame=tails))
case("st.moments", "deviations of 1/250 of the range", rows="stay", by=SCIPY, public=False, may_be=LITTLE)(
    partial(moments, frame=narrow, columns={"y": Real(0, 100)})
)

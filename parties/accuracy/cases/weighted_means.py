"""Weighted means and deviations against statsmodels, geometric means against SciPy; rows that stay."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, measured, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import statistics as st


def mean(joint: Joint, frame: Any) -> Compare:
    for x, known in of_columns(frame()):
        found = joint.release(x, lambda t: st.weighted_mean(t.x, t.weight), columns=declared(x))
        yield same("rows", measured(found, "number of rows", "estimate"), len(x))
        yield estimate("weights", measured(found, "sum of weights", "estimate"), known.sum_weights)
        yield estimate("mean", measured(found, "weighted mean", "estimate"), known.mean, scale=known.std)
        yield standard_error("error", measured(found, "standard error", "estimate"), known.std_mean)


def deviation(joint: Joint, frame: Any) -> Compare:
    for x, known in of_columns(frame()):
        found = joint.release(x, lambda t: st.weighted_std(t.x, t.weight), columns=declared(x))
        divided = known.std * np.sqrt(known.sum_weights / (known.sum_weights - 1))
        yield estimate("deviation", measured(found, "weighted deviation", "estimate"), divided)


def geometric(joint: Joint, frame: Any) -> Compare:
    rows, stats = frame(), need("scipy.stats")
    for c in rows.columns:
        x = rows[c].dropna().astype(float)
        x = x - x.min() + (x.max() - x.min()) / 50
        of, columns = pd.DataFrame({"x": x}), {"x": Real(float(x.min()) * 0.9, float(x.max()) * 1.1)}
        found = joint.release(of, lambda t: st.geometric_mean(t.x), columns=columns)
        yield estimate(f"mean {c}", measured(found, "geometric mean", "estimate"), stats.gmean(x))
        yield estimate(f"deviation {c}", measured(found, "geometric standard deviation", "estimate"), stats.gstd(x))


def of_columns(rows: Any) -> Any:
    """Each column with weights that fall with it, and what statsmodels computes of both."""
    weighted = need("statsmodels.stats.weightstats")
    for c in rows.columns:
        x = rows[c].dropna().astype(float).reset_index(drop=True)
        both = pd.DataFrame({"x": x, "weight": 5 / (0.1 + x.rank(pct=True))})
        yield both, weighted.DescrStatsW(both.x, both.weight)


def declared(rows: Any) -> Any:
    low, high = float(rows.x.min()), float(rows.x.max())
    edge = (high - low) / 10
    return {"x": Real(low - edge, high + edge), "weight": Real(0, 60)}


def numbers(name: str) -> Any:
    return sets.with_gaps(sets.numbers()[name])


for _what, _of, _by in (
    ("st.weighted_mean", mean, STATSMODELS),
    ("st.weighted_std", deviation, STATSMODELS),
    ("st.geometric_mean", geometric, SCIPY),
):
    for _name in sets.NUMBERS:
        case(_what, _name, rows="stay", by=_by)(partial(_of, frame=partial(numbers, _name)))

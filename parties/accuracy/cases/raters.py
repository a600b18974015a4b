"""`st.icc` and `st.bland_altman`: columns of public data sets in common units stand for raters."""

from __future__ import annotations

from typing import Any

import numpy as np

from parties.accuracy import sets
from parties.accuracy.compared import Compare, Rows, estimate, measured, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def scaled(name: str) -> Any:
    """Columns of one spread, so that none rules."""
    frame = sets.numbers()[name].dropna().head(2000)
    frame = (frame - frame.mean()) / frame.std()
    return frame.set_axis([f"x{k}" for k in range(frame.shape[1])], axis=1).astype(float)


def correlations(joint: Joint, name: str) -> Compare:
    f, frame = need("scipy.stats").f, scaled(name)
    found = joint.release(frame, lambda t: st.icc(*(t[column] for column in frame.columns)))
    x = frame.to_numpy()
    n, k = x.shape
    rows, raters = k * x.mean(1).var(ddof=1), n * x.mean(0).var(ddof=1)
    rest = ((x - x.mean(1, keepdims=True) - x.mean(0) + x.mean()) ** 2).sum() / ((n - 1) * (k - 1))
    within = x.var(axis=1, ddof=1).mean()
    known = [
        (rows - within) / (rows + (k - 1) * within),
        (rows - rest) / (rows + (k - 1) * rest + k * (raters - rest) / n),
        (rows - rest) / (rows + (k - 1) * rest),
    ]
    yield estimate("coefficients", part(found, "estimate"), known, scale=1.0)
    ratios = np.asarray([rows / within, rows / rest])
    low = ratios / [f.ppf(0.975, n - 1, n * (k - 1)), f.ppf(0.975, n - 1, (n - 1) * (k - 1))]
    ends = [measured(found, m, "ci_low") for m in ("ICC(1,1)", "ICC(3,1), consistency")]
    yield estimate("lower ends", ends, (low - 1) / (low + k - 1), scale=1.0)


def limits(joint: Joint, name: str) -> Compare:
    frame = scaled(name)
    found = joint.release(frame, lambda t: st.bland_altman(t["x0"], t["x1"]))
    difference = frame.x0 - frame.x1
    bias, reach = difference.mean(), 1.959963984540054 * difference.std()
    yield estimate("limits", part(found, "estimate"), [bias, bias - reach, bias + reach], scale=1.0)
    if not isinstance(found, str):
        yield same("rows", found["table"]["values"][0][0], len(frame))


BOTH: tuple[Rows, ...] = ("stay", "shared")
for _name in sets.NUMBERS:
    for _rows in BOTH:
        for _function, _compare in (("st.icc", correlations), ("st.bland_altman", limits)):

            @case(_function, _name, rows=_rows, by=SCIPY)
            def _case(joint: Joint, name: str = _name, compare: Any = _compare) -> Compare:
                yield from compare(joint, name)

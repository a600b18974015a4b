"""ROC curves and distribution functions at public points, against scikit-learn and SciPy."""

from __future__ import annotations

from functools import partial

import numpy as np

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, part, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def roc(joint: Joint, name: str) -> Compare:
    frame = sets.by_flag()[name].reset_index(drop=True)
    points = sorted({float(point) for point in np.quantile(frame.x, [0.1, 0.3, 0.5, 0.7, 0.9])})
    found = joint.release(frame, lambda t: st.roc_curve(t.x, t.group, points))
    false, true, at = need("sklearn.metrics").roc_curve(frame.group, frame.x, drop_intermediate=False)
    places = [np.flatnonzero(at >= point)[-1] for point in reversed(points)]
    values = np.array(part(found, "values"), float)
    yield estimate("false positive rates", values[:, 0], false[places], scale=1)
    yield estimate("true positive rates", values[:, 1], true[places], scale=1)
    yield same("positive", values[:, 2:].sum(1), [(frame.x >= point).sum() for point in reversed(points)])


def distribution(joint: Joint, name: str) -> Compare:
    rows = sets.with_gaps(sets.numbers()[name])
    for c in rows.columns:
        x = rows[c].dropna().astype(float)
        points = sorted({float(point) for point in np.quantile(x, [0.05, 0.25, 0.5, 0.75, 0.95])})
        found = joint.release(rows[[c]], lambda t, c=c, points=points: st.ecdf(t[c], at=points))
        values = np.array(part(found, "values"), float)
        yield estimate(f"shares {c}", values[:, 1], need("scipy.stats").ecdf(x).cdf.evaluate(points))
        yield same(f"rows {c}", values[:, 0], [(x <= point).sum() for point in points])


for _name in sets.BY_FLAG:
    case("st.roc_curve", _name, rows="stay", by="scikit-learn")(partial(roc, name=_name))
for _name in sets.NUMBERS:
    case("st.ecdf", _name, rows="stay", by=SCIPY)(partial(distribution, name=_name))

"""Shares by sampling weights, against the formulas that R's survey computes by."""

from __future__ import annotations

from functools import partial

import numpy as np

from parties.accuracy import sets
from parties.accuracy.compared import Compare, estimate, measured, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def share(joint: Joint, name: str) -> Compare:
    """The flag, with weights that fall with the number."""
    frame = sets.by_flag()[name].reset_index(drop=True)
    rank = frame.x.rank(pct=True)
    frame = frame.assign(weight=10 / (0.1 + rank))[["group", "weight"]]
    found = joint.release(frame, lambda t: st.weighted_proportion(t.group, t.weight))
    y, w, n = frame.group.to_numpy(float), frame.weight.to_numpy(), len(frame)
    p = (w * y).sum() / w.sum()
    error = np.sqrt(n / (n - 1) * ((w * (y - p)) ** 2).sum()) / w.sum()
    special = need("scipy.special")
    reach = need("scipy.stats").t.ppf(0.975, n - 1) * error / (p * (1 - p))
    low, high = special.expit(special.logit(p) + np.array([-reach, reach]))
    yield estimate("share", measured(found, "proportion", "estimate"), p)
    yield standard_error("standard error", measured(found, "standard error", "estimate"), error)
    yield estimate("low", measured(found, "proportion", "ci_low"), low)
    yield estimate("high", measured(found, "proportion", "ci_high"), high)
    effect = n * (w**2).sum() / w.sum() ** 2
    yield estimate("design effect", measured(found, "design effect (Kish)", "estimate"), effect)
    yield same("rows", found["table"]["values"], [[n]])


for _name in sets.BY_FLAG:
    case("st.weighted_proportion", _name, rows="stay", by=f"NumPy, {SCIPY}")(partial(share, name=_name))

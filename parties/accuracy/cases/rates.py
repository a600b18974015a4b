"""Rates per person-time of survival data: crude by group, standardised, and observed to expected events."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from parties.accuracy.cases.survival import NAMES, patients
from parties.accuracy.compared import ROWS, Compare, estimate, measured, p_value
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import SCIPY, need
from parties.accuracy.registry import case
from protocols import statistics as st


def sums(name: str) -> tuple[Any, Any, Any, list[str]]:
    """Rows, and of each group events, time and its name."""
    rows = patients(name)
    groups = rows.groupby("group")[["event", "time"]].sum()
    return rows, groups.event.to_numpy(int), groups.time.to_numpy(float), list(groups.index)


def exact(events: Any) -> tuple[Any, Any]:
    """Garwood's limits, by the chi-square distribution."""
    chi = need("scipy.stats").chi2
    return np.where(events > 0, chi.ppf(0.025, 2 * np.maximum(events, 1)) / 2, 0), chi.ppf(0.975, 2 * events + 2) / 2


def crude(joint: Joint, name: str) -> Compare:
    rows, events, time, _ = sums(name)
    found = joint.release(rows, lambda t: st.rate(t.event, t.time, by=t.group, per=100))
    low, high = exact(events)
    for key, known in (("estimate", events), ("ci_low", low), ("ci_high", high)):
        yield estimate(key, found if isinstance(found, str) else found[key], known / time * 100)


def direct(joint: Joint, name: str) -> Compare:
    """The standard is 1, 2, 3 … parts for the groups."""
    rows, events, time, groups = sums(name)
    standard = {group: k + 1.0 for k, group in enumerate(groups)}
    found = joint.release(rows, lambda t: st.standardised_rate(t.event, t.time, by=t.group, standard=standard, per=1))
    weight = np.arange(1, len(groups) + 1) / sum(standard.values()) / time
    rate, spread, chi = (weight * events).sum(), (weight**2 * events).sum(), need("scipy.stats").chi2
    above, wide = rate + weight.max(), spread + weight.max() ** 2
    limits = (
        ("ci_low", spread / 2 / rate * chi.ppf(0.025, 2 * rate**2 / spread)),
        ("ci_high", wide / 2 / above * chi.ppf(0.975, 2 * above**2 / wide)),
    )
    for key, known in (("estimate", rate), *limits):
        yield estimate(key, measured(found, "standardised rate", key), known)


def indirect(joint: Joint, name: str) -> Compare:
    """At rates a little below those of all rows."""
    rows, events, time, groups = sums(name)
    reference = {group: 0.9 * events.sum() / time.sum() * (1 + k / 10) for k, group in enumerate(groups)}
    script = partial(st.standardised_ratio, reference=reference, per=1)
    found = joint.release(rows, lambda t: script(t.event, t.time, by=t.group))
    observed, expected = int(events.sum()), float((time * list(reference.values())).sum())
    low, high = exact(observed)
    for key, known in (("estimate", observed), ("ci_low", low), ("ci_high", high)):
        yield estimate(key, measured(found, "observed to expected", key), known / expected)
    poisson = need("scipy.stats").poisson(expected)
    known = min(1.0, 2 * min(poisson.cdf(observed), poisson.sf(observed - 1)))
    yield p_value("p", measured(found, "observed to expected", "p"), known)


for _name in NAMES:
    for _rows in ROWS:
        case("st.rate", f"lifelines {_name}", rows=_rows, by=SCIPY)(partial(crude, name=_name))
        case("st.standardised_rate", f"lifelines {_name}", rows=_rows, by=SCIPY)(partial(direct, name=_name))
        case("st.standardised_ratio", f"lifelines {_name}", rows=_rows, by=SCIPY)(partial(indirect, name=_name))

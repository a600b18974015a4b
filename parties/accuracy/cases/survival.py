"""Survival curves and log-rank tests, against values recorded from lifelines and against statsmodels.

`parties/accuracy/record_lifelines.py` records them.
"""

from __future__ import annotations

import json
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from mpc import Real
from parties.accuracy import sets
from parties.accuracy.compared import ROWS, Compare, estimate, p_value, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import STATSMODELS, need
from parties.accuracy.registry import case
from protocols import survival

LIFELINES = "lifelines 0.30.3"
NAMES = ("rossi", "lung", "waltons", "larynx", "leukemia", "gbsg2", "lymphoma")
#: Weights of the log-rank test.
WEIGHTS = ("wilcoxon", "tarone-ware", "fleming-harrington")
#: Lengths of time in which events are counted, where they are no whole numbers.
STEPS = {"larynx": 0.1}
#: Data sets, and a column of each that makes strata.
STRATA = (
    *(("rossi", "race"), ("rossi", "wexp"), ("lung", "ph.ecog"), ("gbsg2", "menostat"), ("gbsg2", "tgrade")),
    *(("leukemia", "sex"), ("larynx", "age")),
)
#: Chi-square of the log-rank test as R's `survdiff` prints it in the documentation of its package survival and in MASS.
R_PRINTS = {"lung": 10.3, "leukemia": 16.8}
#: Data set, weights and rows -> what is known of its errors.
SHORT = {
    ("larynx", "tarone-ware", "stay"): {
        "shortfall": "chi-square of four uneven groups is 2e-6 off on the engine ideal, which rounds down always, and "
        "within 1e-6 on the others",
        "within": {"estimate": 2e-6},
    }
}


@cache
def recorded(name: str) -> Any:
    """What lifelines computed of one data set."""
    text = files("parties.accuracy").joinpath("data", "lifelines.json").read_text(encoding="utf-8")
    return json.loads(text)["sets"][name]


def patients(name: str) -> Any:
    """A data set as columns time, event and group."""
    columns = recorded(name)["columns"]
    frame = sets.shipped(name)[columns].set_axis(["time", "event", "group"], axis=1)
    whole = (frame.time % 1 == 0).all()
    time = frame.time.astype(int) if whole else frame.time
    return pd.DataFrame(
        {"time": time, "event": frame.event == 1, "group": frame.group.map("g{}".format)}, index=frame.index
    )


def counted(joint: Joint, name: str) -> dict[str, Any]:
    """`step=` for rows that stay."""
    return {"step": STEPS[name]} if name in STEPS and joint.rows == "stay" else {}


def declared(name: str) -> dict[str, Any]:
    """Times of a data set that are no whole numbers: a range on a grid of steps."""
    return {"time": Real(0, 20)} if name in STEPS else {}


def curves(joint: Joint, name: str) -> Compare:
    rows, known = patients(name), recorded(name)
    grid = known["grid"]
    found = joint.release(
        rows,
        lambda t: survival.kaplan_meier(t.time, t.event, by=t.group, grid=grid, **counted(joint, name)),
        columns=declared(name),
    )
    yield same("groups", found["groups"], [f"g{level}" for level in known["levels"]])
    for ours, theirs, level in zip(found["curves"], known["curves"], found["groups"], strict=True):
        at = np.asarray(theirs["survival"])
        inside = (at > 1e-9) & (at < 1 - 1e-9)
        yield estimate(f"survival {level}", ours["survival"], np.where(at < 1e-9, 0, at))
        for ends, reference in (("ci_low", "low"), ("ci_high", "high")):
            cells = np.array(ours[ends], object)[inside]
            yield estimate(f"{ends} {level}", cells, np.asarray(theirs[reference])[inside])
        alone = rows[rows.group == level]
        curve = need("statsmodels.duration.survfunc").SurvfuncRight(alone.time, alone.event.astype(int))
        place = np.searchsorted(curve.surv_times, grid, side="right") - 1
        errors = np.array(ours["se"], object)[inside]
        yield standard_error(f"standard error {level}", errors, curve.surv_prob_se[place][inside])
        yield same(f"at risk {level}", ours["at_risk"], [int((alone.time > t).sum()) for t in grid])


def logrank(joint: Joint, name: str, weights: Any = None) -> Compare:
    known = recorded(name)["logrank"][weights or ""]
    found = joint.release(
        patients(name),
        lambda t: survival.logrank(t.time, t.event, t.group, weights=weights, **counted(joint, name)),
        columns=declared(name),
    )
    yield estimate("chi-square", part(found, "chi_square"), known["chi_square"])
    yield p_value("p", part(found, "p"), known["p"])
    if weights is None and name in R_PRINTS:
        yield same("chi-square as R prints it", round(found["chi_square"], 1), R_PRINTS[name])


def stratified(joint: Joint, name: str, stratum: str) -> Compare:
    """Groups within the levels of a column, or below and above its median."""
    rows, column = patients(name), sets.shipped(name)[stratum]
    several = column.nunique() > 4
    rows["stratum"] = (column > column.median() if several else column.astype("category").cat.codes).map("s{}".format)
    rows = rows[column.notna()]
    found = joint.release(
        rows,
        lambda t: survival.logrank(t.time, t.event, t.group, strata=t.stratum, **counted(joint, name)),
        columns=declared(name),
    )
    survdiff = need("statsmodels.duration.survfunc").survdiff
    statistic, p = survdiff(rows.time, rows.event.astype(int), rows.group, strata=rows.stratum)
    yield estimate("chi-square", part(found, "chi_square"), statistic)
    yield p_value("p", part(found, "p"), p)


def made_up(seed: int, rows: int, days: int, ratio: float) -> Any:
    """Times in whole days with many ties; the hazard of one group is `ratio` times that of the other."""
    made = np.random.default_rng(seed)
    treated = made.random(rows) < 0.5
    death = np.ceil(days / 3 * made.exponential(1, rows) / np.where(treated, ratio, 1.0))
    end = made.integers(1, days, rows)
    group = np.where(treated, "g1", "g0")
    return pd.DataFrame({"time": np.minimum(death, end).astype(int), "event": death <= end, "group": group})


def ties(joint: Joint, ratio: float) -> Compare:
    """1,500 rows that share eight times; p is below 1e-6 if the ratio is far from 1."""
    rows = made_up(1, 1500, 8, ratio)
    found = joint.release(rows, lambda t: survival.logrank(t.time, t.event, t.group))
    known, _ = need("statsmodels.duration.survfunc").survdiff(rows.time, rows.event.astype(int), rows.group)
    yield estimate("chi-square", found["chi_square"], known)
    yield p_value("p", found["p"], need("scipy.special").chdtrc(1, known))


def shown(joint: Joint) -> Compare:
    """Which points of a curve are shown, with a minimum of ten."""
    rows = made_up(2, 240, 400, 1.5)
    grid = list(range(20, 400, 20))
    found = joint.release(rows, lambda t: survival.kaplan_meier(t.time, t.event, by=t.group, grid=grid), minimum=10)
    for ours, level in zip(found["curves"], found["groups"], strict=True):
        alone = rows[rows.group == level]
        known = survival.shown_points(alone.time, alone.event, grid, 10)
        yield same(f"shown {level}", [not isinstance(cell, str) for cell in ours["survival"]], known)
        curve = need("statsmodels.duration.survfunc").SurvfuncRight(alone.time, alone.event.astype(int))
        place = np.searchsorted(curve.surv_times, grid, side="right") - 1
        yield estimate(f"survival {level}", np.array(ours["survival"], object)[known], curve.surv_prob[place][known])


for _rows in ROWS:
    for _name in NAMES:
        _data = f"lifelines {_name}"
        case("survival.kaplan_meier", _data, rows=_rows, by=f"{LIFELINES}, {STATSMODELS}")(partial(curves, name=_name))
        _by = f"{LIFELINES}, R survival" if _name in R_PRINTS else LIFELINES
        case("survival.logrank", _data, rows=_rows, by=_by)(partial(logrank, name=_name))
        for _weights in WEIGHTS:
            _short: Any = SHORT.get((_name, _weights, _rows), {})
            case(f"survival.logrank, {_weights}", _data, rows=_rows, by=LIFELINES, **_short)(
                partial(logrank, name=_name, weights=_weights)
            )
    for _name, _stratum in STRATA:
        case("survival.logrank, strata", f"lifelines {_name} by {_stratum}", rows=_rows, by=STATSMODELS)(
            partial(stratified, name=_name, stratum=_stratum)
        )
    case("survival.kaplan_meier", "points shown", rows=_rows, by=f"shown_points, {STATSMODELS}", public=False)(shown)
    for _ratio in (1.1, 3.0):
        case("survival.logrank", f"ties, hazard ratio {_ratio}", rows=_rows, by=STATSMODELS, public=False)(
            partial(ties, ratio=_ratio)
        )

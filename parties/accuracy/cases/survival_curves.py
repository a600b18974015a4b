"""Cumulative hazards, restricted means and incidences, against recorded values of lifelines, statsmodels, definitions.

`parties/accuracy/record_curves.py` records them.
"""

from __future__ import annotations

import json
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np

from parties.accuracy import sets
from parties.accuracy.cases.survival import LIFELINES, NAMES, counted, declared, made_up, patients, recorded
from parties.accuracy.compared import ROWS, Compare, estimate, p_value, part, same, standard_error
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import NUMPY, STATSMODELS, need
from parties.accuracy.registry import case
from protocols import survival

#: A column of each data set that makes two causes of an event.
CAUSES = {
    "rossi": "age",
    "lung": "ph.karno",
    "waltons": "group",
    "larynx": "age",
    "leukemia": "logWBC",
    "gbsg2": "age",
    "lymphoma": "Stage_group",
}


@cache
def known_of(name: str) -> Any:
    """What lifelines computed of one data set."""
    text = files("parties.accuracy").joinpath("data", "curves.json").read_text(encoding="utf-8")
    return json.loads(text)["sets"][name]


def deaths(rows: Any) -> tuple[Any, Any, Any]:
    """Times of events, rows at risk and events there."""
    time, event = rows.time.to_numpy(float), rows.event.to_numpy(bool)
    at = np.unique(time[event])
    risk = np.asarray([(time >= t).sum() for t in at], float)
    return at, risk, np.asarray([(event & (time == t)).sum() for t in at], float)


def area(rows: Any, tau: float) -> tuple[float, float]:
    """The restricted mean and its standard error."""
    at, risk, died = deaths(rows)
    risk, died, at = risk[at < tau], died[at < tau], at[at < tau]
    survival = np.append(1.0, np.cumprod(1 - died / risk))
    areas = np.cumsum((survival * np.diff([0.0, *at, tau]))[::-1])[::-1]
    left = np.where(risk > died, risk - died, np.inf)
    return float(areas[0]), float(np.sqrt((areas[1:] ** 2 * died / (risk * left)).sum()))


def hazards(joint: Joint, name: str, ties: Any) -> Compare:
    rows, grid = patients(name), recorded(name)["grid"]
    found = joint.release(
        rows,
        lambda t: survival.nelson_aalen(t.time, t.event, by=t.group, grid=grid, ties=ties, **counted(joint, name)),
        columns=declared(name),
    )
    for ours, theirs, level in zip(found["curves"], known_of(name)["hazards"], found["groups"], strict=True):
        happened = np.asarray(theirs[ties]) > 0
        yield estimate(f"hazard {level}", ours["estimate"], theirs[ties])
        at, risk, died = deaths(rows[rows.group == level])
        upto = np.searchsorted(at, grid, side="right")
        if ties == "together":
            errors = np.append(0.0, np.sqrt(np.cumsum(died / risk**2)))[upto]
            yield standard_error(f"standard error {level}", ours["se"], errors)
            continue
        for ends, reference in (("ci_low", "low"), ("ci_high", "high")):
            cells = np.array(ours[ends], object)[happened]
            yield estimate(f"{ends} {level}", cells, np.asarray(theirs[reference])[happened])


def means(joint: Joint, name: str) -> Compare:
    rows, known = patients(name), known_of(name)
    tau = known["tau"]
    found = joint.release(
        rows,
        lambda t: survival.restricted_mean(t.time, t.event, by=t.group, tau=tau, **counted(joint, name)),
        columns=declared(name),
    )
    levels = found["table"]["rows"]
    each = [area(rows[rows.group == level], tau) for level in levels]
    for ours, theirs, (_, error), level in zip(found["table"]["values"], known["means"], each, levels, strict=True):
        yield estimate(f"mean {level}", ours[1], theirs)
        yield standard_error(f"standard error {level}", ours[2], error)
    if len(each) == 2:
        yield from compared(found, each)


def compared(found: Any, each: Any) -> Compare:
    """The difference of two groups, and p."""
    apart, error = each[1][0] - each[0][0], np.hypot(each[0][1], each[1][1])
    yield p_value("p", part(found, "p")[2], 2 * need("scipy.special").ndtr(-abs(apart / error)))


def far_apart(joint: Joint, ratio: float) -> Compare:
    """1,500 rows with many ties; p is below 1e-6 if the ratio is far from 1."""
    rows = made_up(3, 1500, 400, ratio)
    found = joint.release(rows, lambda t: survival.restricted_mean(t.time, t.event, by=t.group, tau=300))
    each = [area(rows[rows.group == level], 300) for level in ("g0", "g1")]
    for ours, theirs in zip(found["table"]["values"], each, strict=True):
        yield estimate("mean", ours[1], theirs[0])
        yield standard_error("standard error", ours[2], theirs[1])
    yield from compared(found, each)


def rise(joint: Joint) -> Compare:
    """Which points of a cumulative hazard are shown, with a minimum of ten."""
    rows, grid = made_up(2, 240, 400, 1.5), list(range(20, 400, 20))
    found = joint.release(rows, lambda t: survival.nelson_aalen(t.time, t.event, grid=grid), minimum=10)
    known = survival.shown_points(rows.time, rows.event, grid, 10)
    yield same("shown", [not isinstance(cell, str) for cell in found["estimate"]], known)


def caused(rows: Any, name: str) -> Any:
    """The rows with two causes of an event: whether another column is below its median. The causes are made up."""
    column = sets.shipped(name)[CAUSES[name]].loc[rows.index].fillna(0)
    codes = column if column.dtype.kind in "if" else column.astype("category").cat.codes
    low = (codes <= codes.median()) if codes.nunique() > 2 else codes == codes.min()
    cause = np.where(rows.event, np.where(low, "low", "high"), "none")
    return rows.assign(cause=cause)


def incidences(joint: Joint, name: str) -> Compare:
    """By cause; the last rows are censored, since statsmodels divides by the rows that are left."""
    rows, grid = caused(patients(name), name), recorded(name)["grid"]
    rows.loc[rows.time == rows.time.max(), "cause"] = "none"
    found = joint.release(
        rows[["time", "cause"]],
        lambda t: survival.cumulative_incidence(t.time, t.cause, censored="none", grid=grid, **counted(joint, name)),
        columns=declared(name),
    )
    codes = rows.cause.map({"none": 0, "high": 1, "low": 2}).astype(int)
    known = need("statsmodels.duration.survfunc").CumIncidenceRight(rows.time.astype(float), codes)
    place = np.searchsorted(known.times, grid, side="right") - 1
    yield same("causes", found["causes"], ["high", "low"])
    for c, one in enumerate(found["curves"]):
        yield estimate(f"incidence {one['cause']}", one["estimate"], known.cinc[c][place])
        some = known.cinc[c][place] > 0
        errors = np.array(one["se"], object)[some]
        yield standard_error(f"standard error {one['cause']}", errors, known.cinc_se[c][place][some])


for _rows in ROWS:
    for _name in NAMES:
        _data, _by = f"lifelines {_name}", f"{LIFELINES}, {NUMPY}"
        case("survival.nelson_aalen", _data, rows=_rows, by=_by)(partial(hazards, name=_name, ties="together"))
        case("survival.restricted_mean", _data, rows=_rows, by=_by)(partial(means, name=_name))
        case("survival.cumulative_incidence", f"{_data} by {CAUSES[_name]}", rows=_rows, by=STATSMODELS)(
            partial(incidences, name=_name)
        )
        if _rows == "shared":
            case("survival.nelson_aalen, each tie", _data, rows=_rows, by=LIFELINES)(
                partial(hazards, name=_name, ties="each")
            )
    case("survival.nelson_aalen", "points shown", rows=_rows, by="shown_points", public=False)(rise)
    for _ratio in (1.1, 3.0):
        case("survival.restricted_mean", f"hazard ratio {_ratio}", rows=_rows, by=NUMPY, public=False)(
            partial(far_apart, ratio=_ratio)
        )

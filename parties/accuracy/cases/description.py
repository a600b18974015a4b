"""Means, deviations, counts, quantiles and histograms: NIST's univariate sets, and data sets of libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from mpc import Integer, Real
from parties.accuracy import sets
from parties.accuracy.compared import ROWS, Compare, estimate, same
from parties.accuracy.joint import Joint
from parties.accuracy.libraries import NUMPY, PANDAS
from parties.accuracy.registry import case
from protocols import statistics as st

#: Data set -> (column, certified mean, certified standard deviation, declaration).
NIST: dict[str, tuple[Callable[[], Any], float, float, Any]] = {
    "NIST Lew": (partial(sets.shipped, "lew"), -177.435, 277.332168044316, Integer(-600, 600)),
    "NIST Lottery": (partial(sets.shipped, "lottery"), 518.95871559633, 291.699727470969, Integer(0, 999)),
    "NIST Mavro": (partial(sets.shipped, "mavro"), 2.001856, 0.000429123454003053, Real(0, 4)),
    "NIST Michelso": (partial(sets.shipped, "michelso"), 299.8524, 0.0790105478190518, Real(290, 310)),
    "NIST NumAcc1": (
        lambda: pd.DataFrame({"y": [10000001, 10000003, 10000002]}),
        10000002,
        1,
        Real(1e7, 1e7 + 10),
    ),
    "NIST NumAcc2": (lambda: sets.alternating("1.2", 1001), 1.2, 0.1, Real(0, 10)),
    "NIST NumAcc3": (lambda: sets.alternating("1000000.2", 1001), 1000000.2, 0.1, Real(999990, 1000010)),
    "NIST NumAcc4": (lambda: sets.alternating("10000000.2", 1001), 10000000.2, 0.1, Real(9999990, 10000010)),
}
#: Declared ranges from 0, as somebody declares who knows little of the values: deviations down to 1e-8 of the range.
WIDE = {
    "NIST Mavro": Real(0, 100),
    "NIST Michelso": Real(0, 1000),
    "NIST NumAcc1": Real(0, 2e7),
    "NIST NumAcc3": Real(0, 2e6),
    "NIST NumAcc4": Real(0, 2e7),
}
LITTLE = "undefined: varies too little for its declared range"


def certified(joint: Joint, name: str, declared: Any) -> Compare:
    frame, mean, sd, _ = NIST[name]
    found = joint.release(frame(), lambda t: {"mean": t.y.mean(), "sd": t.y.std()}, columns={"y": declared})
    yield estimate("mean", found["mean"], mean, limit=1e-7 if joint.rows == "stay" else None)
    yield estimate("sd", found["sd"], sd)


def pi(joint: Joint) -> Compare:
    digits = sets.digits_of_pi(5000)
    found = joint.release(digits, lambda t: {"mean": t.y.mean(), "sd": t.y.std(), "n": t.y.count()})
    yield estimate("mean", found["mean"], 22679 / 5000, limit=1e-7 if joint.rows == "stay" else None)
    yield estimate("sd", found["sd"], digits.y.std())
    yield same("count", found["n"], 5000)


def library(joint: Joint, name: str) -> Compare:
    frame = sets.numbers()[name]
    found = joint.release(
        frame, lambda t: {f"{what} {c}": getattr(t[c], what)() for c in frame.columns for what in ("mean", "std")}
    )
    for column in frame.columns:
        values = frame[column]
        yield estimate(f"mean {column}", found[f"mean {column}"], values.mean(), scale=values.sem())
        yield estimate(f"sd {column}", found[f"std {column}"], values.std())


def far(joint: Joint) -> Compare:
    """Numbers a million deviations from 0, with missing values, in a range that fits."""
    made = np.random.default_rng(1)
    y = 1e6 + made.normal(0, 1, 3000)
    y[::7] = np.nan
    frame = pd.DataFrame({"y": y})
    found = joint.release(
        frame,
        lambda t: {"mean": t.y.mean(), "sd": t.y.std(), "n": t.y.count()},
        columns={"y": Real(999990, 1000010)},
    )
    yield estimate("mean", found["mean"], frame.y.mean())
    yield estimate("sd", found["sd"], frame.y.std())
    yield same("count", found["n"], int(frame.y.count()))


for _name, (*_, _declared) in NIST.items():
    for _rows in ROWS:
        case("x.mean, x.std", _name, rows=_rows, by="NIST certified", may_be=LITTLE if _rows == "shared" else "")(
            partial(certified, name=_name, declared=_declared)
        )
for _name in sets.NUMBERS:
    for _rows in ROWS:
        case("x.mean, x.std", _name, rows=_rows, by=PANDAS)(partial(library, name=_name))
for _rows in ROWS:
    case("x.mean, x.std", "first 5,000 digits of pi", rows=_rows, by="exact sum, pandas")(pi)
    case("x.mean, x.std", "a mean of 1e6 deviations", rows=_rows, by=PANDAS, public=False, may_be=LITTLE)(far)
for _name, _declared in WIDE.items():
    case("x.mean, x.std", f"{_name}, range from 0", rows="stay", by="NIST certified", public=False, may_be=LITTLE)(
        partial(certified, name=_name, declared=_declared)
    )


def described(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])

    def script(t: Any) -> dict[str, Any]:
        found = st.describe(t)
        return {f"{k} {c}": part[c] for k, part in vars(found).items() for c in frame.columns}

    found = joint.release(frame, script)
    for c in frame.columns:
        yield estimate(f"mean {c}", found[f"mean {c}"], frame[c].mean(), scale=frame[c].sem())
        yield estimate(f"sd {c}", found[f"sd {c}"], frame[c].std())
        yield same(f"missing {c}", found[f"missing {c}"], int(frame[c].isna().sum()))


def sums(joint: Joint, name: str) -> Compare:
    frame = sets.numbers()[name].astype(float)
    found = joint.release(
        frame, lambda t: {f"{what} {c}": getattr(t[c], what)() for c in frame.columns for what in ("sum", "var")}
    )
    for c in frame.columns:
        yield estimate(f"sum {c}", found[f"sum {c}"], frame[c].sum(), scale=len(frame) * frame[c].sem())
        yield estimate(f"variance {c}", found[f"var {c}"], frame[c].var())


def grouped(joint: Joint, name: str) -> Compare:
    frame = sets.by_category()[name]

    def script(t: Any) -> dict[str, Any]:
        groups = t.group_by("level").x
        return {"mean": groups.mean(), "sd": groups.std(), "n": groups.count()}

    found = joint.release(frame, script)
    known = frame.groupby("level").x
    alone = known.std().isna()
    yield estimate("mean", found["mean"]["values"], known.mean(), scale=known.sem())
    yield estimate("sd", np.array(found["sd"]["values"], object)[~alone], known.std()[~alone])
    yield same("count", found["n"]["values"], known.count())


def quantiles(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])
    shares = [0.05, 0.25, 0.5, 0.75, 0.95]
    found = joint.release(frame, lambda t: {c: t[c].quantile(shares) for c in frame.columns})
    for c in frame.columns:
        yield estimate(f"quantiles {c}", found[c], frame[c].quantile(shares))


def histogram(joint: Joint, name: str) -> Compare:
    frame = sets.with_gaps(sets.numbers()[name])
    column = frame.columns[0]
    edges = sorted({*np.linspace(frame[column].min(), frame[column].max(), 7).round(3).tolist()})
    found = joint.release(frame, lambda t: t[column].histogram(edges))
    yield same("counts", found["counts"], np.histogram(frame[column].dropna(), edges)[0].tolist())


def hidden(joint: Joint) -> Compare:
    """A histogram with small cells, and statistics of few rows: which are suppressed."""
    frame = pd.DataFrame({"y": [*range(20), *[30] * 3, *[45] * 15], "x": [1.5, 2.5, 4.0] + [np.nan] * 35})
    found = joint.release(
        frame,
        lambda t: {"cells": t.y.histogram([0, 20, 40, 60]), "mean": t.x.mean(), "count": t.x.count()},
        minimum=5,
    )
    words = "suppressed (fewer than 5)"
    cells = np.array([20, 3, 15], object)
    cells[st.hidden_cells([20, 3, 15], 5)] = words
    yield same("cells", found["cells"]["counts"], cells)
    yield same("mean", found["mean"], words)
    yield same("count", found["count"], words)


for _name in sets.NUMBERS:
    case("st.describe", _name, rows="stay", by=PANDAS)(partial(described, name=_name))
    for _rows in ROWS:
        case("x.sum, x.var", _name, rows=_rows, by=PANDAS)(partial(sums, name=_name))
    case("x.quantile", _name, rows="shared", by=PANDAS)(partial(quantiles, name=_name))
    case("x.histogram", _name, rows="stay", by=NUMPY)(partial(histogram, name=_name))
for _name in sets.BY_CATEGORY:
    case("groups.mean, groups.std", _name, rows="stay", by=PANDAS)(partial(grouped, name=_name))
case("x.histogram", "small cells", rows="stay", by="st.hidden_cells", public=False)(hidden)

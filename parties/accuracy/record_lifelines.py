"""Writes data/lifelines.json: what lifelines computes from the files of that folder.

    pip install lifelines && python parties/accuracy/record_lifelines.py

Comity does not need lifelines: cases compare with what is recorded.
"""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

DATA = Path(__file__).with_name("data")
#: File -> columns of time, event and group, and a grid of times.
SETS = {
    "rossi": ("week", "arrest", "fin", [10, 20, 30, 40, 50]),
    "lung": ("time", "status", "sex", [100, 200, 300, 400, 600, 800]),
    "waltons": ("T", "E", "group", [10, 20, 30, 40, 50, 60, 70]),
    "larynx": ("time", "death", "stage", [1, 2, 3, 4, 6, 8]),
    "leukemia": ("t", "status", "Rx", [2, 5, 8, 12, 16, 22]),
    "gbsg2": ("time", "cens", "horTh", [250, 500, 1000, 1500, 2000]),
    "lymphoma": ("Time", "Censor", "Stage_group", [20, 50, 100, 150, 200, 300]),
}
#: Names of weights in Comity -> keywords of lifelines.
WEIGHTS: dict[str, dict[str, Any]] = {
    "": {},
    "wilcoxon": {"weightings": "wilcoxon"},
    "tarone-ware": {"weightings": "tarone-ware"},
    "fleming-harrington": {"weightings": "fleming-harrington", "p": 1, "q": 0},
}


def curve(time: Any, event: Any, grid: list[int]) -> dict[str, Any]:
    """Survival and its interval at the points of a grid."""
    fitter = import_module("lifelines").KaplanMeierFitter().fit(time, event)
    interval = fitter.confidence_interval_
    at = np.searchsorted(interval.index, grid, side="right") - 1
    return {
        "survival": fitter.survival_function_at_times(grid).tolist(),
        "low": interval.iloc[at, 0].tolist(),
        "high": interval.iloc[at, 1].tolist(),
    }


def record() -> dict[str, Any]:
    """The curve of each group, and the log-rank tests, of each data set."""
    test = import_module("lifelines.statistics").multivariate_logrank_test
    out: dict[str, Any] = {}
    for name, (time, event, group, grid) in SETS.items():
        frame = pd.read_csv(DATA / f"{name}.csv", comment="#")
        levels = sorted(frame[group].unique().tolist())
        groups = [frame[frame[group] == level] for level in levels]
        tests = {
            weight: test(frame[time], frame[group], frame[event], **keywords) for weight, keywords in WEIGHTS.items()
        }
        out[name] = {
            "columns": [time, event, group],
            "levels": levels,
            "grid": grid,
            "curves": [curve(rows[time], rows[event], grid) for rows in groups],
            "logrank": {w: {"chi_square": float(t.test_statistic), "p": float(t.p_value)} for w, t in tests.items()},
        }
    return {"version": import_module("lifelines").__version__, "sets": out}


if __name__ == "__main__":
    (DATA / "lifelines.json").write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")

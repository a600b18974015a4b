"""Writes lifelines.json: what lifelines computes from the files beside this one.

    pip install lifelines && python record_lifelines.py

Comity does not need lifelines; it compares with what is recorded here.
"""

import json
from pathlib import Path

import lifelines
import numpy as np
import pandas as pd
from lifelines.statistics import multivariate_logrank_test

HERE = Path(__file__).parent
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
WEIGHTS = {
    "": {},
    "wilcoxon": {"weightings": "wilcoxon"},
    "tarone-ware": {"weightings": "tarone-ware"},
    "fleming-harrington": {"weightings": "fleming-harrington", "p": 1, "q": 0},
}


def curve(time, event, grid):
    fitter = lifelines.KaplanMeierFitter().fit(time, event)
    interval = fitter.confidence_interval_
    at = np.searchsorted(interval.index, grid, side="right") - 1
    return {
        "survival": fitter.survival_function_at_times(grid).tolist(),
        "low": interval.iloc[at, 0].tolist(),
        "high": interval.iloc[at, 1].tolist(),
    }


def record():
    out = {"version": lifelines.__version__, "sets": {}}
    for name, (time, event, group, grid) in SETS.items():
        frame = pd.read_csv(HERE / f"{name}.csv", comment="#")
        levels = sorted(frame[group].unique().tolist())
        tests = {}
        for weight, keywords in WEIGHTS.items():
            test = multivariate_logrank_test(frame[time], frame[group], frame[event], **keywords)
            tests[weight] = {"chi_square": float(test.test_statistic), "p": float(test.p_value)}
        out["sets"][name] = {
            "columns": [time, event, group],
            "levels": levels,
            "grid": grid,
            "curves": [curve(*frame.loc[frame[group] == level, [time, event]].to_numpy().T, grid) for level in levels],
            "logrank": tests,
        }
    return out


if __name__ == "__main__":
    text = json.dumps(record(), indent=1)
    (HERE / "lifelines.json").write_text(text + "\n", encoding="utf-8")

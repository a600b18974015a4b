"""Writes data/curves.json: cumulative hazards and restricted means of lifelines, from the files of that folder.

    pip install lifelines && python parties/accuracy/record_curves.py

Comity does not need lifelines: cases compare with what is recorded.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from parties.accuracy.record_lifelines import DATA, SETS


def hazards(time: Any, event: Any, grid: list[int]) -> dict[str, Any]:
    """H with d/n at each time, and with single events, of which also the interval."""
    fitter = import_module("lifelines").NelsonAalenFitter
    together = fitter(nelson_aalen_smoothing=False).fit(time, event)
    each = fitter().fit(time, event)
    at = np.searchsorted(each.confidence_interval_.index, grid, side="right") - 1
    return {
        "together": together.cumulative_hazard_at_times(grid).tolist(),
        "each": each.cumulative_hazard_at_times(grid).tolist(),
        "low": each.confidence_interval_.iloc[at, 0].tolist(),
        "high": each.confidence_interval_.iloc[at, 1].tolist(),
    }


def mean(time: Any, event: Any, tau: float) -> float:
    """The restricted mean."""
    restricted = import_module("lifelines.utils").restricted_mean_survival_time
    return float(restricted(import_module("lifelines").KaplanMeierFitter().fit(time, event), t=tau))


def record() -> dict[str, Any]:
    """The curves and means of each group of each data set; tau is the middle of the grid."""
    out: dict[str, Any] = {}
    for name, (time, event, group, grid) in SETS.items():
        frame = pd.read_csv(DATA / f"{name}.csv", comment="#")
        groups = [frame[frame[group] == level] for level in sorted(frame[group].unique().tolist())]
        happened = [rows[event] == 1 for rows in groups]
        out[name] = {
            "tau": grid[len(grid) // 2],
            "hazards": [hazards(rows[time], d, grid) for rows, d in zip(groups, happened, strict=True)],
            "means": [mean(rows[time], d, grid[len(grid) // 2]) for rows, d in zip(groups, happened, strict=True)],
        }
    return {"version": import_module("lifelines").__version__, "sets": out}


if __name__ == "__main__":
    (DATA / "curves.json").write_text(json.dumps(record(), indent=1) + "\n", encoding="utf-8")

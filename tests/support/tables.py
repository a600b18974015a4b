"""Statistics of a table under test: columns in, releases out, with every bound looked at on the ideal engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mpc import Real, Scenario, Study, Table
from mpc.tables.private import PrivateTable
from mpc.tables.schema import Column
from protocols.simulate import simulate
from tests.support.bounds import every_bound_holds

Releases = Mapping[str, Any]


def releases(
    script: Callable[[PrivateTable], Releases],
    columns: Mapping[str, Any],
    frames: Sequence[Any],
    *,
    engine: str = "ideal",
    minimum: int = 1,
    at_most: int = 1 << 26,
    others: bool = False,
) -> dict[str, Any]:
    """What `script(table)` gives by name, opened. columns: name -> (low, high) or a schema column; others: minimums
    hold without each owner's own rows, too."""
    declared = {name: c if isinstance(c, Column) else Real(*c) for name, c in columns.items()}
    rows = type("Rows", (Table,), declared).rows(at_most=at_most)  # type: ignore[attr-defined]
    parameters = {"minimum_cohort": minimum, "minimum_without_own_rows": others}
    scenario = Scenario(inputs={"rows": rows}, parameters=parameters)

    @scenario.run
    async def run(study: Study) -> None:
        for name, value in script(study.table("rows")).items():
            study.release(name, value)

    tables = {f"owner {i}": {"rows": frame} for i, frame in enumerate(frames)}
    if engine != "ideal":
        return simulate(scenario, tables, engine=engine).releases
    with every_bound_holds():
        return simulate(scenario, tables, engine=engine).releases


def split(frame: Any, *at: float) -> list[Any]:
    """A table in three (or more) parts, at these fractions of its rows (default: unequal ones)."""
    cuts = [0, *(round(len(frame) * f) for f in at or (0.15, 0.6)), len(frame)]
    return [frame.iloc[a:b] for a, b in pairwise(cuts)]


def table(**columns: Any) -> Any:
    """A pandas table of float columns."""
    return pd.DataFrame({name: np.asarray(values, np.float64) for name, values in columns.items()})

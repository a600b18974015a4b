"""Queries over simulated organizations, and DuckDB's answers on the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from itertools import starmap
from typing import Any

import duckdb
import pandas as pd

from mpc import Scenario
from protocols.simulate import simulate

Answer = list[tuple[Any, ...]]


def duckdb_answer(query: str, tables: Mapping[str, pd.DataFrame]) -> Answer:
    """DuckDB's rows."""
    with duckdb.connect() as connection:
        for name, frame in tables.items():
            connection.register(name, frame)
        return connection.execute(query).fetchall()


def answer(
    query: str,
    scenario: Scenario,
    brought: Mapping[str, Mapping[str, pd.DataFrame]],
    *,
    engine: str = "ideal",
    unprotected: str = "a test",
    **how: Any,
) -> Answer:
    """The rows that `study.sql` releases. how: its keywords."""

    @scenario.run
    async def run(study: Any) -> None:
        study.release("answer", study.sql(query, **how), unprotected=unprotected)

    return rows_of(simulate(scenario, brought, engine=engine).releases["answer"])


def rows_of(released: Any) -> Answer:
    """The rows of a release."""
    return [tuple(row) for row in released["values"]] if "columns" in released else [tuple(released["values"])]


def differences(found: Answer, wanted: Answer, *, ordered: bool, relative: float = 1e-6) -> list[str]:
    """Where two answers differ, in words."""
    if len(found) != len(wanted):
        return [f"{len(found)} rows, expected {len(wanted)}: {found[:3]} and {wanted[:3]}"]
    if not ordered:
        found, wanted = sorted(found, key=_sorting), sorted(wanted, key=_sorting)
    pairs = zip(found, wanted, strict=True)
    return [f"{a}, expected {b}" for a, b in pairs if not all(starmap(_same(relative), zip(a, b, strict=True)))]


def _sorting(row: Sequence[Any]) -> list[tuple[bool, str]]:
    return [(_gone(cell), f"{cell:.5g}" if isinstance(cell, float) else str(cell)) for cell in row]


def _gone(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and (cell == "NULL" or cell.startswith("undefined")))


def _same(relative: float) -> Callable[[Any, Any], bool]:
    def same(found: Any, wanted: Any) -> bool:
        if wanted is None:
            return _gone(found)
        if isinstance(wanted, date):
            return bool(found == wanted.isoformat())
        if isinstance(wanted, bool) or not isinstance(wanted, int | float):
            return bool(found == wanted)
        return isinstance(found, int | float) and math.isclose(found, wanted, rel_tol=relative, abs_tol=relative)

    return same

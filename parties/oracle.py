"""A run against pooling the data in the clear: only where all the data is on this machine, as in a demo."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.scenario import Scenario
from mpc.schema import CategoryColumn, FlagColumn, Schema
from parties.dataset import SourceRows

#: Rows above which pooling in memory is no longer a side show.
MOST_ROWS = 3_000_000


def pooled(schema: Schema, sources: Sequence[SourceRows]) -> Any:
    """All owners' rows as one pandas table: flags as bool (or object, with missing values), categories by name.

    Its `attrs["rows"]` lists how many rows each owner brought.
    """
    import pandas as pd

    parts: dict[str, list[Any]] = {name: [] for name in schema.names}
    brought = []
    for source in sources:
        brought.append(0)
        for batch in source.batches(schema.names):
            brought[-1] += len(batch[schema.names[0]])
            for name in schema.names:
                parts[name].append(batch[name])
    columns: dict[str, Any] = {}
    for column in schema.columns:
        values = np.concatenate(parts[column.name]) if parts[column.name] else np.empty(0)
        gone = np.isnan(values)
        if isinstance(column, CategoryColumn):
            names = np.asarray([*column.levels, None], dtype=object)
            columns[column.name] = names[np.where(gone, len(column.levels), values).astype(int)]
        elif isinstance(column, FlagColumn):
            flags = values == 1.0
            columns[column.name] = np.where(gone, None, flags) if gone.any() else flags
        else:
            columns[column.name] = values
    table = pd.DataFrame(columns)
    table.attrs["rows"] = brought
    return table


def expected(scenario: Scenario, tables: Mapping[str, Any], parameters: Any) -> dict[str, Any] | None:
    """What the scenario's plaintext oracle says (None: it has none)."""
    oracle = scenario.oracle
    if oracle is None:
        return None
    arguments = [tables[name] for name in scenario.inputs]
    if oracle.__code__.co_argcount > len(arguments):
        return oracle(*arguments, parameters)
    return oracle(*arguments)


#: In place of a deviation, where one of the two is a number and the other is not.
DIFFERS = "differs in form"


def deviations(
    releases: Mapping[str, Any], kinds: Mapping[str, str], oracle: Mapping[str, Any]
) -> tuple[float | str, dict[str, float | str]]:
    """The largest deviation, and each release's.

    Relative, except where that says little: absolute for what lies between -1 and 1 (correlations, p-values, R²), and
    for coefficients, differences, t and interval limits relative to the number or its standard error, whichever is
    larger. A release that the oracle has and the run has not, or that is suppressed, undefined or of another shape on
    one side only, is DIFFERS, which counts as the largest. Releases that the oracle leaves out are not compared:
    `uncompared` lists them.
    """
    details: dict[str, float | str] = {}
    for name, wanted in oracle.items():
        largest = max(_errors(releases.get(name), wanted, kinds.get(name, "number")), default=0.0)
        details[name] = largest if math.isfinite(largest) else DIFFERS
    if DIFFERS in details.values():
        return DIFFERS, details
    return max((value for value in details.values() if not isinstance(value, str)), default=0.0), details


def uncompared(releases: Mapping[str, Any], oracle: Mapping[str, Any]) -> list[str]:
    """Releases that the oracle says nothing about."""
    return [name for name in releases if name not in oracle]


_ABSOLUTE = {"p", "r_squared"}
_IN_ERRORS = {"coefficient", "difference", "ci_low", "ci_high"}
_T = {"t", "statistic"}


def _errors(found: Any, wanted: Any, kind: str, unit: Any = 0.0) -> Iterator[float]:
    """Deviations of all numbers in a release; `unit`: what they are relative to if they are smaller."""
    if isinstance(wanted, Mapping):
        units = _units(wanted, kind)
        for name, value in wanted.items():
            absolute = name in _ABSOLUTE or kind == "matrix"
            there = isinstance(found, Mapping) and name in found
            yield from _errors(found[name] if there else None, value, kind, None if absolute else units.get(name, 0.0))
    elif isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            yield math.inf
            return
        units_of = unit if isinstance(unit, list) and len(unit) == len(wanted) else [unit] * len(wanted)
        for f, w, u in zip(found, wanted, units_of, strict=True):
            yield from _errors(f, w, kind, u)
    elif _is_number(found) and _is_number(wanted):
        gap = abs(found - wanted)
        least = 1.0 if unit is None else max(abs(wanted), unit if _is_number(unit) else 0.0)
        yield gap if gap == 0 or unit is None else gap / least if least else math.inf
    else:
        yield 0.0 if found == wanted else math.inf


def _units(wanted: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Standard errors by entry, where a regression or test gives them."""
    if kind == "regression":
        error = wanted.get("standard_error", 0.0)
    elif kind == "test" and _is_number(wanted.get("ci_low")) and _is_number(wanted.get("ci_high")):
        error = (wanted["ci_high"] - wanted["ci_low"]) / 4  # about two standard errors to each side
    else:
        return {}
    return dict.fromkeys(_IN_ERRORS, error) | dict.fromkeys(_T, 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)

"""A run against pooling the data in the clear: only where all the data is on this machine, as in a demo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from mpc.scenario import Scenario
from mpc.schema import CategoryColumn, FlagColumn, Schema
from parties.dataset import SourceRows

#: Rows above which pooling in memory is no longer a side show.
MOST_ROWS = 3_000_000


def pooled(schema: Schema, sources: Sequence[SourceRows]) -> Any:
    """All owners' rows as one pandas table: flags as bool (or object, with missing values), categories by name."""
    import pandas as pd

    parts: dict[str, list[Any]] = {name: [] for name in schema.names}
    for source in sources:
        for batch in source.batches(schema.names):
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
    return pd.DataFrame(columns)


def expected(scenario: Scenario, tables: Mapping[str, Any], parameters: Any) -> dict[str, Any] | None:
    """What the scenario's plaintext oracle says (None: it has none)."""
    oracle = scenario.oracle
    if oracle is None:
        return None
    arguments = [tables[name] for name in scenario.inputs]
    if oracle.__code__.co_argcount > len(arguments):
        return oracle(*arguments, parameters)
    return oracle(*arguments)


def deviations(
    releases: Mapping[str, Any], kinds: Mapping[str, str], oracle: Mapping[str, Any]
) -> tuple[float, dict[str, float]]:
    """The largest deviation, and each release's.

    Relative for numbers, standard errors and statistics; absolute for correlations, p-values and fractions (which
    are at most 1); coefficients, differences and interval limits in units of their standard errors or values,
    whichever is larger. A release that differs in form (suppressed here and not there) deviates by infinity.
    """
    details = {}
    for name, wanted in oracle.items():
        if name in releases:
            found = list(_errors(releases[name], wanted, kinds.get(name, "number"), wanted, ""))
            details[name] = max(found, default=0.0)
    return max(details.values(), default=0.0), details


_ABSOLUTE = {"p", "r_squared"}
_IN_ERRORS = {"coefficient", "ci_low", "ci_high", "t", "difference"}


def _errors(found: Any, wanted: Any, kind: str, whole: Any, key: str) -> Iterator[float]:
    if isinstance(wanted, Mapping):
        for name, value in wanted.items():
            if not isinstance(found, Mapping) or name not in found:
                yield float("inf")
            elif name in _IN_ERRORS and kind == "regression" and isinstance(value, list):
                yield from _in_errors(found[name], value, wanted, name)
            else:
                yield from _errors(found[name], value, kind, whole, name)
    elif isinstance(wanted, list):
        if not isinstance(found, list) or len(found) != len(wanted):
            yield float("inf")
        else:
            for f, w in zip(found, wanted, strict=True):
                yield from _errors(f, w, kind, whole, key)
    elif isinstance(wanted, str) or isinstance(found, str):
        yield 0.0 if found == wanted else float("inf")
    elif found is None or wanted is None:
        yield 0.0 if found is wanted else float("inf")
    else:
        absolute = key in _ABSOLUTE or kind == "matrix"
        gap = abs(float(found) - float(wanted))
        yield gap if absolute or gap == 0 else gap / max(abs(float(wanted)), 1e-12)


def _in_errors(found: list[Any], wanted: list[Any], whole: Mapping[str, Any], name: str) -> Iterator[float]:
    errors = whole.get("standard_error", wanted)
    for f, w, e in zip(found, wanted, errors, strict=True):
        unit = 1.0 if name == "t" else float(e)
        yield abs(float(f) - float(w)) / max(unit, abs(float(w)))

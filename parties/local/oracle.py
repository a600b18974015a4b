"""Compare a run with pooling the data in the clear: only where all the data is on this machine, as in a demo."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from traceback import extract_tb
from typing import Any

import numpy as np

from mpc.machine.operation import place
from mpc.releases.scenario import Scenario
from mpc.tables.dates import DateColumn
from mpc.tables.keys import KeyColumn
from mpc.tables.rows import absent
from mpc.tables.schema import CategoryColumn, FlagColumn, IntegerColumn, Schema
from mpc.tables.texts import TextColumn
from parties.data.dataset import SourceRows
from parties.report.words import plain, scientific

#: With more rows than this, pooling in memory is too expensive to be the default.
MOST_ROWS = 3_000_000


def pooled(schema: Schema, sources: Sequence[SourceRows]) -> Any:
    """All owners' rows as one pandas table: flags as bool (or object, with missing values), categories by name,
    whole numbers as int64 (or Int64), dates as datetime64[s], keys as whole numbers that are equal just where keys are.

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
        gone = absent(values)
        if isinstance(column, CategoryColumn):
            names = np.asarray([*column.levels, None], dtype=object)
            columns[column.name] = names[np.where(gone, len(column.levels), values).astype(int)]
        elif isinstance(column, FlagColumn):
            flags = values == 1.0
            columns[column.name] = np.where(gone, None, flags) if gone.any() else flags
        elif isinstance(column, DateColumn):
            # MISSING is the number of NaT.
            columns[column.name] = values.astype(np.int64).astype("datetime64[D]").astype("datetime64[s]")
        elif isinstance(column, TextColumn):
            columns[column.name] = values.astype(object)
        elif isinstance(column, IntegerColumn | KeyColumn):
            columns[column.name] = pd.array(np.where(gone, 0, values), "Int64") if gone.any() else values
            if gone.any():
                columns[column.name][gone] = pd.NA
        else:
            columns[column.name] = values
    table = pd.DataFrame(columns)
    table.attrs["rows"] = brought
    return table


def expected(scenario: Scenario, tables: Mapping[str, Any], parameters: Any) -> dict[str, Any] | None:
    """The result of the scenario's plaintext oracle, in JSON form; None if it has no oracle."""
    oracle = scenario.oracle
    if oracle is None:
        return None
    arguments = [tables[name] for name in scenario.inputs]
    if oracle.__code__.co_argcount > len(arguments):
        arguments.append(parameters)
    result: dict[str, Any] = plain(oracle(*arguments))
    return result


@dataclass(frozen=True)
class OracleFailed:
    """The plaintext oracle raised an error."""

    text: str


def attempted(scenario: Scenario, tables: Mapping[str, Any], parameters: Any) -> dict[str, Any] | OracleFailed | None:
    """As `expected`; an error of the author's function ends the comparison and nothing else."""
    try:
        return expected(scenario, tables, parameters)
    except Exception as error:
        lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == _file_of(scenario)]
        where = f" ({place((_file_of(scenario), lines[-1]))})" if lines and lines[-1] else ""
        return OracleFailed(f"plaintext() ended with {type(error).__name__}: {error}{where}")


def _file_of(scenario: Scenario) -> str:
    return "" if scenario.oracle is None else scenario.oracle.__code__.co_filename


#: In place of a deviation, where one of the two is a number and the other is not.
DIFFERS = "differs in form"
#: Cells of a list or table, and characters of a text, that messages show.
_CELLS, _CHARACTERS = 4, 60
#: In place of a deviation, where the run suppressed what the oracle gives: no number is wrong.
SUPPRESSED = "suppressed in the run only"


def smallest(schemas: Iterable[Schema]) -> float:
    """The largest number that counts as 0 where the oracle gives 0: 2^-28 of the largest declared value of a column."""
    columns = [
        c for schema in schemas for c in schema.columns if not isinstance(c, DateColumn | KeyColumn | TextColumn)
    ]
    return 2.0**-28 * max((max(abs(column.low), abs(column.high)) for column in columns), default=0.0)


def deviations(
    releases: Mapping[str, Any], kinds: Mapping[str, str], oracle: Mapping[str, Any], zero: float = 0.0
) -> tuple[float | str, dict[str, float | str]]:
    """The largest deviation, and the deviation of each release.

    Deviations are relative, except where that says little: absolute for values from -1 to 1 (correlations, p-values,
    R²); for coefficients, differences, t and interval limits, relative to the number or its standard error, whichever
    is larger. A number up to `zero` counts as 0 where the oracle gives 0 (or its float64 rounding error).

    A release is DIFFERS, which counts as the largest deviation, if the run lacks it, if it is undefined or has another
    shape on one side only, or if only the oracle suppressed it; SUPPRESSED comes next. Releases that the oracle does
    not give are not compared: `uncompared` lists them.
    """
    details: dict[str, float | str] = {}
    for name, (largest, alone) in _largest(releases, kinds, oracle, zero).items():
        details[name] = DIFFERS if math.isinf(largest) else SUPPRESSED if alone else largest
    for words in (DIFFERS, SUPPRESSED):
        if words in details.values():
            return words, details
    return max((value for value in details.values() if not isinstance(value, str)), default=0.0), details


def compared(
    scenario: Scenario,
    releases: Mapping[str, Any],
    kinds: Mapping[str, str],
    oracle: Mapping[str, Any] | OracleFailed,
    *,
    zero: float = 0.0,
) -> dict[str, Any]:
    """The comparison as the result document holds it; `beyond` names the releases that differ too much, `apart` shows
    both values of each, shortened; `zero` as for `deviations`."""
    if isinstance(oracle, OracleFailed):
        return {"max_relative_error": "not compared", "failed": oracle.text}
    largest, details = deviations(releases, kinds, oracle, zero)
    errors = _largest(releases, kinds, oracle, zero)
    wrong = [name for name, (error, _) in errors.items() if error > scenario.tolerance]
    apart = {name: _apart(name, releases, oracle[name]) for name in wrong}
    return {
        "max_relative_error": largest,
        "details": details,
        "tolerance": scenario.tolerance,
        "beyond": wrong,
        "apart": apart,
    }


def complaint(comparison: Mapping[str, Any]) -> str:
    """The errors that a comparison found, for people; empty if there are none."""
    if comparison.get("failed"):
        return str(comparison["failed"])
    details, wrong = comparison["details"], comparison["beyond"]
    if not wrong:
        return ""
    lines = [f"{name}: {scientific(details[name])}; {comparison['apart'][name]}" for name in wrong]
    return "\n".join(
        [
            f"{len(wrong)} of {len(details)} releases differ from pooling the data in the clear by more than "
            f"{scientific(comparison['tolerance'])} (the scenario's tolerance):",
            *lines,
            "Either the script or its plaintext() computes something else.",
        ]
    )


def _largest(
    releases: Mapping[str, Any], kinds: Mapping[str, str], oracle: Mapping[str, Any], zero: float
) -> dict[str, tuple[float, bool]]:
    """Each release's largest deviation (infinite: another form), and whether the run alone suppressed a value."""
    largest = {}
    for name, wanted in oracle.items():
        errors = list(_errors(releases.get(name), wanted, kinds.get(name, "number"), zero))
        known = [error for error in errors if not math.isnan(error)]
        largest[name] = max(known, default=0.0), len(known) < len(errors)
    return largest


def _apart(name: str, releases: Mapping[str, Any], wanted: Any) -> str:
    """ "the run gives [1, 2], plaintext() gives 3"."""
    if name not in releases:
        return f"the run has no release of this name, plaintext() gives {_short(wanted)}"
    actual, place = releases[name], ""
    while isinstance(actual, Mapping) and isinstance(wanted, Mapping):
        key = next((key for key in wanted if key not in actual or _short(actual[key]) != _short(wanted[key])), None)
        if key is None or key not in actual:
            break
        actual, wanted, place = actual[key], wanted[key], f"{place}{key}: "
    return f"{place}the run gives {_short(actual)}, plaintext() gives {_short(wanted)}"


def _short(value: Any) -> str:
    """A value in JSON form, shortened."""
    if isinstance(value, Mapping):
        cells = [f"{key}: {_short(cell)}" for key, cell in list(value.items())[:_CELLS]]
        return f"{{{', '.join(cells)}{_more(value)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_short, value[:_CELLS]))}{_more(value)}]"
    text = f"{value:.6g}" if isinstance(value, float) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _CHARACTERS else f"{text[:_CHARACTERS]}…"


def _more(value: Sequence[Any] | Mapping[Any, Any]) -> str:
    return f", … {len(value)} in all" if len(value) > _CELLS else ""


def uncompared(releases: Mapping[str, Any], oracle: Mapping[str, Any]) -> list[str]:
    """Releases that the oracle does not give."""
    return [name for name in releases if name not in oracle]


#: The largest float64 rounding error of a sum that is 0.
_FLOAT_ZERO = 1e-9
_ABSOLUTE = {"p", "r_squared", "pseudo_r_squared"}
_IN_ERRORS = {"coefficient", "difference", "ci_low", "ci_high"}
_T = {"t", "z", "statistic"}


def _errors(actual: Any, wanted: Any, kind: str, zero: float, unit: Any = 0.0) -> Iterator[float]:
    """Deviations of all numbers in a release, infinite where they differ in form, NaN where the run suppressed it;
    `unit`: deviations of smaller numbers are relative to it (None: all are absolute)."""
    if isinstance(actual, str) and actual.startswith("suppressed") and actual != wanted:
        yield math.nan
    elif isinstance(wanted, Mapping):
        units = _units(wanted, kind)
        for name, value in wanted.items():
            absolute = name in _ABSOLUTE or (kind == "matrix" and "labels" in wanted)  # correlations
            there = actual[name] if isinstance(actual, Mapping) and name in actual else None
            yield from _errors(there, value, kind, zero, None if absolute else units.get(name, 0.0))
    elif isinstance(wanted, list):
        if not isinstance(actual, list) or len(actual) != len(wanted):
            yield math.inf
            return
        units_of = unit if isinstance(unit, list) and len(unit) == len(wanted) else [unit] * len(wanted)
        for f, w, u in zip(actual, wanted, units_of, strict=True):
            yield from _errors(f, w, kind, zero, u)
    elif _is_number(actual) and _is_number(wanted):
        gap = 0.0 if abs(wanted) < _FLOAT_ZERO and abs(actual) <= zero else abs(actual - wanted)
        least = 1.0 if unit is None else max(abs(wanted), unit if _is_number(unit) else 0.0)
        yield gap if gap == 0 or unit is None else gap / least if least else math.inf
    elif isinstance(actual, str) and isinstance(wanted, str) and actual.startswith("undefined"):
        yield 0.0 if wanted.startswith("undefined") else math.inf  # an oracle need not know why
    else:
        yield 0.0 if actual == wanted else math.inf


def _units(wanted: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """Standard errors by entry, where a regression or test gives them."""
    if kind in ("regression", "glm"):
        error = wanted.get("standard_error", 0.0)
    elif kind == "test" and _is_number(wanted.get("ci_low")) and _is_number(wanted.get("ci_high")):
        error = (wanted["ci_high"] - wanted["ci_low"]) / 4  # about two standard errors to each side
    else:
        return {}
    return dict.fromkeys(_IN_ERRORS, error) | dict.fromkeys(_T, 1.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)

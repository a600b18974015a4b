"""A finished run's result: on the terminal, as `result.json` and as one self-contained `report.html`.

All three take the dict of `result.json`, or a checked `Result`. The page contains its style and plots, runs no script
and loads nothing from elsewhere; its content policy forbids the browser to do so. Files are written whole or not at
all, readable by their owner only. jinja2 and matplotlib are imported when a page is written.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parties.report import terminal
from parties.report.data import Result, fold, histogram_title
from parties.report.kinds import (
    Array,
    Comparison,
    Crosstab,
    Glm,
    Histogram,
    LogRank,
    Matrix,
    Measures,
    Regression,
    Scalar,
    Survival,
    Vector,
)
from parties.report.snps import Snps
from parties.report.words import Number, duration, number, probability, scientific, shortened, size
from parties.text.echo import json_text

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Result", "check", "html", "show", "write_html", "write_json"]

_NAMES = (
    (Scalar, "number"),
    (Vector, "vector"),
    (Histogram, "histogram"),
    (Matrix, "matrix"),
    (Array, "array"),
    (Regression, "regression"),
    (Glm, "glm"),
    (Comparison, "test"),
    (Crosstab, "crosstab"),
    (Measures, "measures"),
    (Survival, "survival"),
    (LogRank, "logrank"),
    (Snps, "snps"),
    (str, "words"),
)


#: A page shows so many elements of a vector, a quarter of them from its end, and so many matrices of an array.
_MOST = 200
_MOST_MATRICES = 20


def check(result: Mapping[str, Any] | Result) -> Result:
    """The result as a `Result`. Raises pydantic's `ValidationError` if its form is wrong."""
    return result if isinstance(result, Result) else Result.model_validate(result)


def show(result: Mapping[str, Any] | Result, console: Console) -> None:
    """Print the result as tables."""
    terminal.show(check(result), console)


def write_json(result: Mapping[str, Any] | Result, path: str | os.PathLike[str]) -> None:
    """Write the result for other programs, with all digits of each number."""
    content = check(result).model_dump(mode="json")
    write_whole(path, json_text(content) + "\n")


def write_html(result: Mapping[str, Any] | Result, path: str | os.PathLike[str]) -> None:
    """Write the result for people: one page with tables and plots that opens without a network."""
    write_whole(path, html(result))


def html(result: Mapping[str, Any] | Result) -> str:
    """The page as HTML."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from parties.report import plots

    checked = check(result)
    columns = fold(checked)
    values = {name: checked.release(name) for name in checked.releases}
    environment = Environment(
        loader=PackageLoader("parties"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=number,
        probability=probability,
        scientific=scientific,
        size=size,
        duration=duration,
        share=_share,
        largest=_largest,
    )
    environment.filters["json"] = lambda value: json.dumps(value, indent=2, ensure_ascii=False)
    environment.filters["shown"] = lambda values, most=_MOST: shortened(len(values), most, most // 4)
    environment.filters["left_out"] = lambda values, most=_MOST: f"… {len(values) - most:,} more of {len(values):,} …"
    environment.tests["words"] = lambda value: isinstance(value, str)
    environment.tests["answer"] = lambda value: isinstance(value, bool)
    # Only the plots are not escaped by the template; `plots` escapes the labels in them.
    svgs = {name: Markup(svg) for name, svg in plots.draw(checked).items()}
    histograms = [(histogram_title(name), name, x) for name, x in values.items() if isinstance(x, Histogram)]
    return environment.get_template("report.html.j2").render(
        result=checked,
        columns=columns,
        values=values,
        disclosures=checked.disclosures,
        form={name: _form(value) for name, value in values.items()},
        plots=svgs,
        histograms=histograms,
        scalars=[name for name in columns.others if isinstance(values[name], Scalar)],
        sections=[name for name in columns.others if not isinstance(values[name], Scalar | Histogram)],
        strongest={
            name: _strongest(value) for name, value in values.items() if isinstance(value, Matrix) and value.symmetric
        },
        slices={name: _slices(value) for name, value in values.items() if isinstance(value, Array)},
        slice_count={name: prod(value.shape[:-2]) for name, value in values.items() if isinstance(value, Array)},
        shades=_shades(checked.phases),
        deviations=_deviations(checked),
    )


def _form(value: Any) -> str:
    if isinstance(value, Matrix) and not value.symmetric:
        return "table"
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "json")


def _largest(values: list[Number]) -> float:
    """The largest absolute value."""
    return float(max((abs(x) for x in values if not isinstance(x, str | bool)), default=0))


def _share(value: Number, top: float) -> float:
    """The absolute value in percent of the largest one."""
    return 0.0 if isinstance(value, str | bool) or not top else round(100 * abs(value) / top, 2)


def _slices(array: Array) -> list[tuple[str, Matrix]]:
    """The first matrices of an array's last two dimensions, each with its position."""
    return [(", ".join(map(str, place)), matrix) for place, matrix in array.matrices(_MOST_MATRICES)]


def _strongest(matrix: Matrix) -> list[tuple[str, str, float]]:
    """The at most eight pairs of rows whose entries are farthest from 0."""
    labels, n = matrix.row_names, len(matrix.values)
    pairs = [(labels[j], labels[i], matrix.values[i][j]) for i in range(n) for j in range(i)]
    known = [(first, second, float(x)) for first, second, x in pairs if not isinstance(x, str)]
    return sorted(known, key=lambda pair: -abs(pair[2]))[:8]


def _shades(phases: dict[str, float]) -> list[tuple[str, float, float]]:
    """(name, seconds, percent of the total) for each phase."""
    total = sum(phases.values()) or 1.0
    return [(name, seconds, round(100 * seconds / total, 2)) for name, seconds in phases.items()]


def _deviations(result: Result) -> list[tuple[str, Number]]:
    """The differences of the releases from the clear computation: words first, then the largest numbers first."""
    if result.oracle is None:
        return []
    details = result.oracle.details.items()
    return sorted(details, key=lambda item: (not isinstance(item[1], str), 0 if isinstance(item[1], str) else -item[1]))


def write_whole(path: str | os.PathLike[str], text: str) -> None:
    """Write a file that only its owner can read (mode 0600), whole or not at all."""
    target = Path(path)
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(temporary)
        raise

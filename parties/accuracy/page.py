"""The table in words: for the terminal, and as docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import floor, log10

from parties.accuracy.compared import KINDS, LIMITS, Kind
from parties.accuracy.run import Row

#: Errors below it are shown as this: what is smaller differs from machine to machine.
_LEAST = 1e-10

HEADINGS = ("function", "data", "rows", "known values by", "estimates", "standard errors", "p", "result")

_INTRODUCTION = """# Accuracy

How far the statistics of Comity are from values that are known: certified by NIST, published with R packages, or
computed on the pooled rows by scipy, statsmodels, scikit-learn and lifelines. `comity accuracy` runs all cases and
writes this page:

```console
$ pip install 'comity[accuracy]'
$ comity accuracy --write docs/accuracy.md
```

Each case is a study: rows are split between organizations, a script computes on them under the engine, and what it
releases is compared. Tests run the same cases, and fail where an error passes its limit.
"""

_READING = """## How to read the tables

- **rows**: *stay* with their owners, who reduce them; or are *shared* before anything is computed, which costs digits.
- **estimates, standard errors**: the largest relative error is below the number shown. `1e-7` means that seven
  significant digits agree. Errors are rounded up to a power of ten, and none is shown below 1e-10.
- **p**: the largest absolute error of p-values. Those below 1e-6 are compared by their relative error, which stands in
  brackets.
- **result**: *numbers*; or the words that came in place of numbers, where digits would mean nothing.
- *generated* data are made to be hard: near the limits of a function, or beyond them.
- Counts, levels, and which entries are suppressed must be the same, and are.

A number that may be 0, such as a correlation, has its error relative to a scale: 1, or its standard error.
"""


def bound(error: float) -> str:
    """The power of ten that an error is below: 3e-8 is below 1e-7."""
    if error >= 1:
        return "wrong" if error == float("inf") else f"{error:.0e}"
    return f"1e-{min(10, max(0, floor(-log10(max(error, _LEAST / 10)) + 1e-9)))}"


def _of_p(errors: dict[Kind, float]) -> str:
    small = f"({bound(errors['small p'])})" if "small p" in errors else ""
    return " ".join(filter(None, (bound(errors["p"]) if "p" in errors else "", small)))


def _result(row: Row) -> str:
    words = row.words or "numbers"
    if row.problems:
        return f"{words}; LIMIT PASSED"
    return f"{words}; shortfall" if row.case.shortfall else words


def cells(row: Row) -> list[str]:
    """A row for people, under `HEADINGS`."""
    by_kind = [bound(row.errors[kind]) if kind in row.errors else "" for kind in KINDS[:2]]
    data = row.case.data if row.case.public else f"{row.case.data} (generated)"
    return [row.case.function, data, row.case.rows, row.case.by, *by_kind, _of_p(row.errors), _result(row)]


def largest(rows: Iterable[Row]) -> list[list[str]]:
    """For each function and way to hold rows: how many data sets, and the largest errors within the limits."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.case.function, row.case.rows), []).append(row)
    table = []
    for (function, held), group in groups.items():
        regular = [row for row in group if not row.case.shortfall]
        errors = {
            kind: max(row.errors[kind] for row in regular if kind in row.errors)
            for kind in KINDS
            if any(kind in row.errors for row in regular)
        }
        table.append(
            [
                f"`{function}`",
                held,
                str(sum(row.case.public for row in group)),
                str(sum(not row.case.public for row in group)),
                *(bound(errors[kind]) if kind in errors else "" for kind in KINDS[:2]),
                _of_p(errors),
                str(len(group) - len(regular) or ""),
            ]
        )
    return table


def markdown(rows: Sequence[Row], engine: str) -> str:
    """docs/accuracy.md."""
    parts = [_INTRODUCTION]
    parts.append(f"## The largest error of each function\n\nOn the engine `{engine}`. Limits:\n\n{_limits()}\n")
    heads = ("function", "rows", "public sets", "generated", "estimates", "standard errors", "p", "shortfalls")
    parts += [_table(heads, largest(rows)), _READING, "## All cases\n"]
    functions = dict.fromkeys(row.case.function for row in rows)
    for function in functions:
        own = [[*cells(row)[1:]] for row in rows if row.case.function == function]
        parts += [f"### {function}\n", _table(HEADINGS[1:], own)]
    short = [row for row in rows if row.case.shortfall]
    if short:
        parts.append("## Shortfalls\n\nWhere digits are fewer than the limits ask for:\n")
        parts.append("".join(f"- `{r.case.function}`, {r.case.data}: {r.case.shortfall}\n" for r in short))
    return "\n".join(parts)


def _limits() -> str:
    stay, shared = LIMITS["stay"], LIMITS["shared"]
    return (
        f"- estimates: relative {bound(stay['estimate'])} where rows stay with their owners, "
        f"{bound(shared['estimate'])} where they are shared;\n"
        f"- standard errors: relative {bound(stay['standard error'])} and {bound(shared['standard error'])};\n"
        f"- p-values: absolute {bound(stay['p'])}, and below 1e-6 relative {bound(stay['small p'])}.\n"
    )


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)

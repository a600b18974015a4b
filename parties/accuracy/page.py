"""The table in words: for the terminal, and as docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from math import floor, log10
from textwrap import fill

from parties.accuracy.compared import KINDS, LIMITS, Kind
from parties.accuracy.run import Row

#: Errors below it are shown as this: what is smaller differs from machine to machine.
_LEAST = 1e-10

#: Of `largest`.
LARGEST = ("function", "rows", "public sets", "hard cases", "estimates", "standard errors", "p", "shortfalls")
#: Of `cells`.
HEADINGS = ("function", "data", "rows", "known values by", "estimates", "standard errors", "p", "result")

_INTRODUCTION = """# Accuracy

How far the statistics of Comity are from values that are known: certified by NIST, recorded from lifelines, or computed
on the pooled rows by SciPy, statsmodels, pandas and NumPy. This command runs all cases and writes this page:

```console
$ pip install 'comity[accuracy]'
$ comity accuracy --write docs/accuracy.md
```

Each case is a study: rows are split between three organizations, a script computes on them on an engine, and what it
releases is compared. The tests of Comity run the same cases, and fail where an error passes its limit. To add a case
takes about ten lines: `parties/accuracy/__init__.py` says how.
"""

_READING = """## How to read the tables

- **rows**: they *stay* with their owners, who reduce them, or are *shared* before anything is computed, which costs
  digits.
- **estimates, standard errors**: the largest relative error is below the number shown. `1e-7` says that about seven
  significant digits agree. Errors are rounded up to a power of ten, and none is shown below 1e-10.
- **p**: the same of the absolute error of p-values. Those below 1e-6 are compared by their relative error, in brackets.
- **result**: *numbers*; and the words that came in place of numbers, where digits would mean nothing. *Agrees*: counts
  alone, or which entries are suppressed.
- *hard* data are generated, or declared, to be near the limits of a function, or beyond them.

Counts, levels and suppressed entries have no error: they must be the same. A number that may be 0 has its error
relative to a scale: a correlation, t or F to 1; a mean, a coefficient or an interval to its standard error, if that is
the larger one.

Declared ranges matter: of rows that stay, a deviation of 1e-5 of its column's range has six digits, and one below 1e-6
is *undefined*. Where the name of the data says nothing, columns are declared by the data's own range, rounded outwards.
"""

_LEFT_OUT = """## Left out

- NIST's NoInt1 and NoInt2: `st.ols` always has a constant term.
- NIST's PiDigits: its certified mean, 4.5348, is not that of the first 5,000 digits of pi, 4.5358. The digits
  themselves are a case.
- R is not run here. What it prints in its documentation is compared to the printed digits where a row names it.
- Models of predictions, whose results are not reproducible numbers of the data ([Models](models.md)).
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
    kinds = row.errors.keys() - {"same"}
    words = "; ".join(filter(None, ("numbers" if kinds else "", row.words))) or "agrees"
    if row.problems:
        return f"{words}; LIMIT PASSED"
    return f"{words}; shortfall" if row.case.shortfall else words


def cells(row: Row) -> list[str]:
    """A row for people, under `HEADINGS`."""
    by_kind = [bound(row.errors[kind]) if kind in row.errors else "" for kind in KINDS[:2]]
    return [row.case.function, row.case.label, row.case.rows, row.case.by, *by_kind, _of_p(row.errors), _result(row)]


def largest(rows: Iterable[Row]) -> list[list[str]]:
    """For each function and way to hold rows, under `LARGEST`: how many data sets, and the largest errors but those of
    shortfalls."""
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
                function,
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
    parts = [
        _INTRODUCTION,
        "## The largest error of each function\n",
        f"On the engine `{engine}`, beside {versions()}.\nShortfalls are counted apart. The limits are:\n",
        _limits(),
        _table(LARGEST, [[f"`{line[0]}`", *line[1:]] for line in largest(rows)]),
        _READING,
    ]
    if short := shortfalls(rows):
        parts += ["## Shortfalls\n", "Where digits are fewer than the limits ask for:\n"]
        parts.append("".join(f"{fill(f'- {line}.', 120, subsequent_indent='  ')}\n" for line in short))
    parts += [_LEFT_OUT, "## All cases\n"]
    for function in dict.fromkeys(row.case.function for row in rows):
        own = [cells(row)[1:] for row in rows if row.case.function == function]
        parts += [f"### {function}\n", _table(HEADINGS[1:], own)]
    return "\n".join(parts)


def shortfalls(rows: Iterable[Row]) -> list[str]:
    """Each reason once, with the data sets that it holds for."""
    data: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.case.shortfall:
            data.setdefault((row.case.function, row.case.shortfall), []).append(row.case.data)
    return [f"{function} of {', '.join(names)}: {why}" for (function, why), names in data.items()]


def versions() -> str:
    """The libraries that known values are from."""
    return ", ".join(f"{name} {version(name)}" for name in ("scipy", "statsmodels", "pandas", "numpy"))


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

"""What was probably meant by a name that does not exist: a similar one, or ours for one of NumPy or pandas."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from inspect import isawaitable

#: What to do about a None among operands, releases and conditions.
WHY_NONE = (
    "the value is None. An awaited release gives None where not every compute party receives it: release it to all of "
    'them (leave out to=; in the study, give each that computes the role "recipient"), or do without its value. A '
    "function without `return` gives None, too"
)
#: And about a release that is used as if it were its value.
NOT_AWAITED = "Write `await` before it: value = await study.release(name, secret)"
_SHARED = "share the rows first: rows = table.share(rows=N); then "
_SINGLE = (
    'A single row shows there: its release needs unprotected="why"; a quantile with enough rows on each side, such as '
    "{0} of many rows, needs none"
)
#: Of shared rows: names of pandas and NumPy, and what to write of a column x of them.
_OF_ROWS: dict[str, str] = {
    **dict.fromkeys(("median", "nanmedian"), "x.median()"),
    **dict.fromkeys(("quantile", "percentile", "nanquantile", "nanpercentile"), "x.quantile(q)"),
    **dict.fromkeys(("max", "amax", "nanmax"), f"protocols.numeric.largest(x). {_SINGLE.format('x.quantile(0.95)')}"),
    **dict.fromkeys(("min", "amin", "nanmin"), f"protocols.numeric.smallest(x). {_SINGLE.format('x.quantile(0.05)')}"),
    "nlargest": f"protocols.order.top_k(x, k). {_SINGLE.format('x.quantile(0.95)')}",
    "nsmallest": f"protocols.order.ranked(x, range(k)). {_SINGLE.format('x.quantile(0.05)')}",
    "ptp": f"protocols.numeric.largest(x) - protocols.numeric.smallest(x). {_SINGLE.format('x.quantile(0.95)')}",
    **dict.fromkeys(("argmax", "idxmax"), "protocols.numeric.argmax(x)"),
    **dict.fromkeys(("argmin", "idxmin"), "protocols.numeric.argmin(x)"),
    "sort": "x.sort()",
    "sort_values": "protocols.order.sort_by",
    "rank": "protocols.order.order_by(x).ranks()",
    "cumsum": "sums of what you select",
}
_ROWWISE = "compute with operators: column * 2, (column > 3) & flag, .log(), .clip(low, high), .cut(edges)"

#: For columns and tables, and what comes of their statistics: names of pandas and NumPy, and what to write.
INSTEAD: dict[str, str] = {
    "apply": _ROWWISE,
    "map": _ROWWISE,
    "transform": _ROWWISE,
    "assign": "keep a derived column in a variable: bmi = table.weight / (table.height * table.height)",
    "eval": _ROWWISE,
    "dt": "column.year, column.month, column.day and column.age_at(day) of a Date; a Date minus a Date gives days",
    "strftime": "column.year, column.month and column.day of a Date",
    "astype": "a column has the type that its table declares; comparisons give flags",
    "round": "round when it is shown, or protocols.numeric.round_half_up(secret)",
    "pow": "x * x, or secret ** exponent",
    "log10": "x.log() / 2.302585092994046",
    "log2": "x.log() / 0.6931471805599453",
    "log1p": "(x + 1).log()",
    "square": "x * x",
    "abs": "abs(x)",
    "fillna": "missing rows are left out of every statistic; .isna() finds them",
    "dropna": "missing rows are left out of every statistic; .isna() finds them",
    "isnull": ".isna()",
    "notna": "~column.isna()",
    "notnull": "~column.isna()",
    "between": "(column >= low) & (column <= high)",
    "isin": '(column == "a") | (column == "b")',
    "value_counts": "table.group_by(category).count()",
    "nunique": "a category's levels are declared; table.group_by(category).count() counts rows by them",
    "unique": "a category's levels are declared; table.group_by(category).count() counts rows by them",
    "mode": "table.group_by(category).count()",
    "groupby": 'table.group_by("column")',
    "agg": "one statistic after the other: groups.count(), groups.age.mean()",
    "aggregate": "one statistic after the other: groups.count(), groups.age.mean()",
    "pivot_table": "table.group_by(category), or protocols.statistics.contingency(a, b)",
    "crosstab": "protocols.statistics.contingency(a, b)",
    "query": "table.filter(table.age > 3)",
    "loc": "table.filter(condition), table[condition]",
    "iloc": "rows have no numbers; table.filter(condition) selects them",
    "head": "rows cannot be shown; statistics of them can be released",
    "tail": "rows cannot be shown; statistics of them can be released",
    "sample": "rows cannot be shown; statistics of them can be released",
    "values": "rows stay where they are; statistics of them can be released",
    "to_numpy": "rows stay where they are; statistics of them can be released",
    "tolist": "rows stay where they are; statistics of them can be released",
    "item": "release a secret to learn it",
    "describe": "protocols.statistics.describe(table)",
    "hist": ".histogram(edges)",
    "plot": "reports draw what is released; .histogram(edges)",
    "corr": 'table[["age", "weight"]].corr()',
    "levels": 'write them as the table declares them; table.group_by("ward") goes through all of them',
    "categories": 'write them as the table declares them; table.group_by("ward") goes through all of them',
    "shape": ".count(), a secret: the number of rows is not public",
    "columns": "the names of columns are those of the declaration",
    "drop": 'table[["age", "weight"]] has only these columns',
    "rename": "columns have the names of the declaration",
    "cov": "table.corr(), and .var() of each column",
    "corrwith": "table.corr()",
    "sem": ".std() / .count().sqrt()",
    "len": ".count()",
    "size": ".count()",
    "merge": "tables of different organizations are joined by nothing yet; rows of one table are added up",
    "join": "tables of different organizations are joined by nothing yet; rows of one table are added up",
    "where": "table[condition] selects rows; mpc.where(condition, a, b) chooses between secrets",
    "flatten": ".reshape(-1)",
    "ravel": ".reshape(-1)",
    "transpose": ".T",
    "any": "table[flag].count() > 0",
    "all": "table[~flag].count() == 0",
    "reveal": "study.release(name, value) is the only way out",
    "open": "study.release(name, value) is the only way out",
    "release": "study.release(name, value)",
}


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is nearest, small or large letters alike; None where none is near."""
    names = {one.casefold(): one for one in sorted(set(known), reverse=True)}
    near = get_close_matches(str(name).casefold(), sorted(names), n=1, cutoff=0.6)
    return names[near[0]] if near else None


def closest(name: str, known: Iterable[str]) -> str:
    """ "did you mean 'mean'?", or nothing where no known name is near."""
    near = nearest(name, known)
    return "" if near is None else f"did you mean {near!r}?"


def wrong(*operands: object) -> str:
    """What to do about operands that are None, or releases that were not awaited; as the end of a sentence."""
    if any(operand is None for operand in operands):
        return f". Here {WHY_NONE}"
    return f". {NOT_AWAITED}" if any(isawaitable(operand) for operand in operands) else ""


def of_rows(name: str, *, shared: bool) -> str:
    """What to write for a function of the values of rows, which have to be shared; nothing for another one."""
    written = _OF_ROWS.get(name, "")
    return written if shared or not written else f'{_SHARED}x = rows["COLUMN"]; {written}'


def instead(name: str, known: Iterable[str], *, shared: bool = False) -> str:
    """What to write for a name that a value has not: ours for one of NumPy or pandas, else a similar known one.

    shared  the value is a secret: its rows, if it has any, are shared
    """
    names = set(known)
    written = of_rows(name, shared=shared) or INSTEAD.get(name, "")
    return f"in place of {name}: {written}" if written and name not in names else closest(name, names)


def also(text: str) -> str:
    """A suggestion as the end of a sentence; nothing where there is none."""
    return f"; {text}" if text else ""

"""One factor of a formula, such as `age`, `log(dose)` or `C(stage, Treatment("II"))`, computed of a table's columns.

The text is read as a tree, and only what is listed here is computed: nothing of it runs as Python. Columns are private
(their owners compute row by row) or shared.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mpc.errors import ConfigError
from mpc.suggestions import also, closest
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.tables.secret_columns import SecretCategory
from mpc.tables.secret_table import SecretTable
from mpc.values.reductions import is_flag
from mpc.values.secret import SecretArray
from protocols.statistics.regression.splines import spline

Rows = PrivateTable | SecretTable
Column = PrivateArray | SecretArray

#: What a formula can have, for people.
POSSIBLE = (
    'columns, C(column), C(column, Treatment("level")), log(x), sqrt(x), exp(x), bs(x, knots=(…)), I(…) with + - * / '
    "and **, joined by +, :, * and (…)**2"
)
_FUNCTIONS: dict[str, str] = {f"{module}{name}": name for module in ("", "np.") for name in ("log", "sqrt", "exp")}
_ARITHMETIC: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_TREATMENTS = ("Treatment", "contr.treatment")
_HIGHEST = 6


@dataclass(frozen=True, eq=False)
class Factor:
    """A factor of a table: a number or flag for each row, or one of public levels.

    column     the number or flag; of levels the category, or the flag
    of         the column that its levels or flag come from, by name
    levels     the levels that have a column of their own beside others, the reference first; () for numbers
    parts      of a spline its columns, and bins the interval that a row is in; then `column` is what it is a spline of
    """

    text: str
    column: Any  # PrivateArray, SecretArray or SecretCategory
    of: str = ""
    levels: tuple[str, ...] = ()
    parts: tuple[PrivateArray, ...] = ()
    bins: PrivateArray | None = None

    def at(self, level: str) -> Any:  # Any: a flag, private or shared
        """The flag of the rows at a level."""
        if not _is_category(self.column):
            return self.column if level == "True" else ~self.column
        return self.column == level

    @property
    def flag(self) -> bool:
        """Whether it is a flag for each row."""
        return not self.levels and not self.parts and flag_of(self.column)


def flag_of(column: Column) -> bool:
    """Whether a column is a flag."""
    return is_flag(column) if isinstance(column, SecretArray) else column.expression.type == "flag"


def factor(text: str, rows: Rows) -> Factor:
    """The factor with this text. Raises ConfigError for what cannot be computed."""
    try:
        tree = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise _refused(text, "this is no expression") from None
    if isinstance(tree, ast.Call) and _name(tree.func) == "C":
        return _category(text, tree, rows)
    if isinstance(tree, ast.Call) and _name(tree.func) == "bs":
        return _spline(text, tree, rows)
    if isinstance(tree, ast.Name):
        column = rows.column(tree.id)
        if _is_category(column):
            return _levels(text, tree.id, column, None)
        return Factor(text, _number(text, tree.id, column), tree.id)
    value = _computed(text, tree, rows)
    if isinstance(value, int | float):
        raise _refused(text, "this is the same in all rows")
    return Factor(text, value, text)


def _spline(text: str, call: ast.Call, rows: Rows) -> Factor:
    how = 'bs(x, knots=(40, 60), degree=3), with "lower_bound=" and "upper_bound=" where they differ from the range'
    if len(call.args) != 1:
        raise _refused(text, f"write {how}")
    column = _computed(text, call.args[0], rows)
    if not isinstance(column, PrivateArray):
        raise _refused(text, "splines are of columns whose rows stay with their owners")
    given: dict[str, Any] = {}
    for keyword in call.keywords:
        try:
            given[str(keyword.arg)] = ast.literal_eval(keyword.value)
        except ValueError:
            raise _refused(text, f"{keyword.arg}= is no public number; write {how}") from None
    knots, degree = given.pop("knots", None), given.pop("degree", 3)
    low, high = given.pop("lower_bound", None), given.pop("upper_bound", None)
    listed = isinstance(knots, tuple | list) and all(_is_number(knot) for knot in knots)
    if given or not listed or type(degree) is not int or not all(x is None or _is_number(x) for x in (low, high)):
        raise _refused(text, f"write {how}; quantiles as knots would be secret")
    parts, bins = spline(column, knots=knots, degree=degree, low=low, high=high)
    return Factor(text, column, parts=tuple(parts), bins=bins)


def _is_number(x: object) -> bool:
    return type(x) in (int, float)


def _is_category(column: Any) -> bool:
    if isinstance(column, PrivateArray):
        return column.expression.type == "category"
    return isinstance(column, SecretCategory)


def _number(text: str, name: str, column: Any) -> Any:
    """A column of numbers or flags. Raises ConfigError for another one."""
    if isinstance(column, SecretArray):
        return column
    if isinstance(column, PrivateArray) and column.expression.type in ("real", "integer", "flag"):
        return column
    kind = column.expression.type if isinstance(column, PrivateArray) else type(column).__name__
    kind = kind.removeprefix("Secret").lower()
    what = "compare it or write C(…) alone" if kind == "category" else "add a column of numbers to the table first"
    raise _refused(text, f"{name} is a {kind}: {what}")


def _category(text: str, call: ast.Call, rows: Rows) -> Factor:
    if not call.args or not isinstance(call.args[0], ast.Name) or len(call.args) + len(call.keywords) > 2:
        raise _refused(text, 'C has a column and perhaps its reference: C(stage, Treatment("II"))')
    name = call.args[0].id
    column, reference = rows.column(name), None
    others = [*call.args[1:], *(keyword.value for keyword in call.keywords)]
    if others:
        reference = _reference(text, others[0])
    return _levels(text, name, column, reference)


def _reference(text: str, given: ast.expr) -> str:
    """The level of Treatment("level"), Treatment(reference="level") or contr.treatment("level")."""
    if isinstance(given, ast.Call) and _name(given.func) in _TREATMENTS:
        values = [*given.args, *(keyword.value for keyword in given.keywords)]
        if len(values) == 1 and isinstance(values[0], ast.Constant):
            return str(values[0].value)
    raise _refused(text, 'the only coding is Treatment("level"): a column for each level but the reference')


def _levels(text: str, name: str, column: Any, reference: str | None) -> Factor:
    if _is_category(column):
        levels = column.expression.levels if isinstance(column, PrivateArray) else column.levels
    elif isinstance(column, PrivateArray | SecretArray) and flag_of(column):
        levels = ("False", "True")
    else:
        raise _refused(text, "C is of a Category, whose levels are public, or of a flag; `cut` makes levels of numbers")
    first = reference if reference is not None else levels[0]
    if first not in levels:
        raise _refused(text, f"no level {first!r}; there are {', '.join(levels)}{also(closest(first, levels))}")
    if len(levels) < 2:
        raise _refused(text, "a category of one level is the same in all rows")
    return Factor(text, column, name, (first, *(level for level in levels if level != first)))


def _computed(text: str, tree: ast.expr, rows: Rows) -> Any:
    """A column or a public number."""
    if isinstance(tree, ast.Name):
        return _plain(_number(text, tree.id, rows.column(tree.id)))
    if isinstance(tree, ast.Constant) and type(tree.value) in (int, float):
        return tree.value
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub | ast.UAdd):
        value = _computed(text, tree.operand, rows)
        return -value if isinstance(tree.op, ast.USub) else value
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Pow):
        return _power(text, _computed(text, tree.left, rows), _computed(text, tree.right, rows))
    if isinstance(tree, ast.BinOp) and type(tree.op) in _ARITHMETIC:
        sides = [_computed(text, side, rows) for side in (tree.left, tree.right)]
        if isinstance(tree.op, ast.Div) and isinstance(sides[1], int | float) and not sides[1]:
            raise _refused(text, "a division by 0")
        return _ARITHMETIC[type(tree.op)](*sides)
    if isinstance(tree, ast.Call) and len(tree.args) == 1 and not tree.keywords:
        name = _name(tree.func)
        if name == "I":
            return _computed(text, tree.args[0], rows)
        value = _computed(text, tree.args[0], rows) if name in _FUNCTIONS else None
        if isinstance(value, PrivateArray | SecretArray):
            return getattr(value, _FUNCTIONS[name])()
    raise _refused(text, _why(tree))


def _why(tree: ast.expr) -> str:
    if isinstance(tree, ast.Call):
        name = _name(tree.func)
        if name in ("center", "scale", "standardize"):
            return f"{name} needs the mean of all rows, which is secret: take a public number, as in I(age - 50)"
        return f"there is no function {name or 'of this form'}"
    return "this cannot be computed row by row"


def _plain(column: Column) -> Column:
    """A flag of shared rows as the number 0 or 1."""
    return column.numeric() if isinstance(column, SecretArray) else column


def _power(text: str, base: Any, exponent: Any) -> Any:
    whole = isinstance(exponent, int) and 1 <= exponent <= _HIGHEST
    if isinstance(base, int | float) or not (whole or exponent == 0.5):
        raise _refused(text, f"powers are whole numbers from 1 to {_HIGHEST}, or 0.5")
    if not whole:
        return base.sqrt()
    value = base
    for _ in range(exponent - 1):
        value = value * base
    return value


def _name(function: ast.expr) -> str:
    """A name with dots, as text; "" for anything else."""
    if isinstance(function, ast.Name):
        return function.id
    if isinstance(function, ast.Attribute) and (left := _name(function.value)):
        return f"{left}.{function.attr}"
    return ""


def _refused(text: str, why: str) -> ConfigError:
    return ConfigError(f"formula: the factor {text}: {why}. Possible are {POSSIBLE}")

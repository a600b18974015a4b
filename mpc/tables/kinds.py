"""What the kinds of columns cannot do, and what to write in place of it."""

from __future__ import annotations

from mpc.errors import ShapeError
from mpc.tables.expressions import Type

_KEY = (
    "a key has no order and no arithmetic, and is never released. Join or group rows by it (on=, per=, group_by), or "
    "count the rows that have one (.count(), .missing(), .isna())"
)


_TEXT = (
    "a text has no order and no arithmetic, and is never shared or released. Link rows by it (protocols.linkage), or "
    "count the rows that have one (.count(), .missing(), .isna())"
)


def need_number(name: str, type_: Type, what: str) -> None:
    """Raise ShapeError where a column is no number, for `what` would be computed of it."""
    if type_ == "category":
        raise ShapeError(f"{name} is a category: count it, or compare it with a level")
    if type_ == "date":
        raise ShapeError(
            f'{name} is a date, and has no {what}. Compare it with a date like "2020-01-31", take days between dates '
            f'({name} - "2020-01-31"), or its .year, .month, .day or .age_at("2020-01-31"): those are numbers'
        )
    need_no_key(name, type_)


def need_no_key(name: str, type_: Type) -> None:
    """Raise ShapeError where a column is a key or a text."""
    if type_ == "key":
        raise ShapeError(f"{name} is a key: {_KEY}")
    if type_ == "text":
        raise ShapeError(f"{name} is a text: {_TEXT}")


def need_category(what: str, name: str, type_: Type) -> None:
    """Raise ShapeError where a column is neither a category nor a flag."""
    if why := without_category(what, name, type_):
        raise ShapeError(why)


def without_category(what: str, name: str, type_: Type) -> str:
    """Why a column is neither a category nor a flag, and how to make one of it; "" where it is."""
    if type_ in ("real", "integer"):
        return f"{what}: {name} is a number; `cut` makes a category of it"
    if type_ == "date":
        return f"{what}: {name} is a date; `cut` makes a category of it, or of its year: {name}.year.cut(edges)"
    if type_ == "text":
        return f"{what}: {name} is a text, whose values nobody else may know: declare a Category of its values"
    if type_ == "key":
        return f"{what}: {name} is a key, whose values nobody else may know, and so not their groups either"
    return ""

"""What a script may release, and the JSON form in which it comes out.

Secrets are opened. A list, tuple or dict of secrets is released as one value; each secret is opened in its own type.
Public values (numbers, opened values and values computed from them) are passed on as they are, of kind "derived":
nothing is opened for them. Everything else is refused at its line; the message names what can be released instead.

Kinds and forms are those of docs/results.md:

    number   a number, true or false, or words
    vector   [...]    or {"labels": [...], "values": [...]}
    matrix   [[...]]  or {"rows": [...], "columns": [...], "values": [[...]]}, rows or columns null without labels
    array    nested lists, three or more deep
    derived  any JSON value
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import re
from collections.abc import Callable, ItemsView, Iterator, KeysView, Mapping, Sequence, ValuesView
from typing import Any

import numpy as np

from mpc.errors import ConfigError
from mpc.machine.seen import plain
from mpc.releases.disclosure import Opened, Result
from mpc.suggestions import NOT_AWAITED, WHY_NONE
from mpc.tables.grouping import GroupedArray, Groups
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.tables.secret_columns import SecretCategory, SecretDate
from mpc.tables.secret_table import SecretTable
from mpc.text import check_text
from mpc.untyped import Anything, Json
from mpc.values.secret import SecretArray

#: Labels of one axis, or of each axis where there are two.
Labels = Sequence[Any]
#: Most characters of a release's name or of a label.
_MOST_CHARACTERS = 200
#: The texts that repr() makes of secrets, columns and tables.
_SHOWN = re.compile("<(secret|private) [^>]*>")
_KINDS = ("number", "vector", "matrix")


def as_result(name: str, value: Anything, labels: Labels | None = None) -> Result:
    """`value` as what a release opens. Raises ConfigError where it cannot be released, or the labels do not fit."""
    if not isinstance(name, str) or not name.strip() or len(name) > _MOST_CHARACTERS:
        raise ConfigError(f"a release is named {name!r}: give it a name of 1 to {_MOST_CHARACTERS} characters")
    check_text(name, "the name of a release")
    about = f"release {name!r}"
    if isinstance(value, Result):
        if labels is not None:
            raise ConfigError(f"{about}: a {value.kind} of a statistic has its own labels; leave out labels=")
        return value
    if isinstance(value, SecretTable):
        if labels is not None:
            raise ConfigError(f"{about}: the columns of a table are its labels; leave out labels=")
        return value.run.functions.tables.released(value)
    if isinstance(value, SecretCategory | SecretDate):
        raise ConfigError(f"{about}: a {value!r}. Release a table that has it: table.select(…)")
    if isinstance(value, Mapping) and _has_secret(value):
        if labels is not None:
            raise ConfigError(f"{about}: the keys of a dict are its labels; leave out labels=")
        return _together(about, list(value.values()), None, keys=[str(key) for key in value])
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple) and _has_secret(value):
        return _together(about, value, labels)
    if isinstance(value, SecretArray):
        form = _labelled(about, value.shape, labels)
        guard = value.run.functions.tables.guard({"value": value})
        return Result(
            _kind(value.shape), {"value": value}, lambda opened: form(cells_of(value, opened["value"])), guard
        )
    public = _public(about, value)
    form = _labelled(about, _shape(about, public), labels) if labels is not None else _unchanged
    return Result("derived", {}, lambda _: form(public))


def cells_of(value: SecretArray, opened: Opened) -> Json:
    """The opened value in nested lists: integers exactly, bools as true and false, words where there is no value."""
    if value.type == "bool":
        return _flags(opened.whole_cells())
    return opened.whole_cells() if value.type == "int" else opened.cells()


def _flags(cells: Any) -> Any:
    if isinstance(cells, list):
        return [_flags(cell) for cell in cells]
    return cells if isinstance(cells, str) else bool(cells)


def _kind(shape: tuple[int, ...]) -> str:
    return _KINDS[len(shape)] if len(shape) < len(_KINDS) else "array"


# ---- several secrets as one value
def _together(about: str, values: Sequence[Any], labels: Labels | None, *, keys: list[str] | None = None) -> Result:
    """Secrets of one shape along a new first axis, which may have keys: each is opened in its own type and masks."""
    parts: dict[str, SecretArray] = {}
    tree = _leaves(about, values, "element ", parts)
    shape = _shape(about, tree)
    if keys is not None:
        labels = keys if len(shape) == 1 else (keys, *[None] * (len(shape) - 1))
    form = _labelled(about, shape, labels)

    def finish(opened: Mapping[str, Opened]) -> Any:
        return form(_filled(tree, opened))

    guard = next(iter(parts.values())).run.functions.tables.guard(parts) if parts else None
    return Result(_kind(shape), parts, finish, guard)


def _leaves(about: str, values: Sequence[Any], path: str, parts: dict[str, SecretArray]) -> list[Any]:
    """The same nested lists, with a leaf for each secret, which goes to `parts` under its place (from 1)."""
    tree: list[Any] = []
    for i, value in enumerate(values):
        here = f"{path}{i + 1}"
        if isinstance(value, SecretArray):
            parts[here] = value
            tree.append(_Leaf(here, value))
        elif isinstance(value, list | tuple):
            tree.append(_leaves(about, value, f"{here},", parts))
        else:
            tree.append(_public(about, value))
    return tree


@dataclasses.dataclass(frozen=True)
class _Leaf:
    """The place of a secret in nested lists."""

    part: str
    value: SecretArray


def _filled(tree: Any, opened: Mapping[str, Opened]) -> Any:
    if isinstance(tree, _Leaf):
        return cells_of(tree.value, opened[tree.part])
    return [_filled(item, opened) for item in tree] if isinstance(tree, list) else tree


def _has_secret(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_secret(item) for item in value.values())
    if isinstance(value, list | tuple):
        return any(_has_secret(item) for item in value)
    return isinstance(value, SecretArray)


def _shape(about: str, tree: Any) -> tuple[int, ...]:
    """The shape of nested lists. Raises ConfigError where their lengths differ."""
    if isinstance(tree, _Leaf):
        return tree.value.shape
    if not isinstance(tree, list):
        return ()
    shapes = {_shape(about, item) for item in tree}
    if len(shapes) > 1:
        different = " and ".join(str(list(shape)) for shape in sorted(shapes))
        raise ConfigError(f"{about}: its parts have different shapes ({different}); release each under its own name")
    return (len(tree), *next(iter(shapes), ()))


# ---- labels
def _unchanged(cells: Any) -> Any:
    return cells


def _labelled(about: str, shape: tuple[int, ...], labels: Labels | None) -> Callable[[Any], Any]:
    """The function that adds the labels to a value of this shape."""
    if labels is None:
        return _unchanged
    if len(shape) == 1:
        names = _axis(about, labels, shape[0], "elements")
        return lambda cells: {"labels": names, "values": cells}
    if len(shape) == 2:
        if isinstance(labels, str) or len(labels) != 2:
            raise ConfigError(f"{about}: a matrix has labels=(rows, columns), two lists (or None)")
        rows, columns = (
            None if axis is None else _axis(about, axis, length, what)
            for axis, length, what in zip(labels, shape, ("rows", "columns"), strict=True)
        )
        return lambda cells: {"rows": rows, "columns": columns, "values": cells}
    raise ConfigError(f"{about}: labels are for vectors and matrices; this has the shape {list(shape)}")


def _axis(about: str, labels: Any, length: int, what: str) -> list[str]:
    if isinstance(labels, str) or not isinstance(labels, Sequence | np.ndarray):
        raise ConfigError(f"{about}: labels are a list of texts, not {labels!r}")
    names = [str(label) for label in labels]
    if len(names) != length:
        raise ConfigError(f"{about}: {length} {what} and {len(names)} labels")
    if len(set(names)) < len(names):
        twice = next(label for i, label in enumerate(names) if label in names[:i])
        raise ConfigError(f"{about}: two {what} have the label {twice!r}; give each its own label")
    for label in names:
        check_text(label, f"{about}: a label")
        if len(label) > _MOST_CHARACTERS:
            raise ConfigError(f"{about}: label {label[:40]!r}… has more than {_MOST_CHARACTERS} characters")
    return names


# ---- public values
def finite(value: Json) -> Json:
    """A released value with words for numbers that JSON does not have: NaN and infinities (beyond float64)."""
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "undefined" if math.isnan(value) else "undefined: beyond 1.8e308"
    return value


def _public(about: str, value: Any) -> Any:
    """A public value as JSON. Raises ConfigError for any other value."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, str) and (shown := _SHOWN.search(value)):
        raise ConfigError(
            f"{about}: str() and repr() make the text {shown[0]!r} of a value that is not known here. Release the "
            "value itself"
        )
    if isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return plain(value)
    if isinstance(value, float):
        return plain(value) if math.isfinite(value) else "undefined"
    if type(value).__module__ == "datetime" and hasattr(value, "isoformat"):
        return str(value.isoformat())
    if isinstance(value, list | tuple):
        return [_public(about, item) for item in value]
    if isinstance(value, Mapping):
        keys = [str(key) for key in value]
        if len(set(keys)) != len(keys):
            raise ConfigError(f"{about}: two keys of a dict are the same text")
        for key in keys:
            check_text(key, f"{about}: a key")
        return {key: _public(about, item) for key, item in zip(keys, value.values(), strict=True)}
    raise ConfigError(f"{about}: {_remedy(value)}")


def _remedy(value: Any) -> str:
    """What kind of value this is, and what can be released in its place."""
    kind = type(value).__name__
    if value is None:
        return WHY_NONE
    if isinstance(value, SecretArray):
        return "secrets in a dict among other values. Release each under its own name, in a loop"
    if isinstance(value, PrivateArray):
        return (
            f"{value.name} is a private column: a value for each row. Release a statistic of it, such as "
            "its mean(), count() or histogram(edges); share(rows=N) gives the rows as secrets to compute with"
        )
    if isinstance(value, PrivateTable):
        return "a private table: a value for each row and column. Release a statistic of it, such as its count()"
    if isinstance(value, GroupedArray):
        return "a column by groups. Release a statistic of it, such as its mean(), std() or count()"
    if isinstance(value, Groups):
        return "rows by groups. Release a statistic of them, such as groups.count() or groups.COLUMN.mean()"
    if isinstance(value, Result):
        return f"a {value.kind} among other values. Release each under its own name, in a loop"
    if inspect.iscoroutine(value) or inspect.isawaitable(value):
        return f"a {kind} that was not awaited. {NOT_AWAITED}"
    if isinstance(value, set | frozenset):
        return f"a {kind}, which has no order. Write sorted(…) around it"
    if isinstance(value, Iterator | KeysView | ValuesView | ItemsView | range):
        return f"a {kind}. Write list(…) around it"
    if hasattr(value, "__float__"):
        return f"a {kind}. Write float(…) around it"
    if callable(value) and hasattr(value, "__name__"):
        return f"the function {value.__name__}. Call it: {value.__name__}(…)"
    if callable(getattr(value, "release", None)):
        return f"a {kind}. Release what its release() gives"
    if dataclasses.is_dataclass(value):
        names = ", ".join(field.name for field in dataclasses.fields(value))
        return f"a {kind}, which holds {names}. Release each of its values under its own name, in a loop"
    return f"a {kind} cannot be released. Release a secret, a result of a statistic, a number, or lists of them"

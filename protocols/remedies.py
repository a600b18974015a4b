"""Remedies for Python's own errors in a script: by the kind of error, its message, and the names in reach."""

from __future__ import annotations

import builtins
import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from types import FrameType, ModuleType, SimpleNamespace
from typing import Any

from mpc.releases.study import Study
from mpc.suggestions import INSTEAD, NOT_AWAITED, WHY_NONE, closest, instead, nearest
from mpc.tables.grouping import GroupedArray, Groups
from mpc.tables.private import PrivateArray, PrivateTable
from mpc.values.secret import SecretArray

#: Modules whose public names are suggested for a name that does not exist.
_PUBLIC = ("mpc", "protocols.statistics", "protocols.numeric", "protocols.models", "protocols.order")
_USUAL = {"np": "import numpy as np", "pd": "pandas is for the oracle: import it inside that function"}
_VALUES = r"'(?:SecretArray|PrivateArray|PrivateTable|Groups|GroupedArray)'"
_NO_NUMBER = (
    "a secret has no value here: release it to learn it, `value = await study.release(name, secret)`, and round or "
    "format that"
)

#: Messages of Python -> what to do.
_BY_MESSAGE: tuple[tuple[str, str], ...] = (
    (r"\bNoneType\b", WHY_NONE),
    (r"\bRelease\b", NOT_AWAITED),
    (
        rf"for [&|^]: .*{_VALUES}",
        "comparisons beside & and | stand in parentheses: (table.age > 60) & table.smoker",
    ),
    (r"for \*\* or pow\(\).*'float'", "write x.sqrt() for x ** 0.5; protocols.numeric.power(x, exponent) of a secret"),
    (r"'PrivateTable' object does not support item assignment", INSTEAD["assign"]),
    (rf"for \*\* or pow\(\).*{_VALUES}", "write x * x; protocols.numeric.power(secret, exponent) for a secret"),
    (
        rf"for (//|%|divmod\(\)): .*{_VALUES}",
        ".cut(edges) makes classes of rows; secret whole numbers, such as shared rows of an Integer, have // and %",
    ),
    (rf"for (<<|>>): .*{_VALUES}", "multiply or divide by a power of two; secret whole numbers have << and >>"),
    (r"can't be used in 'await' expression", "values need no await: only study.release, settle and gather do"),
    (r"doesn't define __round__ method", f"{_NO_NUMBER}; protocols.numeric.round_half_up(secret) rounds in secret"),
    (rf"(int|float|complex)\(\) argument must be.*{_VALUES}", _NO_NUMBER),
    (r"unsupported format string passed to (SecretArray|PrivateArray)", _NO_NUMBER),
    (rf"{_VALUES} object cannot be interpreted as an integer", _NO_NUMBER),
    (
        r"can't convert type '(SecretArray|PrivateArray)'",
        "statistics of secrets are their own methods: .mean(), .std()",
    ),
    (r"must be real number, not (SecretArray|PrivateArray)", _NO_NUMBER),
    (
        r"does not support ufuncs",
        "NumPy's functions do not compute on secrets and columns: write x.sqrt(), x.exp(), x.log(), abs(x), "
        "mpc.where, mpc.maximum; operators work",
    ),
    (
        rf"{_VALUES} object does not support item assignment",
        "values do not change: mpc.where, mpc.concatenate make new ones",
    ),
    (rf"unhashable type: {_VALUES}", "a secret cannot be in a set or be a key: use a list, or its name as the key"),
    (rf"{_VALUES} object is not callable", "it is a value, not a function: leave out the parentheses"),
    (r"'(method|function)' object is not subscriptable", "call it first: (…)"),
    (r"SimpleNamespace' object is not subscriptable", "write study.parameters.NAME"),
    (r"'coroutine' object", "write `await` before the call of an `async def`"),
    (r"coroutine raised StopIteration", "give next() a default, or raise another exception"),
    (r"cannot unpack non-iterable", ""),
)


def remedy(error: BaseException, frame: FrameType) -> str:
    """What an author can do about `error`, raised in `frame` of a script; "" if nothing is known."""
    if isinstance(error, AttributeError) and error.name:
        return _attribute(error.obj, error.name)
    if isinstance(error, NameError) and error.name:
        return _name(error.name, {**vars(builtins), **frame.f_globals, **frame.f_locals})
    if isinstance(error, ImportError):
        return _imported(str(error))
    if isinstance(error, KeyError) and error.args:
        return _key(error.args[0], frame)
    if isinstance(error, ZeroDivisionError):
        return "a public divisor is 0: look at the parameters, or test it before"
    if isinstance(error, RecursionError):
        return "a function calls itself without end"
    if isinstance(error, MemoryError):
        return "the script asks for more memory than there is: look at its sizes"
    if isinstance(error, IndexError):
        return "it has fewer elements; len() tells how many"
    message = str(error)
    if isinstance(error, TypeError) and (function := _called(message, frame)) is not None:
        return _takes(message, *function)
    return next((advice for pattern, advice in _BY_MESSAGE if re.search(pattern, message)), "")


def _attribute(value: object, name: str) -> str:
    if value is None:
        return WHY_NONE
    if inspect.iscoroutine(value):
        return "write `await` before the call of an `async def`"
    if inspect.isroutine(value):
        return f"call it first: {value.__name__}(…)"
    if isinstance(value, Mapping) and name in value:
        return f"write [{name!r}]: share() of a table gives its columns by name"
    if isinstance(value, SimpleNamespace):
        return f"{closest(name, vars(value))} The parameters are {', '.join(vars(value)) or 'none'}".strip()
    public = [attribute for attribute in dir(value) if not attribute.startswith("_")]
    if isinstance(value, PrivateArray | SecretArray | PrivateTable | Groups | GroupedArray):
        return instead(name, public, shared=isinstance(value, SecretArray))
    if isinstance(value, ModuleType):
        return closest(name, public) or _import(name) or _of_module(value, name)
    return closest(name, public)


def _name(name: str, known: Mapping[str, Any]) -> str:
    return _USUAL.get(name) or _import(name) or closest(name, known)


def _import(name: str) -> str:
    """The import line of a public name; "" if no module has it."""
    for module in _PUBLIC:
        if name in getattr(importlib.import_module(module), "__all__", ()):
            return f"write  from {module} import {name}"
    return ""


def _of_module(module: ModuleType, name: str) -> str:
    """For a name that a public module lacks: a similar name of another public module, or all names of the module."""
    if module.__name__ not in _PUBLIC:
        return ""
    homes = {public: other for other in _PUBLIC for public in getattr(importlib.import_module(other), "__all__", ())}
    near = nearest(name, homes)
    if near is not None:
        return f"did you mean {near!r}, from {homes[near]}?"
    return f"{module.__name__} has {', '.join(getattr(module, '__all__', ()))}"


def _imported(message: str) -> str:
    match = re.match(r"cannot import name '(\w+)' from '([\w.]+)'", message)
    if match is None:
        return ""
    name, module = match.groups()
    return _import(name) or closest(name, dir(importlib.import_module(module)))


def _key(key: object, frame: FrameType) -> str:
    """The nearest key of any dict among the script's local names: the error does not say which dict it was."""
    keys = {str(k) for value in frame.f_locals.values() if isinstance(value, dict) for k in value}
    return closest(str(key), keys)


def _called(message: str, frame: FrameType) -> tuple[str, Callable[..., Any]] | None:
    """The function that a message about a wrong call names, if it belongs to the script or to Comity."""
    match = re.match(r"(?:(\w+)\.)?(?:.*<locals>\.)?(\w+)\(\) (?:missing|takes|got|needs)", message)
    if match is None:
        return None
    owner, name = match.groups()
    classes = {cls.__name__: cls for cls in (PrivateArray, SecretArray, PrivateTable, Groups, GroupedArray, Study)}
    places: list[Any] = [classes.get(owner or ""), frame.f_locals.get(owner or ""), frame.f_globals.get(owner or "")]
    places += [importlib.import_module(module) for module in _PUBLIC]
    candidates = [inspect.getattr_static(place, name, None) for place in places if place is not None]
    candidates += [frame.f_locals.get(name), frame.f_globals.get(name)]
    function = next((thing for thing in candidates if inspect.isfunction(thing) or inspect.isclass(thing)), None)
    return None if function is None else (owner if owner and name == "__init__" else name, function)


def _takes(message: str, name: str, function: Callable[..., Any]) -> str:
    from protocols.mistakes import parameters

    try:
        text = f"it takes {name}{parameters(function)}"
        wrong = re.search(r"unexpected keyword argument '(\w+)'", message)
        near = closest(wrong[1], inspect.signature(function).parameters) if wrong else ""
    except ValueError:  # no signature
        return ""
    return f"{text}; {near}" if near else text

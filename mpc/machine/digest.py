"""Digests of what an operation is: the same at all parties that run the same script over the same public values.

An operation's label covers its digest, so parties whose scripts do different things - another constant, another
column, another order of a loop - can tell, and cannot even match each other's messages.

A digest covers the primitive, its operands' specifications, its parameters, and what an owner reads for it; never a
private value. A value without a canonical form is refused, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from hashlib import blake2b
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, MethodType
from typing import Any

import numpy as np

from mpc.errors import LocalProtocolError
from mpc.machine.primitives import PRIMITIVES
from mpc.machine.seen import Seen, SeenText, SeenWhole, plain
from mpc.untyped import Anything, Json, Parameter

DIGEST_BYTES = 16
#: The form of an array of more bytes has the hash of its bytes.
_LARGE = 64
#: Primitive -> the parameter that only one party holds.
_PRIVATE = {name: primitive.private for name, primitive in PRIMITIVES.items() if primitive.private}
#: id of a code object -> where its function is written, and the code itself: kept alive, so that no other gets its id.
_WRITTEN: dict[int, tuple[str, CodeType]] = {}


def digest(value: Anything) -> bytes:
    """BLAKE2b-128 of the canonical form of a public value. Raises LocalProtocolError for a value without one."""
    return blake2b(repr(canonical(value)).encode(), digest_size=DIGEST_BYTES).digest()


def canonical(value: Anything) -> Hashable:
    """A public value in plain, hashable Python values that are equal, and print alike, only for equal ones."""
    kind = type(value)
    if kind is int or value is None or kind is bytes:
        return value  # type: ignore[no-any-return]
    form = _FORMS.get(kind)
    return _other(value) if form is None else form(value)


def parameters(primitive: str, given: dict[str, Parameter]) -> Hashable:
    """The canonical form of an operation's public parameters."""
    private = _PRIVATE.get(primitive)
    return tuple([(name, canonical(value)) for name, value in given.items() if name != private])


def in_short(value: Json) -> Json:
    """A JSON value with floats of nine digits: numerical libraries differ in the last digit between machines."""
    if isinstance(value, float):
        return f"{value:.9g}"
    if isinstance(value, dict):
        return {name: in_short(item) for name, item in value.items()}
    return [in_short(item) for item in value] if isinstance(value, list) else value


def _array(value: np.ndarray[Any, Any]) -> Hashable:
    if value.dtype.hasobject:
        raise LocalProtocolError("an array of Python objects is no public constant: use numbers")
    octets = value.tobytes()
    if len(octets) > _LARGE:
        octets = blake2b(octets, digest_size=DIGEST_BYTES).digest()
    return value.dtype.str, value.shape, octets


def _sequence(value: Any) -> Hashable:
    return tuple([canonical(item) for item in value])


def _function(value: FunctionType) -> Hashable:
    """Where it is written, and the values it closes over: its text is part of Comity or of the agreed script."""
    code, closure, defaults = value.__code__, value.__closure__, value.__defaults__
    known = _WRITTEN.get(id(code))
    if known is None:
        written = f"function {value.__module__} {value.__qualname__} {code.co_firstlineno}"
        known = _WRITTEN[id(code)] = (written, code)
    cells = None if closure is None else tuple([canonical(cell.cell_contents) for cell in closure])
    return known[0], cells, None if defaults is None else _sequence(defaults)


def _other(value: Any) -> Hashable:
    own = getattr(value, "digest", None)
    if isinstance(own, bytes):
        return type(value).__name__, own
    if isinstance(value, np.generic):
        return _array(np.asarray(value))
    if isinstance(value, np.ndarray):
        return _array(value)
    if isinstance(value, np.ufunc):
        return "ufunc", value.__name__
    if isinstance(value, tuple):  # a named tuple
        return type(value).__name__, _sequence(value)
    if callable(value) and hasattr(value, "__qualname__"):  # NumPy's own functions
        return "function", str(value.__module__), str(value.__qualname__)
    raise LocalProtocolError(
        f"a {type(value).__name__} is no public parameter of an operation: the parties could not compare theirs"
    )


_FORMS: dict[type, Callable[[Any], Hashable]] = {
    type(None): lambda value: None,
    EllipsisType: lambda value: "...",
    bool: lambda value: ("bool", str(value)),
    int: lambda value: value,
    str: lambda value: ("str", value),
    bytes: lambda value: value,
    float: lambda value: ("float", value.hex()),
    Seen: lambda value: ("float", value.hex()),
    SeenWhole: plain,
    SeenText: lambda value: ("str", str(value)),
    slice: lambda value: ("slice", canonical(value.start), canonical(value.stop), canonical(value.step)),
    tuple: _sequence,
    dict: lambda value: ("dict", _sequence(value.items())),
    list: lambda value: ("list", _sequence(value)),
    range: lambda value: ("range", value.start, value.stop, value.step),
    np.ndarray: _array,
    FunctionType: _function,
    BuiltinFunctionType: lambda value: ("builtin", str(value.__module__), value.__qualname__),
    MethodType: lambda value: ("method", canonical(value.__func__), canonical(value.__self__)),
    partial: lambda value: ("partial", canonical(value.func), _sequence(value.args), _sequence(value.keywords.items())),
}

"""MPyC's own kinds of values in `mpc.transfer`: field elements, field arrays, polynomials, group elements.

A type is sent as its public parameters, and is looked up among the types that this program has made. So no message
makes a field or a curve that a peer chose. MPyC checks that elements are valid: a point that is not on its curve is
refused. Imports MPyC: only inside a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from mpyc import fingroups, gfpx
from mpyc.finfields import FiniteFieldArray, FiniteFieldElement, PrimeFieldElement

from mpc.errors import LocalProtocolError, RemoteProtocolError
from parties.mpyc import fields

Key = tuple[Any, ...]
#: Bits of a polynomial over a field of odd characteristic.
MOST_POLYNOMIAL = 1 << 16


class Types:
    """A `parties.mpyc.objects.Registry` of MPyC's types in this process."""

    def __init__(self) -> None:
        self._known: dict[Key, Any] = {}

    def reduce(self, value: object) -> tuple[Key, Any] | None:
        kind: Any = type(value)
        if isinstance(value, FiniteFieldElement):
            return field_key(kind), int(value.value)
        if isinstance(value, FiniteFieldArray):
            flat = [int(v) for v in value.value.reshape(-1)]
            content = (tuple(value.value.shape), fields.encode(kind.field.order, flat).tobytes())
            return ("array", *field_key(kind.field)), content
        if isinstance(value, gfpx.Polynomial):
            number = int(value)
            if kind.p != 2 and number.bit_length() > MOST_POLYNOMIAL:
                raise LocalProtocolError(f"mpc.transfer: a polynomial of more than {MOST_POLYNOMIAL:,} bits")
            return polynomial_key(kind), number
        if isinstance(value, fingroups.FiniteGroupElement):
            return group_key(kind), value.value
        return None

    def restore(self, key: Key, content: Any) -> Any:
        kind = self._find(key[1:] if key[:1] == ("array",) else key)
        if key[:1] == ("array",):
            return _array(kind, content)
        if key[:1] == ("group",):
            if content is None:
                raise ValueError("a group element without a value")
            return kind(content)
        if type(content) is not int or content < 0:
            raise ValueError("a value that is not a number")
        if key[:1] == ("field",):
            if content >= kind.order:
                raise ValueError("a number that is not an element of its field")
            return kind(content)
        if key[1] != 2 and content.bit_length() > MOST_POLYNOMIAL:
            raise ValueError("a polynomial that is too large")  # it is divided by p, once for each coefficient
        return kind(content)

    def _find(self, key: Key) -> Any:
        kind = self._known.get(key)
        if kind is None:
            self._known = dict(_all())
            kind = self._known.get(key)
        if kind is None:
            raise ValueError("a field, group or ring that this program has not made yet")
        return kind


def field_key(field: Any) -> Key:
    if issubclass(field, PrimeFieldElement):
        return ("field", int(field.modulus), int(field.nth or 0), int(field.root or 0))
    return ("field", int(field.characteristic), int(field.modulus))


def polynomial_key(ring: Any) -> Key:
    return ("polynomial", int(ring.p))


def group_key(group: Any) -> Key:
    """MPyC's name of a group contains its parameters, but not its generator."""
    generator = "" if group.generator is None else repr(group.generator)[:2000]
    return ("group", group.__bases__[0].__name__, group.__name__, generator)


def _all() -> Iterator[tuple[Key, Any]]:
    for field in _below(FiniteFieldElement):
        if getattr(field, "order", None) is not None:
            yield field_key(field), field
    for ring in _below(gfpx.Polynomial):
        if getattr(ring, "p", None) is not None:
            yield polynomial_key(ring), ring
    for group in _below(fingroups.FiniteGroupElement):
        if group.identity is not None:
            yield group_key(group), group


def _below(cls: Any) -> Iterator[Any]:
    for sub in cls.__subclasses__():
        yield sub
        yield from _below(sub)


def _array(field: Any, content: Any) -> Any:
    shape, data = content
    if type(shape) is not tuple or type(data) is not bytes or not all(type(s) is int and s >= 0 for s in shape):
        raise ValueError("a malformed array")
    count = 1
    for size in shape:
        count *= size
    try:
        values = fields.decode(field.order, np.frombuffer(data, np.uint8), count, "")
    except RemoteProtocolError as error:
        raise ValueError(str(error).strip()) from None
    return field.array(elements(field, values), check=False).reshape(shape)


def elements(field: Any, values: list[int]) -> Any:
    """An object array as in MPyC's field arrays: of integers, or of polynomials over the prime field."""
    out = np.empty(len(values), object)
    ring = type(field.modulus)
    out[:] = values if ring is int else [ring(value) for value in values]
    return out

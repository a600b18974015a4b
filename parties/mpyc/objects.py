"""The format of `mpc.transfer`: Python objects under a tag and a length, in place of pickles.

A pickle is a program that its reader runs; this is data. Objects can be None, bool, int, float, complex, str,
bytes, bytearray, list, tuple, set, frozenset, dict, range, Fraction, Decimal, date, datetime, time, timedelta, NumPy
arrays and scalars of numbers and truth values, object arrays of all these, and values that a `Registry` knows (MPyC's
field elements, field arrays, polynomials and group elements, of types that both sides have made). For any bytes,
`decode` returns objects of these types or raises RemoteProtocolError. It makes no class, calls no function by name, and
allocates at most a small multiple of the message. `kinds` has the bounds.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from mpc.errors import LocalProtocolError, RemoteProtocolError
from parties.mpyc.kinds import (
    COLLECTIONS,
    HASHED,
    MADE,
    MOST_DEPTH,
    MOST_INT,
    MOST_KEYS,
    MOST_OBJECTS,
    MOST_PART,
    NUMBERS,
    PARTS,
    PLACE,
    TAKEN,
    WHOLE,
    part_size,
)

_FLOAT = struct.Struct("<d")


class Registry(Protocol):
    """Types besides those of Python and NumPy."""

    def reduce(self, value: object) -> tuple[tuple[Any, ...], Any] | None:
        """(type, content) as objects that can be sent; None if `value` has another type."""

    def restore(self, key: tuple[Any, ...], content: Any) -> Any:
        """The value of a type and content; ValueError or TypeError if the type is unknown or the content invalid."""


class _Writer:
    def __init__(self, registry: Registry | None) -> None:
        self.out = bytearray()
        self._registry = registry
        self._objects = 0

    def length(self, number: int) -> None:
        while number >= 0x80:
            self.out.append(number & 0x7F | 0x80)
            number >>= 7
        self.out.append(number)

    def chunk(self, tag: bytes, data: bytes | bytearray | memoryview) -> None:
        self.out += tag
        self.length(len(data))
        self.out += data

    def many(self, tag: bytes, values: Any, depth: int) -> None:
        _within(len(values), MOST_KEYS if tag in HASHED else MOST_OBJECTS, "entries in one collection")
        self.out += tag
        self.length(len(values))
        for value in values:
            self.put(value, depth + 1)

    def put(self, value: Any, depth: int = 0) -> None:
        _within(depth, MOST_DEPTH, "levels of objects inside of objects")
        self._objects += 1
        _within(self._objects, MOST_OBJECTS, "objects in one message: send numbers as NumPy arrays or field arrays")
        kind = type(value)
        simple = _SIMPLE.get(kind)
        if simple is not None:
            simple(self, value)
        elif kind in COLLECTIONS:
            self.many(COLLECTIONS[kind], value, depth)
        elif kind is dict:
            _within(len(value), MOST_KEYS, "entries in one dict")
            self.out += b"d"
            self.length(len(value))
            for key, entry in value.items():
                self.put(key, depth + 1)
                self.put(entry, depth + 1)
        elif kind in PARTS:
            tag, take = PARTS[kind]
            parts = take(value)
            _within(max(map(part_size, parts)), MOST_PART, f"bytes in a part of a {kind.__name__}")
            self.many(tag, parts, depth)
        elif isinstance(value, np.generic) and value.dtype.newbyteorder("<") in PLACE:
            self.out += b"g"
            self.array(np.asarray(value))
        elif kind is np.ndarray:
            self.ndarray(value, depth)
        else:
            reduced = None if self._registry is None else self._registry.reduce(value)
            if reduced is None:
                raise LocalProtocolError(
                    f"mpc.transfer cannot send a {kind.__module__}.{kind.__qualname__}: it takes {TAKEN}. Send its "
                    "parts, and put them together again at the receiver"
                )
            self.out += b"M"
            for part in reduced:
                self.put(part, depth + 1)

    def ndarray(self, value: Any, depth: int) -> None:
        if value.dtype == object:
            self.out += b"O"
            self.shape(value.shape)
            for entry in value.reshape(-1):
                self.put(entry, depth + 1)
        elif value.dtype.newbyteorder("<") in PLACE:
            self.out += b"a"
            self.array(value)
        else:
            raise LocalProtocolError(f"mpc.transfer cannot send an array of type {value.dtype}: it takes {TAKEN}")

    def shape(self, shape: tuple[int, ...]) -> None:
        self.length(len(shape))
        for size in shape:
            self.length(size)

    def array(self, value: Any) -> None:
        kind = value.dtype.newbyteorder("<")
        self.out.append(PLACE[kind])
        self.shape(value.shape)
        self.out += np.ascontiguousarray(value, kind).tobytes()


def _put_int(writer: _Writer, value: int) -> None:
    size = (value.bit_length() + 8) >> 3
    _within(size, MOST_INT, "bytes in an int")
    writer.chunk(b"i", value.to_bytes(size, "little", signed=True))


def _put_text(writer: _Writer, value: str) -> None:
    writer.chunk(b"s", value.encode("utf-8", "surrogatepass"))


def _put_float(writer: _Writer, value: float) -> None:
    writer.out += b"f"
    writer.out += _FLOAT.pack(value)


def _put_complex(writer: _Writer, value: complex) -> None:
    writer.out += b"c"
    writer.out += _FLOAT.pack(value.real) + _FLOAT.pack(value.imag)


def _put_constant(writer: _Writer, value: object) -> None:
    writer.out += b"n" if value is None else b"t" if value else b"F"


_SIMPLE: dict[type, Callable[[_Writer, Any], None]] = {
    int: _put_int,
    float: _put_float,
    complex: _put_complex,
    str: _put_text,
    bytes: lambda writer, value: writer.chunk(b"b", value),
    bytearray: lambda writer, value: writer.chunk(b"y", value),
    bool: _put_constant,
    type(None): _put_constant,
}


def _within(size: int, most: int, what: str) -> None:
    if size > most:
        raise LocalProtocolError(f"mpc.transfer: {size:,} {what}; at most {most:,} are allowed")


class _Reader:
    def __init__(self, data: memoryview, registry: Registry | None) -> None:
        self.data = data
        self.at = 0
        self._registry = registry
        self._objects = 0

    def take(self, size: int) -> memoryview:
        if size > len(self.data) - self.at:
            raise ValueError("it ends early")
        self.at += size
        return self.data[self.at - size : self.at]

    def length(self) -> int:
        number = 0
        for shift in range(0, 56, 7):
            byte = self.take(1)[0]
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
        raise ValueError("an invalid length")

    def count(self, most: int, each: int = 1) -> int:
        """The number of objects that follow. Each has at least `each` bytes, so a false count is detected at once."""
        number = self.length()
        if number > most or number * each > len(self.data) - self.at:
            raise ValueError("more objects than bytes, or than are allowed")
        return number

    def get(self, depth: int = 0) -> Any:
        self._objects += 1
        if depth > MOST_DEPTH or self._objects > MOST_OBJECTS:
            raise ValueError("too deep" if depth > MOST_DEPTH else "too many objects")
        tag = bytes(self.take(1))
        if tag in MADE:
            most = MOST_KEYS if tag in HASHED else MOST_OBJECTS
            return MADE[tag]([self.get(depth + 1) for _ in range(self.count(most))])
        if tag == b"d":
            return {self.get(depth + 1): self.get(depth + 1) for _ in range(self.count(MOST_KEYS, 2))}
        if tag in WHOLE:
            kinds, make = WHOLE[tag]
            parts = [self.get(depth + 1) for _ in range(self.count(len(kinds)))]
            if tuple(map(type, parts)) != kinds or max(map(part_size, parts)) > MOST_PART:
                raise ValueError("parts of the wrong types, or too large")
            return make(*parts)
        if tag == b"M":
            key, content = self.get(depth + 1), self.get(depth + 1)
            if self._registry is None or type(key) is not tuple:
                raise ValueError("an unknown type")
            return self._registry.restore(key, content)
        if tag == b"O":
            shape = self.shape()
            if math.prod(shape) > min(MOST_OBJECTS, len(self.data) - self.at):
                raise ValueError("more objects than bytes, or than are allowed")
            entries = np.empty(math.prod(shape), object)
            for place in range(entries.size):
                entries[place] = self.get(depth + 1)
            return entries.reshape(shape)
        return self._plain(tag)

    def _plain(self, tag: bytes) -> Any:
        if tag == b"i":
            size = self.length()
            if size > MOST_INT:
                raise ValueError("a number that is too long")
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == b"s":
            return bytes(self.take(self.length())).decode("utf-8", "surrogatepass")
        if tag == b"b":
            return bytes(self.take(self.length()))
        if tag == b"y":
            return bytearray(self.take(self.length()))
        if tag == b"f":
            return _FLOAT.unpack(self.take(8))[0]
        if tag == b"c":
            return complex(_FLOAT.unpack(self.take(8))[0], _FLOAT.unpack(self.take(8))[0])
        if tag in (b"n", b"t", b"F"):
            return None if tag == b"n" else tag == b"t"
        if tag == b"a":
            return self.array()
        if tag == b"g":
            value = self.array()
            if value.ndim:
                raise ValueError("a number with a shape")
            return value[()]
        raise ValueError("an unknown kind of object")

    def shape(self) -> tuple[int, ...]:
        dimensions = self.length()
        if dimensions > 32:
            raise ValueError("too many dimensions")
        shape = tuple(self.length() for _ in range(dimensions))
        if math.prod(max(1, size) for size in shape) > 1 << 40:
            raise ValueError("too large a shape")
        return shape

    def array(self) -> Any:
        place = self.take(1)[0]
        if place >= len(NUMBERS):
            raise ValueError("an unknown type of numbers")
        kind, shape = NUMBERS[place], self.shape()
        data = self.take(math.prod(shape) * kind.itemsize)
        if kind == np.bool_ and np.any(np.frombuffer(data, np.uint8) > 1):
            raise ValueError("an invalid truth value")
        return np.frombuffer(data, kind).reshape(shape).copy()


def encode(value: Any, registry: Registry | None = None) -> bytes:
    """The bytes of an object; LocalProtocolError names its type if it cannot be sent."""
    writer = _Writer(registry)
    writer.put(value)
    return bytes(writer.out)


def decode(data: bytes | memoryview, peer: str, registry: Registry | None = None) -> Any:
    """The object in `data`; RemoteProtocolError if the bytes are invalid."""
    reader = _Reader(memoryview(data), registry)
    try:
        value = reader.get()
        if reader.at != len(reader.data):
            raise ValueError("bytes after its end")
    except (ValueError, TypeError, ArithmeticError, AttributeError, LookupError, RecursionError) as error:
        reason = str(error) if type(error) is ValueError else type(error).__name__
        raise RemoteProtocolError(f"{peer} sent a malformed object: {reason[:80]}", peer=peer) from None
    return value

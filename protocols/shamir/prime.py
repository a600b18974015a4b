"""Arithmetic modulo the Mersenne prime 2^127 - 1, on pairs of 64-bit words: machine code for the kernels.

An element is (low, high) with high < 2^63 and never the prime itself. 2^127 is 1 modulo the prime, so a product of 254
bits is folded twice. The functions here use LLVM's 128-bit integers, for which numba has no type.

They are inlined into the kernels that call them, and numba's cache checks only the file of a kernel: after a change
here, change the modification time of `kernels.py` and `kernels_order.py` too.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

BITS = 127
PRIME = (1 << BITS) - 1

_WIDE = ir.IntType(128)
_WORD = ir.IntType(64)
_PAIR: Any = types.UniTuple(types.uint64, 2)  # type: ignore[no-untyped-call]


def _inlined(function: Any) -> Any:
    return intrinsic(function)


def _wide(value: int) -> Any:
    return ir.Constant(_WIDE, value)


def _joined(builder: Any, low: Any, high: Any) -> Any:
    return builder.or_(builder.zext(low, _WIDE), builder.shl(builder.zext(high, _WIDE), _wide(64)))


def _parted(context: Any, builder: Any, value: Any) -> Any:
    low = builder.trunc(value, _WORD)
    high = builder.trunc(builder.lshr(value, _wide(64)), _WORD)
    return context.make_tuple(builder, _PAIR, (low, high))


def _fold(builder: Any, value: Any) -> Any:
    """Reduce a number below 2^128 to a congruent number of at most 2^127."""
    return builder.add(builder.and_(value, _wide(PRIME)), builder.lshr(value, _wide(BITS)))


def _canonical(builder: Any, value: Any) -> Any:
    """Reduce a number of at most 2^127 to below the prime."""
    less = builder.sub(value, _wide(PRIME))
    return builder.select(builder.icmp_unsigned(">=", value, _wide(PRIME)), less, value)


def _operands(builder: Any, arguments: Any) -> tuple[Any, Any]:
    return _joined(builder, arguments[0], arguments[1]), _joined(builder, arguments[2], arguments[3])


_FOUR = (types.uint64,) * 4


@_inlined  # Any: numba's types, and values of LLVM
def add(typingctx: Any, a0: Any, a1: Any, b0: Any, b1: Any) -> Any:
    """(a + b) modulo the prime."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b = _operands(builder, arguments)
        return _parted(context, builder, _canonical(builder, _fold(builder, builder.add(a, b))))

    return _PAIR(*_FOUR), code


@_inlined  # Any: numba's types, and values of LLVM
def sub(typingctx: Any, a0: Any, a1: Any, b0: Any, b1: Any) -> Any:
    """(a - b) modulo the prime."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        a, b = _operands(builder, arguments)
        less = builder.sub(a, b)
        back = builder.select(builder.icmp_unsigned("<", a, b), _wide(PRIME), _wide(0))
        return _parted(context, builder, builder.add(less, back))

    return _PAIR(*_FOUR), code


def _product(builder: Any, a0: Any, a1: Any, b0: Any, b1: Any) -> Any:
    """a * b modulo the prime, at most 2^127."""
    w = [builder.zext(x, _WIDE) for x in (a0, a1, b0, b1)]
    low = builder.mul(w[0], w[2])
    middle = builder.add(builder.mul(w[0], w[3]), builder.mul(w[1], w[2]))  # both below 2^127
    high = builder.mul(w[1], w[3])
    shifted = builder.shl(middle, _wide(64))
    first = _fold(builder, builder.add(_fold(builder, low), _fold(builder, shifted)))
    # 2^128 is 2 modulo the prime: twice the upper word of the middle and twice `high`; together at most 2^127
    carried = builder.shl(builder.lshr(middle, _wide(64)), _wide(1))
    second = _fold(builder, builder.add(carried, builder.shl(high, _wide(1))))
    return _fold(builder, builder.add(first, second))


@_inlined  # Any: numba's types, and values of LLVM
def mul(typingctx: Any, a0: Any, a1: Any, b0: Any, b1: Any) -> Any:
    """(a * b) modulo the prime."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _parted(context, builder, _canonical(builder, _product(builder, *arguments)))

    return _PAIR(*_FOUR), code


@_inlined  # Any: numba's types, and values of LLVM
def mul_add(typingctx: Any, s0: Any, s1: Any, a0: Any, a1: Any, b0: Any, b1: Any) -> Any:
    """(s + a * b) modulo the prime."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        s = _joined(builder, arguments[0], arguments[1])
        total = _fold(builder, builder.add(s, _product(builder, *arguments[2:])))
        return _parted(context, builder, _canonical(builder, total))

    return _PAIR(*(types.uint64,) * 6), code

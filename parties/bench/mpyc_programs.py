"""The workloads as programs for MPyC: the same inputs, shared by the same parties, and the same result to check.

MPyC's integers have as many bits as the inputs need (`int64`, `int32`), its fixed-point numbers 16 fraction bits. It
has no roots, exponentials, logarithms, sigmoids and shuffles of secret arrays: such workloads have no program. This
file does not import MPyC: a program gets MPyC's runtime as an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parties.bench.workloads.arithmetic import factor_bounds
from parties.bench.workloads.base import FRAC, Integers, seeded
from parties.bench.workloads.comparison import Less, Less32
from parties.bench.workloads.numeric import between
from parties.bench.workloads.order import Sort, Sort64

#: Type and values of an input; integers, raw ones for fixed point.
Input = tuple[str, Integers]
Opened = NDArray[Any]

_ONE = 1 << FRAC
#: A bound of 2^22 for the raw numbers that `input` and `open` take, as ours.
_RAW = 1 << 22
#: The largest quotient, which errors of quotients are relative to.
_QUOTIENT = 1e5


@dataclass(frozen=True)
class Program:
    """One workload for MPyC."""

    #: The inputs, the first one held by party 0, the second by party 1, ...
    inputs: Callable[[int], list[Input]]
    #: The timed part: a function of the runtime and the shared inputs.
    timed: Callable[..., Any]
    #: Largest error of the opened result, from that and the inputs in the clear.
    error: Callable[..., float]
    #: The part before the clock starts: a function of the runtime and the shared inputs.
    before: Callable[..., list[Any]] = lambda runtime, *shares: list(shares)
    #: A size that any machine computes in a moment.
    small: int = 100
    #: Time grows like size to this power, about.
    power: float = 1.0


def _largest(difference: Any) -> float:
    return float(np.abs(np.asarray(difference, np.float64)).max(initial=0))


def _two(kind: str, bounds: Callable[[int], tuple[int, int]]) -> Callable[[int], list[Input]]:
    def inputs(size: int) -> list[Input]:
        left, right = bounds(size)
        return [(kind, seeded("x", (size,), left)), (kind, seeded("y", (size,), right))]

    return inputs


def _matrices(size: int) -> list[Input]:
    left, right = factor_bounds(size)
    return [("fixed", seeded("x", (size, size), left)), ("fixed", seeded("y", (size, size), right))]


def _real(raw: Integers) -> NDArray[np.float64]:
    return np.asarray(raw / _ONE)


def _pairs(bits: int) -> Callable[[int], list[Input]]:
    def inputs(size: int) -> list[Input]:
        bound = (1 << bits) - 1
        x, y = seeded("x", (size,), bound), seeded("y", (size,), bound)
        y[::10] = x[::10]
        y[::20] = np.minimum(x[::20] + 1, bound)
        return [(_kind(bits), x), (_kind(bits), y)]

    return inputs


def _kind(bits: int) -> str:
    return "int32" if bits < 32 else "int64"


def _zeros(size: int) -> list[Input]:
    x = seeded("x", (size,), (1 << 62) - 1) | 1
    x[::2] = 0
    return [("int64", x)]


def _three(size: int) -> list[Input]:
    bound = (1 << (15 + FRAC)) - 1
    return [("fixed", seeded(name, (size,), bound)) for name in ("x", "y", "key")]


def _division(size: int) -> list[Input]:
    # Quotients exceed MPyC's 16 integer bits; its field leaves room for that. Unless it has as many integer bits as
    # fraction bits, its quotients are 0.
    return [("fixed", between("x", (size,), -1000.0, 1000.0)), ("fixed", between("y", (size,), 0.01, 1000.0))]


def _keys(bits: int) -> Callable[[int], list[Input]]:
    return lambda size: [("int32" if bits <= 32 else "int64", seeded("x", (size,), (1 << (bits - 1)) - 1))]


def _scalars(size: int) -> list[Input]:
    return [("int64", np.asarray(1, np.int64)), ("int64", np.asarray(-1, np.int64))]


def _chain(size: int) -> Callable[..., Any]:
    def timed(runtime: Any, x: Any, y: Any) -> Any:
        for _ in range(size):
            x = x * y
        return x

    return timed


def _middle(runtime: Any, x: Any) -> Any:
    """Twice the median."""
    ordered = runtime.np_sort(x)
    n = x.shape[0]
    return ordered[(n - 1) // 2] + ordered[n // 2]


def _integers(opened: Any) -> Integers:
    return np.asarray(opened, dtype=object).astype(np.int64)


def _less(opened: Opened, x: Integers, y: Integers) -> float:
    return _largest(_integers(opened) - (x < y))


def _sorted(opened: Opened, x: Integers) -> float:
    return _largest(_integers(opened) - np.sort(x))


def _selected(opened: Opened, x: Integers, y: Integers, key: Integers) -> float:
    chosen: Integers = np.where(key < 0, x, y)
    return _largest(opened - _real(chosen))


def program(workload: str, size: int) -> Program | None:
    """The workload's program; None if MPyC has no such operation."""
    if workload == "chain":
        exact = (-1) ** (size % 2)
        return Program(_scalars, _chain(size), lambda opened, x, y: float(abs(int(opened) - exact)))
    return _PROGRAMS.get(workload)


_PROGRAMS = {
    "multiply_int": Program(
        _two("int64", lambda size: ((1 << 31) - 1, (1 << 31) - 1)),
        lambda runtime, x, y: x * y,
        lambda opened, x, y: _largest(_integers(opened) - x * y),
    ),
    "multiply": Program(
        _two("fixed", lambda size: factor_bounds(1)),
        lambda runtime, x, y: x * y,
        lambda opened, x, y: _largest(opened - _real(x) * _real(y)),
    ),
    "dot": Program(
        _two("fixed", lambda size: (_ONE, _ONE)),
        lambda runtime, x, y: x @ y,
        lambda opened, x, y: _largest(opened - _real(x) @ _real(y)) / x.size,
    ),
    "matmul": Program(
        _matrices,
        lambda runtime, x, y: x @ y,
        lambda opened, x, y: _largest(opened - _real(x) @ _real(y)),
        small=10,
        power=3.0,
    ),
    "less_than": Program(_pairs(Less.bits), lambda runtime, x, y: x < y, _less, small=20),
    "less_than_32": Program(_pairs(Less32.bits), lambda runtime, x, y: x < y, _less, small=20),
    "equal": Program(
        _zeros, lambda runtime, x: x == 0, lambda opened, x: _largest(_integers(opened) - (x == 0)), small=20
    ),
    "select": Program(
        _three,
        lambda runtime, bit, x, y: runtime.np_where(bit, x, y),
        _selected,
        before=lambda runtime, x, y, key: [key < 0, x, y],
    ),
    "divide": Program(
        _division,
        lambda runtime, x, y: x / y,
        lambda opened, x, y: _largest((opened - x / y) / _QUOTIENT),
        small=20,
    ),
    "sort_32": Program(_keys(Sort.bits), lambda runtime, x: runtime.np_sort(x), _sorted, small=8, power=1.3),
    "sort_64": Program(_keys(Sort64.bits), lambda runtime, x: runtime.np_sort(x), _sorted, small=8, power=1.3),
    "quantile": Program(
        _keys(Sort.bits),
        _middle,
        lambda opened, x: abs(float(int(opened)) / 2 - float(np.median(x))),
        small=8,
        power=1.3,
    ),
    "input": Program(
        lambda size: [("fixed", seeded("x", (size,), _RAW))],
        lambda runtime, x: x,  # the clock measures its sharing
        lambda opened, x: _largest(opened - _real(x)),
    ),
    "open": Program(
        lambda size: [("fixed", seeded("x", (size,), _RAW))],
        lambda runtime, x: runtime.output(x),
        lambda opened, x: _largest(opened - _real(x)),
    ),
}

"""Functions of secrets, computed and opened: on the ideal engine with every bound checked, or on shares."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np

from mpc.machine.engine import Cost
from mpc.machine.runtime import Runtime
from mpc.values.fixed import encode, frac_for
from mpc.values.secret import SecretArray, constant
from protocols.assembly import run_here
from protocols.library import Library
from protocols.simulate import evaluate, make_engine, opened
from tests.support.bounds import every_bound_holds
from tests.support.engines import making

__all__ = ["compute", "dry_cost", "fixed", "opened", "rows", "secret"]


def secret(run: Runtime, values: Any, *, bound: float | None = None, frac: int | None = None) -> SecretArray:
    """A secret with these values; with `bound`, as if its schema said |value| <= bound."""
    if bound is None:
        return constant(run, values, frac=frac)
    x = constant(run, values, frac=frac_for(bound) if frac is None else frac)
    raw = int(np.ceil(np.ldexp(bound, x.frac)))
    assert x.bound <= raw
    return x.restated(bound=raw)


def fixed(run: Runtime, values: Any, frac: int, bound: int) -> SecretArray:
    """A secret of `frac` fraction bits (an integer where there are none), known to be at most `bound` units large."""
    handle = run.schedule("constant", values=encode(np.asarray(values), frac))
    return SecretArray(run, handle, type="fixed" if frac else "int", frac=frac, bound=bound)


def rows(run: Runtime, count: Any) -> SecretArray:
    """Secret numbers of rows, of which there could be a million."""
    number = constant(run, count)
    return number.restated(bound=1 << 20)


def compute(function: Callable[..., Any], *operands: Any, engine: str = "ideal", **how: Any) -> Any:
    """`function(secret, ...)` of these operands, opened; a list where it gives several secrets.

    An operand is an array, made a secret as `how` says (see `secret`), or (values, fraction bits, bound; see `fixed`).
    """

    async def script(run: Runtime) -> Any:
        result = function(*[fixed(run, *x) if isinstance(x, tuple) else secret(run, x, **how) for x in operands])
        if isinstance(result, tuple | list):
            return [await opened(run, part) for part in result]
        return await opened(run, result)

    with every_bound_holds() if engine == "ideal" else nullcontext():
        return evaluate(script, **making(engine))[0]


def dry_cost(function: Callable[..., Any], *operands: tuple[tuple[int, ...], int, int]) -> Cost:
    """What `function(secret, ...)` costs on shares of three parties: of (shape, fraction bits, bound)."""
    run = Runtime(make_engine("replicated"), Library())

    async def script() -> None:
        function(*[fixed(run, np.zeros(shape), frac, bound) for shape, frac, bound in operands])

    run_here(lambda: run.execute(script()))
    return run.cost

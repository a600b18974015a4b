"""Value-floor helpers: run a function of secrets on the ideal engine, and read what it gave."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.opening import open_to
from mpc.machine.runtime import Runtime
from mpc.values.fixed import decode
from mpc.values.secret import SecretArray, constant
from protocols.simulate import evaluate
from tests.support.engines import making


def secret(run: Runtime, values: Any, *, bound: float | None = None, frac: int | None = None) -> SecretArray:
    """A secret with these values; with `bound`, as if its schema said |value| <= bound."""
    if bound is None:
        return constant(run, values, frac=frac)
    from mpc.values.fixed import frac_for

    x = constant(run, values, frac=frac_for(bound) if frac is None else frac)
    raw = int(np.ceil(np.ldexp(bound, x.frac)))
    assert x.bound <= raw
    return x.restated(bound=raw)


def rows(run: Runtime, count: Any) -> SecretArray:
    """Secret numbers of rows, of which there could be a million."""
    number = constant(run, count)
    return number.restated(bound=1 << 20)


async def opened(run: Runtime, x: SecretArray) -> np.ndarray[Any, Any]:
    """Its values, after a look at its bound, with NaN where the mask is cleared."""
    handles = [open_to(run, s.handle, range(run.engine.parties)) for s in (x, x.valid) if s is not None]
    await run.settle(*handles)
    raw = handles[0].share
    if x.type == "bool":
        values = raw.astype(np.bool_)
    else:
        assert int(np.abs(raw).max(initial=0)) <= x.bound, f"{x}: {raw} is beyond its bound {x.bound}"
        values = raw if x.type == "int" and x.frac == 0 else decode(raw, x.frac)
    if x.valid is not None:
        mask = np.broadcast_to(handles[1].share.astype(np.bool_), x.shape)
        values = np.where(mask, values.astype(np.float64), np.nan)
    assert values.shape == x.shape
    return values


def compute(function: Any, *arrays: Any, engine: str = "ideal", **how: Any) -> Any:
    """`function(secret, ...)` of these arrays, opened; a tuple where it gives one."""

    async def script(run: Runtime) -> Any:
        result = function(*[secret(run, array, **how) for array in arrays])
        if isinstance(result, tuple | list):
            return [await opened(run, one) for one in result]
        return await opened(run, result)

    return evaluate(script, **making(engine))[0]

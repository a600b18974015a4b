"""Functions of secrets, computed and opened: on the ideal engine with every bound checked, or on shares."""

from __future__ import annotations

from typing import Any

import numpy as np

from mpc.machine.engine import Cost
from mpc.machine.opening import open_to
from mpc.machine.runtime import Runtime
from mpc.values.fixed import decode, encode
from mpc.values.secret import SecretArray
from protocols.assembly import run_here
from protocols.library import Library
from protocols.simulate import evaluate, make_engine
from tests.support.bounds import every_bound_holds
from tests.support.engines import making


def compute(function: Any, *arrays: Any, engine: str = "ideal") -> Any:
    """`function(run, secret, ...)` opened. An array is (values, fraction bits, bound of the raw integers)."""

    async def script(run: Any) -> Any:
        secrets = []
        for values, frac, bound in arrays:
            handle = run.schedule("constant", values=encode(np.asarray(values), frac))
            secrets.append(SecretArray(run, handle, type="fixed" if frac else "int", frac=frac, bound=bound))
        given = function(run, *secrets)
        results = []
        for x in given if isinstance(given, tuple | list) else [given]:
            parts = [s for s in (x, x.valid) if s is not None]
            handles = [open_to(run, s.handle, range(run.engine.parties)) for s in parts]
            await run.settle(*handles)
            raw = handles[0].share
            value = raw.astype(bool) if x.type == "bool" else decode(raw, x.frac)
            results.append(value if x.valid is None else np.where(handles[1].share.astype(bool), value, np.nan))
        return results if isinstance(given, tuple | list) else results[0]

    if engine != "ideal":
        return evaluate(script, **making(engine))[0]
    with every_bound_holds():
        return evaluate(script, **making(engine))[0]


def dry_cost(function: Any, *arrays: Any) -> Cost:
    """What `function(run, secret, ...)` costs on shares, from shapes and bounds: (shape, fraction bits, bound)."""
    run = Runtime(make_engine("replicated"), Library())

    async def script() -> None:
        zeros = [(run.schedule("constant", values=np.zeros(shape, np.int64)), f, b) for shape, f, b in arrays]
        function(run, *(SecretArray(run, h, type="fixed" if f else "int", frac=f, bound=b) for h, f, b in zeros))

    run_here(lambda: run.execute(script()))
    return run.cost

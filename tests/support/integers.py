"""Functions of secret integers, opened exactly: on the ideal engine with every bound checked, or on shares."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mpc.machine.runtime import Runtime
from mpc.values.secret import SecretArray
from protocols.simulate import evaluate
from tests.support.bounds import every_bound_holds
from tests.support.engines import making
from tests.support.value_floor import opened


def integers(function: Callable[..., Any], *arrays: Any, bound: int = 0, engine: str = "ideal") -> list[Any]:
    """`function(secret, ...)` of integers of at most `bound` (default: the largest of each), opened exactly."""

    def secret(run: Runtime, values: Any) -> SecretArray:
        array = np.asarray(values, np.int64)
        most = bound or max(int(np.abs(array).max(initial=1)), 1)
        return SecretArray(run, run.schedule("constant", values=array), type="int", bound=most)

    async def script(run: Runtime) -> list[Any]:
        found = function(*[secret(run, array) for array in arrays])
        return [await opened(run, one) for one in (found if isinstance(found, tuple | list) else [found])]

    if engine != "ideal":
        return evaluate(script, **making(engine))[0]
    with every_bound_holds():
        return evaluate(script, **making(engine))[0]

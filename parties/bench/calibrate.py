"""Measure the constants of predicted times: `python -m parties.bench.calibrate` prints them as JSON.

Arguments name an engine and a number of parties, as `shamir 5`. In one process, by its processor time: the cost of
operations that send nothing or little (`mpc.machine.forecast.Machine`), and of the kernels of each primitive (`work` of
the declarations in `protocols/replicated`, and `protocols.shamir.work`). Over real connections: the cost of a turn and
of a byte, such that the predictions for `chain` and `multiply_int` match their times. The machine should do nothing
else.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from time import process_time
from typing import Any

import numpy as np

from mpc.machine.forecast import ORDINARY, Machine, forecast
from mpc.machine.opening import open_to
from mpc.machine.operation import Handle
from mpc.machine.runtime import Runtime
from mpc.machine.trace import Trace, Traced
from parties.bench.predicted import LOOPBACK, cores, workload
from parties.bench.setting import THREE, Setting, settings

_MANY = 2000
_ELEMENTS = 100_000
_WIDTH = 40
#: The message's part of the cost of an exchange with one message.
_MESSAGE = 0.25
_REPEAT = 5
#: A trial value for a constant: predictions are linear in each constant.
_TRIED = 1e-5
_SIDE = 300
#: Has no common factor with the number of elements: multiples of it, modulo that, are a permutation.
_STRIDE = 48271

Schedule = Callable[[Runtime], Handle]


def machine() -> Machine:
    """The constants of this machine."""
    schedule = _seconds(_many(_local), dry=True) / _MANY
    step = _seconds(_many(_local)) / _MANY / THREE.organizations - schedule
    exchange = _seconds(_many(_exchange)) / _MANY / THREE.organizations - schedule - step
    constants = replace(
        ORDINARY,
        schedule_s=schedule,
        step_s=max(step, 0.0),
        exchange_s=exchange * (1 - _MESSAGE),
        message_s=exchange * _MESSAGE,
    )
    constants = _fitted(constants, "turn_s", "chain", 1000)
    return _fitted(constants, "byte_s", "multiply_int", 1_000_000)


def kernels(setting: Setting = THREE) -> dict[str, dict[str, float]]:
    """Nanoseconds for each element at one party, by primitive, measured and predicted."""
    measured = {name: _seconds(call, setting) for name, call in CALLS.items()}
    return {
        name: {
            "measured": round(seconds / setting.organizations / _ELEMENTS * 1e9, 1),
            "predicted": round(sum(step.work for step in traced(CALLS[name], setting).steps) / _ELEMENTS * 1e9, 1),
        }
        for name, seconds in measured.items()
    }


def _many(schedule: Schedule) -> Schedule:
    def call(run: Runtime) -> Handle:
        return [schedule(run) for _ in range(_MANY)][-1]

    return call


def _numbers(run: Runtime, n: int) -> Handle:
    return run.schedule("constant", values=np.arange(n))


def _bits(run: Runtime, width: int) -> Handle:
    return run.schedule("constant_bits", values=np.zeros(_ELEMENTS, np.uint64), width=width)


def _seconds(call: Schedule, setting: Setting = THREE, dry: bool = False) -> float:
    """The processor time of all parties together, from the call to its result: the least of all repetitions."""
    best = float("inf")
    for _ in range(_REPEAT):
        marks: list[float] = []

        async def script(run: Runtime, marks: list[float] = marks) -> None:
            await run.settle(_numbers(run, 1))
            marks.append(process_time())
            await run.settle(call(run))
            marks.append(process_time())

        if dry:
            _dry(script, setting)
        else:
            from protocols.simulate import evaluate

            evaluate(script, engine=setting.engine, parties=setting.organizations, threshold=setting.threshold)
        best = min(best, max(marks) - min(marks))
    return best


def _dry(script: Callable[[Runtime], Any], setting: Setting) -> Trace:
    from protocols.assembly import run_here
    from protocols.engines import make_engine
    from protocols.library import Library

    run = Traced(make_engine(setting.engine, setting.organizations, setting.threshold), Library())
    run_here(lambda: run.execute(script(run)))
    return run.trace


def traced(call: Schedule, setting: Setting = THREE) -> Trace:
    """The operations of a call."""

    async def script(run: Runtime) -> None:
        await run.settle(call(run))

    return _dry(script, setting)


def _fitted(base: Machine, name: str, case: str, size: int) -> Machine:
    """`base` with this constant, such that the workload's prediction matches its time between processes."""
    from parties.bench.run import measure

    seconds = float(measure([(case, size)], _REPEAT)[0]["seconds"])
    trace = workload(case, size)

    def predicted(value: float) -> float:
        return forecast(trace, LOOPBACK, replace(base, **{name: value}), cores()).seconds

    low, high = predicted(0.0), predicted(_TRIED)
    return replace(base, **{name: max((seconds - low) / (high - low), 0.0) * _TRIED})


def _local(run: Runtime) -> Handle:
    x = _numbers(run, 1)
    return run.schedule("add", x, x)


def _exchange(run: Runtime) -> Handle:
    x = _numbers(run, 1)
    return run.schedule("multiply", x, x)


def _of_numbers(primitive: str, **parameters: Any) -> Schedule:
    def call(run: Runtime) -> Handle:
        x = _numbers(run, _ELEMENTS)
        operands = [x] * (2 if primitive in _TWO else 1)
        return run.schedule(primitive, *operands, **parameters)

    return call


def _of_bits(primitive: str, width: int) -> Schedule:
    def call(run: Runtime) -> Handle:
        x = _bits(run, width)
        return run.schedule(primitive, *[x] * (2 if primitive in _TWO else 1))

    return call


def _open(run: Runtime) -> Handle:
    return open_to(run, _numbers(run, _ELEMENTS), range(run.parties))


def _matmul(run: Runtime) -> Handle:
    x = run.schedule("constant", values=np.arange(_SIDE * _SIDE).reshape(_SIDE, _SIDE))
    return run.schedule("matmul", x, x)


def _given(run: Runtime) -> Handle:
    """An order that the first party gives."""
    values = np.arange(_ELEMENTS) * _STRIDE % _ELEMENTS if run.index == 0 and not run.dry else None
    return run.schedule("given_order", owner=0, values=values, rows=_ELEMENTS)


def _copied(primitive: str) -> Schedule:
    """Half of the rows of a line are those of x, half are the further ones."""

    def call(run: Runtime) -> Handle:
        return run.schedule(primitive, _numbers(run, _ELEMENTS // 2), _given(run))

    return call


def _permutation(run: Runtime) -> Handle:
    return run.schedule("permutation", size=_ELEMENTS)


def _moved(primitive: str) -> Schedule:
    def call(run: Runtime) -> Handle:
        return run.schedule(primitive, _numbers(run, _ELEMENTS), _permutation(run))

    return call


def _inject(run: Runtime) -> Handle:
    return run.schedule("inject", _bits(run, 1), _numbers(run, _ELEMENTS))


_TWO = ("add", "multiply", "multiply_truncate", "bits_and", "xor")
#: Both times include the operands: constants, which are views of existing arrays, and orders.
CALLS: dict[str, Schedule] = {
    "add": _of_numbers("add"),
    "open": _open,
    "multiply": _of_numbers("multiply"),
    "multiply_truncate": _of_numbers("multiply_truncate", bits=16),
    "truncate": _of_numbers("truncate", bits=16),
    "sign": _of_numbers("sign", width=_WIDTH),
    "quick_sign": _of_numbers("quick_sign", width=_WIDTH),
    "equal": _of_numbers("equal", width=_WIDTH),
    "decompose": _of_numbers("decompose", width=_WIDTH),
    "bits_and": _of_bits("bits_and", _WIDTH),
    "prefix_or": _of_bits("prefix_or", _WIDTH),
    "bit_to_ring": _of_bits("bit_to_ring", 1),
    "inject": _inject,
    "matmul": _matmul,
    "permutation": _permutation,
    "shuffle": _moved("shuffle"),
    "unshuffle": _moved("unshuffle"),
    "given_order": _given,
    "copy_down": _copied("copy_down"),
    "sum_up": _copied("sum_up"),
    "sort_order": _of_numbers("sort_order", width=_WIDTH),
    "rank_order": _of_numbers("rank_order", width=_WIDTH, ranks=(_ELEMENTS // 2,)),
}


def main(engine: str = "replicated", parties: str = "3") -> None:
    (setting,) = settings(engine, [int(parties)], None)
    report = {"machine": asdict(machine()), "predicted_with": asdict(ORDINARY), "kernels": kernels(setting)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""How long one party computes in a primitive, on an ordinary core. Forecasts of time and the choice of protocols use
it; the numbers are the same at all parties, whatever their machines.

The work of a party grows with the bytes that it sends: it interpolates each share and draws masks for it, and the
receiver adds the share up. So the work follows from the plan of a primitive, and through it from n and t: a part for
each round, for each byte that the parties send on average, and for each element. `python -m parties.bench.calibrate
shamir 5` measures it.
"""

from __future__ import annotations

from protocols.declared import Task

#: Nanoseconds for each byte that a party sends (the mean of all parties): of numbers, and of bits.
_BYTE, _BYTE_OF_BITS = 1.6, 2.3
#: Nanoseconds for each round, besides an exchange of `mpc.machine.forecast.Machine`: many steps on small arrays.
_ROUND, _ROUND_OF_BITS = 12_000.0, 35_000.0
#: For each element, in a primitive that sends.
_ELEMENT = 10.0
#: For each bit of a word and each plane of the binary field, in a primitive that sends nothing.
_BIT = 0.3
#: For each product of two numbers in a matrix product.
_PRODUCT = 4.0


def of_numbers(task: Task) -> float:
    """The work of a primitive that sends numbers only."""
    return _sending(task, _ROUND, _BYTE)


def of_bits(task: Task) -> float:
    """The work of a primitive that also sends bits."""
    return _sending(task, _ROUND_OF_BITS, _BYTE_OF_BITS)


def of_matrices(task: Task) -> float:
    """The work of a matrix product."""
    x, y = task.operands
    return of_numbers(task) + _PRODUCT * x.shape[0] * x.shape[1] * y.shape[1]


def of_planes(task: Task) -> float:
    """The work of a primitive on words of bits that sends nothing."""
    return _BIT * float(task.engine.setting[0].degree) * task.operands[0].width * task.size


def _sending(task: Task, a_round: float, byte: float) -> float:
    cost, elements = task.cost, _ELEMENT * task.size
    if not cost.rounds:
        return elements
    return a_round * cost.rounds + byte * sum(cost.bytes_sent) / len(cost.bytes_sent) + elements

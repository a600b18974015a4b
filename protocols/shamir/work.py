"""How long one party computes in a primitive, on an ordinary core: what time is predicted with, besides the network,
and protocols are chosen by. The same numbers at all parties, whatever their machines.

What a party does here goes with what it sends: a share that is sent was interpolated, its masks were drawn, and it is
added up where it comes in. So the work of a primitive follows from its plan, and with that from n and t: a part for
each round, for each byte that the parties send on average, and for each element. `python -m parties.bench.calibrate
shamir 5` measures it.
"""

from __future__ import annotations

from protocols.declared import Task

#: Nanoseconds a byte that a party sends, the mean of all parties, of numbers and of bits.
_BYTE, _BYTE_OF_BITS = 1.6, 2.3
#: A round beyond an exchange of `mpc.machine.forecast.Machine`: small arrays in many steps.
_ROUND, _ROUND_OF_BITS = 12_000.0, 35_000.0
#: An element of what sends.
_ELEMENT = 10.0
#: A bit of an element of words that stay here: planes of them in the binary field.
_BIT = 0.3
#: Of matrix products: a product of numbers.
_PRODUCT = 4.0


def of_numbers(task: Task) -> float:
    """Of what sends numbers alone."""
    return _sending(task, _ROUND, _BYTE)


def of_bits(task: Task) -> float:
    """Of what sends bits, too."""
    return _sending(task, _ROUND_OF_BITS, _BYTE_OF_BITS)


def of_matrices(task: Task) -> float:
    """Of a product of matrices."""
    x, y = task.operands
    return of_numbers(task) + _PRODUCT * x.shape[0] * x.shape[1] * y.shape[1]


def of_planes(task: Task) -> float:
    """Of words of bits that stay here."""
    return _BIT * float(task.engine.setting[0].degree) * task.operands[0].width * task.size


def _sending(task: Task, a_round: float, byte: float) -> float:
    cost, elements = task.cost, _ELEMENT * task.size
    if not cost.rounds:
        return elements
    return a_round * cost.rounds + byte * sum(cost.bytes_sent) / len(cost.bytes_sent) + elements

"""Costs written out by hand, which the tally has to give; and that large operations load all parties alike.

n parties, threshold t: whoever deals sends n-1-t messages; 2t+1 members deal in a product, t+1 parties where king and
maskers deal. N elements, W = ceil(N / 64) words a plane, m planes a bit.
"""

from __future__ import annotations

from math import ceil, log2

import numpy as np
import pytest

from mpc.machine.engine import Spec
from mpc.machine.primitives import PRIMITIVES
from protocols.shamir.declared import PROTOCOLS
from tests.support.shamir_harness import SCHEMES, engine, label

N = 200
W = 4
X, BIT = Spec((N,)), Spec((N,), "bits", 1)


def plan(primitive, *operands, parties=3, threshold=None, first=0, **parameters):
    return engine(parties, threshold).plan(primitive, label(first, parties), *operands, **parameters)[1]


class Count:
    """Bytes that all send together."""

    def __init__(self, parties, threshold):
        self.n, self.t = parties, threshold
        self.m = max(2, parties.bit_length())
        self.dealt = parties - 1 - threshold  # messages of one dealer
        self.product = (2 * threshold + 1) * self.dealt
        self.dealers = (threshold + 1) * self.dealt
        self.carries = threshold.bit_length()

    def ands(self, count):
        return 8 * self.m * W * count * self.product

    def planes(self, count):
        return 8 * self.m * W * count * self.dealers

    def cut(self):
        return 16 * N * (2 * self.t + self.dealers)

    def numbers(self, width):
        """Bits as numbers: to the king, dealt, and t products."""
        one = 8 * self.m * W * 2 * self.t + 16 * N * (self.dealers + self.t * self.product)
        return width * one

    def saved(self, width):
        """Ands of carry-save: t+1 summands become two, one less with each three."""
        return (self.t - 1) * (width - 1)

    def top(self, width):
        """Of the highest bit of a sum of two: a bit generated at each place, then a tree of pairs."""
        total, left = width - 1, width - 1
        while left > 1:
            total += 2 * (left // 2) - 1
            left = ceil(left / 2)
        return total

    def bits(self, width):
        """Of all bits (Sklansky): each level joins half of the places, in both values but for the lowest group."""
        places = width - 1
        total, span = places, 1
        while span < places:
            upper = [i for i in range(places) if i // span % 2]
            total += len(upper) + sum(i >= 2 * span for i in upper)
            span *= 2
        return total


#: Rounds of carry-save, and of bits as numbers.
SAVING = {1: 0, 2: 1, 3: 2}
NUMBERS = {1: 3, 2: 3, 3: 4}


@pytest.mark.parametrize(("parties", "threshold"), SCHEMES)
def test_formulas(parties, threshold):
    c = Count(parties, threshold)
    t = threshold
    how = {"parties": parties, "threshold": threshold}

    def holds(cost, rounds, total):
        assert (cost.rounds, sum(cost.bytes_sent)) == (rounds, total)

    holds(plan("input", owner=1, values=None, shape=(N,), **how), 1, 16 * N * c.dealt)
    holds(plan("open", X, to=range(parties), **how), 1, 16 * N * (parties - 1) * parties)
    holds(plan("open", Spec((N,), "bits", 5), to=(1,), **how), 1, 8 * c.m * 5 * W * (parties - 1))
    holds(plan("multiply", X, X, **how), 1, 16 * N * c.product)
    holds(plan("matmul", Spec((20, 7)), Spec((7, 10)), **how), 1, 16 * N * c.product)
    holds(plan("truncate", X, bits=9, **how), 2, c.cut())
    holds(plan("multiply_truncate", X, X, bits=9, **how), 2, c.cut())
    holds(plan("bits_and", Spec((N,), "bits", 9), Spec((N,), "bits", 9), **how), 1, c.ands(9))
    holds(plan("bit_to_ring", BIT, **how), NUMBERS[t], c.numbers(1))
    holds(plan("inject", BIT, X, **how), NUMBERS[t] + 1, c.numbers(1) + 16 * N * c.product)
    holds(plan("recompose", Spec((N,), "bits", 6), **how), NUMBERS[t], c.numbers(6))
    opened = 16 * N * 2 * t
    for width in (2, 9, 21, 64):
        levels = ceil(log2(width - 1)) if width > 2 else 0
        rounds = 3 + SAVING[t] + levels
        expected = opened + c.planes(width) + c.ands(c.saved(width) + c.top(width))
        holds(plan("sign", X, width=width, **how), rounds, expected)
        expected = opened + c.planes(width) + c.ands(c.saved(width) + c.bits(width))
        holds(plan("decompose", X, width=width, **how), rounds, expected)
        expected = opened + c.planes(width) + c.ands(c.saved(width) + width - 1)
        holds(plan("equal", X, width=width, **how), 2 + SAVING[t] + ceil(log2(width)), expected)
    holds(plan("random_bits", shape=(N,), width=3, **how), 1, c.planes(3))


def test_exact_truncation_and_random_numbers_of_three():
    c = Count(3, 1)
    # Two summands of 9 bits and one for the carry, of which only the top is wanted; the high parts as numbers.
    expected = 16 * N * 2 + c.planes(10) + 16 * N * c.dealers + c.ands(c.top(10)) + c.numbers(1)
    cost = plan("truncate_exact", X, bits=9, rounding="floor")
    # A round less than those of its steps: the king of the last one does not wait for the party that is last.
    assert (cost.rounds, sum(cost.bytes_sent)) == (3 + 4 + 3 - 1, expected)
    expected = 16 * N * c.dealers + c.planes(63) + c.ands(c.top(63)) + c.numbers(1)
    cost = plan("random", shape=(N,))
    assert (cost.rounds, sum(cost.bytes_sent)) == (2 + 6 + 3, expected)


def test_figures():
    """Bytes an element and party, to have seen them once."""
    large = Spec((96 * 1024,))

    def each(primitive, *operands, parties=3, **parameters):
        return sum(plan(primitive, *operands, parties=parties, **parameters).bytes_sent) / parties / large.size

    assert [each("multiply", large, large, parties=n) for n in (3, 5, 7)] == [16, 32, 48]
    found = [round(each("multiply_truncate", large, large, bits=16, parties=n), 1) for n in (3, 5, 7)]
    assert found == [21.3, 32, 41.1]
    # A plane is 8 m / 64 bytes an element: for three parties an and of two bits costs 2 bits of each.
    assert each("bits_and", Spec(large.shape, "bits", 1), Spec(large.shape, "bits", 1)) == 0.25
    # 2 numbers, 2 deals of 33 planes and 92 ands (of three), 1/4 byte each: 32 + 16.5 + 69 by all three.
    assert round(each("sign", large, width=33), 2) == round((32 + 16.5 + (32 + 31 + 15 + 7 + 3 + 1) * 0.75) / 3, 2)


# ---- who sends
LARGE = 100_000
L, ORDER = Spec((LARGE,)), Spec((2000,), "order", form="0")
LINE = np.ones((4, 64), np.int64)
CASES = {
    "open": ((L,), {"to": "all"}),
    "multiply": ((L, L), {}),
    "multiply_truncate": ((L, L), {"bits": 16}),
    "matmul": ((Spec((400, 300)), Spec((300, 400))), {}),
    "matmul_truncate": ((Spec((400, 300)), Spec((300, 400))), {"bits": 16}),
    "truncate": ((L,), {"bits": 16}),
    "truncate_exact": ((L,), {"bits": 16, "rounding": "floor"}),
    "sign": ((L,), {"width": 64}),
    "quick_sign": ((L,), {"width": 40}),
    "signs": ((L,), {"width": 40, "thresholds": np.zeros((3, 1), np.int64)}),
    "quick_signs": ((L,), {"width": 40, "thresholds": np.zeros((3, 1), np.int64)}),
    "equal": ((L,), {"width": 63}),
    "rows_zero": ((Spec((LARGE, 3)),), {}),
    "bits_and": ((Spec((LARGE,), "bits", 40),) * 2, {}),
    "bit_to_ring": ((Spec((LARGE,), "bits", 1),), {}),
    "inject": ((Spec((LARGE,), "bits", 1), L), {}),
    "decompose": ((L,), {"width": 40}),
    "recompose": ((Spec((LARGE,), "bits", 40),), {}),
    "prefix_or": ((Spec((LARGE,), "bits", 40),), {}),
    "piecewise_cubic": ((L,), {"low": 0, "step": 20, "table": LINE, "bits": 28}),
    "exponential": ((L,), {"low": -9 << 20, "high": 3 << 20, "frac": 20, "digits": 48, "bits": 0}),
    "table_of_count": ((Spec((20, LARGE), "bits", 1),), {"table": np.arange(21)}),
    "nonnegative": ((L,), {}),
    "random": ((), {"shape": (LARGE,)}),
    "random_bits": ((), {"shape": (LARGE,), "width": 8}),
}
#: An input comes from its owner; what organizations that do not compute have dealt, from the first t+1 parties.
UNEVEN = {"input", "take", "given_order", "copy_down", "sum_up"}
#: Many operations one after the other, whose first members are drawn from labels: even for all that.
DRAWN = {"permutation", "sort_order", "rank_order", "order_of", "shuffle", "unshuffle"}
LOCAL = {name for name, protocol in PROTOCOLS.items() if protocol.local or not (protocol.cost or protocol.plan)}
LOCAL |= {"opposite"}
OUTSIDE = {"hand_out"}


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2), (5, 1)])
@pytest.mark.parametrize("primitive", CASES)
def test_bytes_are_spread_evenly(primitive, parties, threshold):
    operands, given = CASES[primitive]
    parameters = {**given, "to": range(parties)} if "to" in given else given
    for first in range(parties):
        cost = plan(primitive, *operands, parties=parties, threshold=threshold, first=first, **parameters)
        assert max(cost.bytes_sent) <= 1.05 * min(cost.bytes_sent), cost


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (5, 2), (7, 3)])
def test_orders_are_spread_by_their_labels(parties, threshold):
    how = {"parties": parties, "threshold": threshold}
    cost = plan("sort_order", Spec((2000,)), width=32, **how)
    assert max(cost.bytes_sent) <= 1.35 * min(cost.bytes_sent), cost
    # In a shuffle some send up to twice as much as others; which ones, goes with the order.
    zero = plan("shuffle", Spec((2000, 3)), ORDER, **how).bytes_sent
    assert max(zero) <= 2 * min(zero)
    for first in range(parties):
        cost = plan("shuffle", Spec((2000, 3)), Spec((2000,), "order", form=str(first)), **how)
        assert cost.bytes_sent == tuple(zero[(i - first) % parties] for i in range(parties))


def test_every_primitive_is_looked_at():
    known = set(CASES) | UNEVEN | LOCAL | DRAWN | OUTSIDE
    assert set(PRIMITIVES) <= known, f"no balance test of {sorted(set(PRIMITIVES) - known)}"


@pytest.mark.parametrize(("parties", "threshold"), [(3, 1), (4, 1), (5, 2)])
@pytest.mark.parametrize("primitive", sorted(set(CASES) - {"open", "rows_zero"}))
def test_another_committee_costs_the_same_by_other_parties(primitive, parties, threshold):
    operands, parameters = CASES[primitive]
    small = [
        spec._replace(shape=tuple(100 if extent == LARGE else extent for extent in spec.shape)) for spec in operands
    ]
    if "shape" in parameters:
        parameters = {**parameters, "shape": (100,)}
    zero = plan(primitive, *small, parties=parties, threshold=threshold, **parameters)
    if "matmul" in primitive:
        return
    for first in range(parties):
        cost = plan(primitive, *small, parties=parties, threshold=threshold, first=first, **parameters)
        assert cost.rounds == zero.rounds
        assert cost.bytes_sent == tuple(zero.bytes_sent[(i - first) % parties] for i in range(parties))
        assert cost.messages == tuple(zero.messages[(i - first) % parties] for i in range(parties))


def test_nothing_costs_nothing():
    for primitive, operands in (("multiply", (Spec((0,)),) * 2), ("bits_and", (Spec((0,), "bits", 1),) * 2)):
        cost = plan(primitive, *operands)
        assert (cost.rounds, sum(cost.bytes_sent), sum(cost.messages)) == (0, 0, 0)
    assert plan("sort_order", Spec((1,)), width=20).rounds == 0
    assert plan("shuffle", Spec((1,)), Spec((1,), "order", form="0")).rounds == 0

"""Masks are as long as the field has room for, and what they leave to see is added up."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from mpc import Real, Scenario, Study, Table
from mpc.errors import RangeError
from mpc.machine.engine import Spec
from protocols.shamir.operation import cost
from protocols.shamir.prime import PRIME
from protocols.shamir.rooms import STATISTICAL_SECURITY, distance, mask_bits, most_room
from protocols.shamir.truncation import cut, cut_product
from protocols.simulate import Computation, dry_run
from tests.support.shamir_harness import engine, run, shared


@pytest.mark.parametrize("threshold", range(1, 10))
def test_masks_fill_the_field_and_never_wrap(threshold):
    bits = mask_bits(threshold)
    most = threshold * ((1 << bits) - 1) + (1 << most_room(threshold))
    assert most < PRIME
    assert threshold * ((1 << (bits + 1)) - 1) + (1 << most_room(threshold)) > PRIME  # one bit more has no room
    assert bits - most_room(threshold) == STATISTICAL_SECURITY == 40


@pytest.mark.parametrize("threshold", [1, 2, 3, 9])
def test_less_than_forty_bits_over_the_room_is_refused_when_planned(threshold):
    scheme = engine(2 * threshold + 1, threshold).scheme
    widest = most_room(threshold)
    cost(scheme, bytes(16), cut, 0, size=3, bits=5, room=widest)
    with pytest.raises(RangeError, match=f"numbers of {widest + 1} bits: at most {widest}"):
        cost(scheme, bytes(16), cut, 0, size=3, bits=5, room=widest + 1)


def test_the_distance_is_that_of_two_shifted_intervals():
    """Counted in full for masks of 9 bits, where 2^9 stands for the range of a mask."""
    bits, room = 9, 3
    for x in range(1 << room):
        for y in range(1 << room):
            first = {x + r for r in range(1 << bits)}
            second = {y + r for r in range(1 << bits)}
            apart = Fraction(len(first ^ second), 2 << bits)
            assert apart < Fraction(1 << room, 1 << bits)
    assert distance(1, 64) == 2.0 ** (64 - mask_bits(1)) == 2.0**-62


def test_plans_add_up_what_each_masked_number_leaves():
    scheme = engine().scheme
    one = distance(1, 64)
    assert cost(scheme, bytes(16), cut_product, 0, size=1, bits=7).distance == one
    assert cost(scheme, bytes(16), cut_product, 0, size=1000, bits=7).distance == 1000 * one
    assert cost(scheme, bytes(16), cut_product, 0, size=200_000, bits=7).distance == pytest.approx(200_000 * one)
    machine = engine()
    product = machine.plan("multiply", bytes(16), Spec((10,)), Spec((10,)))[1]
    assert product.distance == 0.0  # a product is hidden perfectly
    compared = machine.plan("sign", bytes(16), Spec((10,)), width=33)[1]
    assert compared.distance == 10 * distance(1, 33)


def test_the_widest_masks_change_no_result():
    rng = np.random.default_rng(3)
    values = np.asarray([-(1 << 62) + 1, -1, 0, 1, 12345678901, (1 << 62) - 1])
    for parties, threshold in ((3, 1), (5, 2), (7, 3)):
        found = run("truncate", shared(values, rng, parties, threshold), parties=parties, threshold=threshold, bits=20)
        exact = values / 2.0**20
        assert (np.abs(found.value - exact) <= engine(parties, threshold).rounding).all()


class People(Table):
    age = Real(0, 120)
    height = Real(0, 3)


@pytest.mark.parametrize("parties", [3, 5])
def test_a_dry_run_tells_the_distance_of_the_whole_run(parties):
    scenario = Scenario(inputs={"people": People.rows()})

    @scenario.run
    async def run(study: Study) -> None:
        people = study.table("people")
        study.release("sd", people.age.std())
        if study.parameters.more:
            study.release("correlation", people.corr())

    scenario.parameters = {"more": True}
    organizations = [f"h{i}" for i in range(parties)]

    def planned(engine_name, more):
        return dry_run(Computation(scenario, organizations, engine=engine_name, parameters={"more": more}))

    some, more = (planned("shamir", more) for more in (False, True))
    assert 2.0**-62 < some.distance < more.distance < 2.0**-40
    if parties == 3:
        assert planned("replicated", True).distance == 0.0

"""Tables with as many cells as codes have: what a table costs does not grow with the square of its cells."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from mpc import Category, Flag, Real, Scenario, Table
from protocols.simulate import Computation, dry_run, simulate
from protocols.suppression import preceding
from tests.support.value_floor import compute


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5, 9, 10, 50, 101])
def test_set_bits_before_each_one(k):
    bits = np.random.default_rng(k).integers(0, 2, (3, k))
    np.testing.assert_array_equal(compute(preceding, bits), np.cumsum(bits, axis=1) - bits)


def test_memory_does_not_grow_with_the_square_of_the_cells():
    bits = np.ones((1, 3000), np.int64)
    tracemalloc.start()
    found = compute(preceding, bits)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found[0, -1] == 2999
    assert peak < 3000 * 3000 * 8 / 2  # of three parties


class Stays(Table):
    code = Category(*[f"L{i}" for i in range(2000)])
    cost = Real(0, 1000)
    urgent = Flag()


def scenario_of(script):
    scenario = Scenario(inputs={"stays": Stays.rows()}, parameters={"minimum_cohort": 10})

    @scenario.run
    async def run(study):
        script(study, study.table("stays"))

    return scenario


def test_counts_and_means_of_two_thousand_groups():
    rng, n = np.random.default_rng(1), 6000
    code = np.where(rng.random(n) < 0.5, 7, rng.integers(0, 2000, n))
    frame = {
        "code": np.asarray(Stays.schema["code"].levels, object)[code],
        "cost": rng.uniform(0, 1000, n),
        "urgent": rng.integers(0, 2, n),
    }

    def script(study, stays):
        study.release("count", stays.group_by("code").count())
        study.release("cost", stays.group_by("code").cost.mean())

    got = simulate(scenario_of(script), {name: {"stays": frame} for name in "abc"}, engine="ideal").releases
    assert got["count"]["values"][7] == 3 * int((code == 7).sum())
    assert got["cost"]["values"][7] == pytest.approx(frame["cost"][code == 7].mean(), rel=1e-6)


def test_bytes_grow_with_the_cells():
    def sent(levels):
        class Few(Table):
            code = Category(*[f"L{i}" for i in range(levels)])

        scenario = Scenario(inputs={"stays": Few.rows()})

        @scenario.run
        async def run(study):
            study.release("count", study.table("stays").group_by("code").count())

        return sum(dry_run(Computation(scenario, ["a", "b", "c"])).bytes_sent)  # who sends how much goes with labels

    assert sent(2000) < 4.5 * sent(500)

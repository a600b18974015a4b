"""Random numbers that nobody knows: their range, that they are spread over it, and that a release of them is free."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from mpc import Integer, Scenario, Study, Table
from mpc.errors import PolicyError, RangeError, ShapeError
from mpc.machine.runtime import Runtime
from mpc.values.secret import constant
from protocols.numeric import Random
from protocols.simulate import Computation, dry_run, evaluate, simulate
from tests.support.engines import ENGINES, MORE_PARTIES, making
from tests.support.value_floor import dry_cost, opened


def drawn(function: Callable[[Random], Any], engine: str = "ideal") -> Any:
    async def script(run: Runtime) -> Any:
        return await opened(run, function(Random(run)))

    return evaluate(script, **making(engine))[0]


@pytest.mark.parametrize("engine", MORE_PARTIES)
@pytest.mark.parametrize(("low", "high"), [(0, 2), (-4, 4), (0, 1 << 20), (1, 7), (-100, 3), (5, 6)])
def test_integers_fill_their_range(engine, low, high):
    found = drawn(lambda r: r.integers(low, high, (50, 20)), engine)
    assert found.shape == (50, 20)
    assert low <= found.min()
    assert found.max() < high
    if high - low > 1000:
        assert len(np.unique(found)) > 990
        return
    # Each of 1,000 draws is a number with probability 1 / n: six standard deviations.
    n = high - low
    seen = np.bincount(found.reshape(-1) - low, minlength=n)
    assert np.abs(seen - 1000 / n).max() <= 6 * np.sqrt(1000 / n) + 1


@pytest.mark.parametrize("span", [3 << 20, (1 << 40) + 1, (1 << 53) - 1, 1 << 61])
def test_wide_ranges(span):
    found = drawn(lambda r: r.integers(span, size=2000)).astype(np.float64) / span
    assert 0 <= found.min() < 0.01
    assert 0.99 < found.max() < 1
    assert abs(found.mean() - 0.5) < 6 / np.sqrt(12 * 2000)


@pytest.mark.parametrize("engine", ENGINES)
def test_draws_differ(engine):
    both = drawn(lambda r: r.integers(0, 1 << 60, 2) - r.integers(0, 1 << 60, 2), engine)
    assert 0 not in both
    assert both[0] != both[1]


@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_bits_are_spread(engine):
    found = drawn(lambda r: r.bits((40, 50)), engine)
    assert found.dtype == np.bool_
    assert abs(found.mean() - 0.5) < 6 * 0.5 / np.sqrt(2000)
    assert drawn(lambda r: r.bits(), engine).shape == ()
    assert drawn(lambda r: r.bits(0), engine).shape == (0,)


@pytest.mark.parametrize("engine", MORE_PARTIES)
def test_permutations(engine):
    found = drawn(lambda r: r.permutation(60), engine)
    assert sorted(found) == list(range(60))
    assert list(found) != list(range(60))

    async def script(run: Runtime) -> Any:
        rows = constant(run, np.arange(60).reshape(30, 2))
        return await opened(run, Random(run).permutation(rows))

    moved = evaluate(script, **making(engine))[0]
    np.testing.assert_array_equal(moved[:, 1], moved[:, 0] + 1)
    assert sorted(moved[:, 0]) == list(range(0, 60, 2))
    assert list(moved[:, 0]) != list(range(0, 60, 2))


@pytest.mark.parametrize(
    ("wrong", "error", "message"),
    [
        (lambda r: r.integers(0), RangeError, "no integer from 0 on and below 0"),
        (lambda r: r.integers(5, 3), RangeError, "no integer from 5 on and below 3"),
        (lambda r: r.integers((1 << 53) + 1), RangeError, "a power of two"),
        (lambda r: r.integers(1 << 62), RangeError, "a power of two"),
        (lambda r: r.integers(1 << 61, (1 << 62) + 5), RangeError, "a power of two|fit"),
        (lambda r: r.bits((2, -1)), ShapeError, "no extent is negative"),
    ],
)
def test_what_is_refused(wrong, error, message):
    with pytest.raises(error, match=message):
        drawn(wrong)


@pytest.mark.parametrize(
    ("draw", "rounds", "octets"),
    [
        (lambda r: r.bits(100), 0, 0),
        (lambda r: r.integers(1 << 20, size=100), 2, 16_000),
        (lambda r: r.integers(1, 7, 100), 15, 40_089),
        (lambda r: r.integers(10**9, size=100), 32, 91_478),
        (lambda r: r.permutation(100), 2, 3200),
    ],
)
def test_costs(draw, rounds, octets):
    cost = dry_cost(lambda x: draw(Random(x.run)), ((), 0, 1))
    assert (cost.rounds, sum(cost.bytes_sent)) == (rounds, octets)


# ---- in scenarios
class People(Table):
    age = Integer(0, 120)


def scenario(value: Any) -> Scenario:
    made = Scenario(inputs={"people": People.rows()})

    @made.run
    async def run(study: Study) -> None:
        study.release("value", value(Random(study), study.table("people").share(rows=50)["age"]))

    return made


def test_a_random_number_is_released_as_a_public_one():
    tables = {name: {"people": {"age": [40] * 20}} for name in "abc"}
    assert simulate(scenario(lambda r, age: r.integers(1, 7)), tables).releases["value"] in range(1, 7)
    assert sorted(simulate(scenario(lambda r, age: r.permutation(6)), tables).releases["value"]) == list(range(6))
    assert simulate(scenario(lambda r, age: age.sum() + r.bits() * 0), tables, engine="ideal").releases["value"] == 2400


@pytest.mark.parametrize(
    "value",
    [
        lambda r, age: age[3] + r.integers(0, 1 << 40),
        lambda r, age: r.permutation(age)[:5],
        lambda r, age: age.take(r.integers(0, 50)),
        lambda r, age: age.take(r.permutation(150)[:1]).sum(),
        lambda r, age: r.bits(150) & (age > 100),
    ],
)
def test_rows_stay_rows(value):
    with pytest.raises(PolicyError, match="single row"):
        dry_run(Computation(scenario(value), ["a", "b", "c"], engine="ideal"))


def test_few_rows_of_a_random_sample_are_suppressed():
    tables = {name: {"people": {"age": [40] * 20}} for name in "abc"}
    few = simulate(scenario(lambda r, age: (age * (r.integers(0, 16, 150) == 0)).sum()), tables, engine="ideal")
    assert few.releases["value"] == "suppressed (fewer than 10)"
    many = simulate(scenario(lambda r, age: (age * r.bits(150)).sum()), tables, engine="ideal")
    assert many.releases["value"] % 40 == 0
    assert 400 <= many.releases["value"] <= 2000

"""Protocols on shares that a scenario brings: the worked example of docs/writing-a-protocol.md, on all engines."""

from __future__ import annotations

import importlib.util

import numpy as np
import pandas as pd
import pytest

from mpc.errors import BoundExceeded, ConfigError, LocalProtocolError, ShapeError
from mpc.machine.engine import Spec
from protocols.computation import Computation
from protocols.dry import dry_run
from protocols.engines import make_engine
from protocols.own import OwnProtocol, Stated
from protocols.replicated.sharing import Arithmetic
from protocols.simulate import compute, simulate
from tests.support.own_protocol import write_squares

ENGINES = [("ideal", 3), ("replicated", 3), ("shamir", 3), ("shamir", 5)]


@pytest.fixture(scope="module")
def squares(tmp_path_factory):
    path = write_squares(tmp_path_factory.mktemp("own"))
    spec = importlib.util.spec_from_file_location("own_squares", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("engine", "parties"), ENGINES)
@pytest.mark.parametrize(
    "values", [[], [0, 1, -1, 2**30, -(2**30)], range(-10_000, 10_000)], ids=["none", "few", "many"]
)
def test_it_computes_what_its_plaintext_does(squares, engine, parties, values):
    x = np.asarray(values, np.int64)
    found = compute(lambda x: squares.square(x, result=Stated(bound=x.bound**2)), x, engine=engine, parties=parties)
    np.testing.assert_array_equal(found, x * x)


@pytest.mark.parametrize(("engine", "parties"), ENGINES[1:])
@pytest.mark.parametrize("size", [0, 1, 100, 20_000])
def test_its_cost_is_that_of_a_product(squares, engine, parties, size):
    machine = make_engine(engine, parties)
    machine.adopt(squares.square._stated, squares.square._protocols)
    x = Spec((size,))
    for first in range(3):
        label = bytes((first,)) * 16
        assert machine.plan("own:square", label, x) == machine.plan("multiply", label, x, x)


def test_the_tally_adds_up_inner_operations():
    async def twice(party, x):
        machine = make_engine("replicated")
        y = await machine.multiply(party.inner("first"), x, x)
        return await machine.multiply(party.inner("second"), y, x)

    machine = make_engine("replicated")
    cube = OwnProtocol("cube", result=lambda x: x, plaintext=lambda x: x**3, replicated=twice)
    machine.adopt(cube._stated, cube._protocols)
    _, cost = machine.plan("own:cube", bytes(16), Spec((5,)))
    assert (cost.rounds, cost.bytes_sent, cost.messages) == (2, (80, 80, 80), (2, 2, 2))
    done = compute(lambda x: cube(x, result=Stated(bound=x.bound**3)), np.arange(-3, 4), engine="replicated")
    np.testing.assert_array_equal(done, np.arange(-3, 4) ** 3)


def test_another_result_than_is_stated_is_an_error():
    async def shorter(party, x):
        return Arithmetic(np.ascontiguousarray(x.data[:, 1:]), (x.size - 1,))

    wrong = OwnProtocol("shorter", result=lambda x: x, plaintext=lambda x: x[1:], replicated=shorter)
    for engine, error in (("replicated", LocalProtocolError), ("ideal", ShapeError)):
        with pytest.raises(error, match="own:shorter"):
            compute(lambda x: wrong(x, result=Stated(bound=x.bound)), np.arange(4), engine=engine)


def test_what_its_statement_refuses_is_refused(squares):
    with pytest.raises(TypeError):
        compute(lambda x: squares.square(x, result=Stated(bound=9), power=3), np.arange(3), engine="replicated")


def test_a_bound_that_is_wrong_shows_in_the_clear(squares):
    with pytest.raises(BoundExceeded):
        compute(lambda x: squares.square(x, result=Stated(bound=1)), np.asarray([2**32]), engine="ideal")


def test_an_engine_it_has_no_protocol_for_is_refused_when_it_is_planned(squares):
    only = OwnProtocol("one", result=lambda x: x, plaintext=lambda x: x, replicated=squares.squared)
    with pytest.raises(ConfigError, match=r"none is for the engine shamir"):
        compute(lambda x: only(x, result=Stated(bound=x.bound)), np.arange(3), engine="shamir")


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
def test_a_scenario_calls_it(squares, engine):
    plan = dry_run(Computation(squares.scenario, ["a", "b", "c"], engine=engine))
    assert "own:square" in {step.primitive for step in plan.trace.steps}
    tables = {name: {"visits": pd.DataFrame({"minutes": np.arange(12.0)})} for name in "abc"}
    run = simulate(squares.scenario, tables, engine=engine)
    assert run.releases["visits, squared"] == 36**2

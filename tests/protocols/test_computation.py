"""Who computes what with whom: checked once, with defaults that name everybody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mpc import Integer, Real, Scenario, Table
from mpc.errors import ConfigError
from protocols.computation import Computation


class People(Table):
    age = Real(0, 120)


class Visits(Table):
    number = Integer(0, 9)


SCENARIO = Scenario(inputs={"people": People.rows(), "visits": Visits.rows(at_most=50)}, parameters={"epochs": 3})
NAMES = ["county", "north", "st-mary", "clinic"]


def test_by_default_everybody_computes_brings_and_learns():
    everybody = Computation(SCENARIO, NAMES, engine="shamir")
    assert everybody.parties == 4
    assert list(everybody.contributors) == []
    assert list(everybody.learners) == NAMES
    assert list(everybody.owners_of("people")) == [0, 1, 2, 3]
    assert everybody.at_most == {"people": 1 << 26, "visits": 50}
    assert everybody.make_engine().parties == 4


def test_what_is_given_takes_the_place_of_the_defaults():
    owners = {"people": [0, 3], "visits": [1]}
    some = Computation(
        SCENARIO,
        NAMES,
        compute=3,
        recipients=["clinic"],
        owners=owners,
        parameters={"epochs": 5},
        ranges={"people": {"age": (0, 20)}},
    )
    assert (some.parties, list(some.contributors), some.learners) == (3, [3], ["clinic"])
    assert some.owners_of("people") == [0, 3]
    assert some.settings().epochs == 5
    assert some.settings() is not some.settings()  # a script may change its own
    assert some.schemas["people"]["age"].high == 20
    assert some.make_engine().name == "replicated"
    assert replace(some, engine="shamir").make_engine().name == "shamir"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"organizations": ["a", "b", "a"]}, "two organizations have the same name"),
        ({"organizations": []}, "0 of 0 organizations cannot compute"),
        ({"compute": 5}, "5 of 4 organizations cannot compute"),
        ({"recipients": ["clinc"]}, "'clinc' takes no part"),
        ({"owners": {"people": [0]}}, "the scenario's inputs are people, visits"),
        ({"owners": {"people": [4], "visits": [0]}}, "'people': owners \\[4\\] of 4"),
        ({"parameters": {"epoch": 3}}, "unknown parameter 'epoch'"),
        ({"parameters": {"epochs": 0.5}}, "expected int, found float"),
        ({"ranges": {"persons": {}}}, "no input 'persons'"),
        ({"engine": "replicated"}, "exactly three compute parties"),
        ({"engine": "fast"}, "no engine 'fast'"),
        ({"threshold": 2}, "threshold 2"),
    ],
)
def test_what_does_not_fit_is_refused_when_it_is_made(wrong, message):
    with pytest.raises(ConfigError, match=message):
        Computation(**{"scenario": SCENARIO, "organizations": NAMES, "engine": "shamir"} | wrong)

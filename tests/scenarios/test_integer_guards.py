"""What integer operations on shared rows tell: single rows are refused, and what amounts to a flag is counted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc import Integer, Scenario, Study, Table, from_bits
from mpc.errors import PolicyError
from protocols.numeric import argmax, take
from protocols.simulate import Computation, dry_run, simulate
from tests.support.engines import ENGINES_SLOW

NAMES = ["a", "b", "c"]
SMALL = "suppressed (fewer than 10)"
#: Three of 600 are older than 100; three have an odd number of visits.
AGES = np.r_[np.arange(597) % 60 + 20, [101, 115, 120]]
VISITS = np.r_[[1, 3, 5], np.arange(597) % 30 * 2]


class People(Table):
    age = Integer(0, 120)
    visits = Integer(0, 60)


def scenario(value: Any) -> Scenario:
    made = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 10})

    @made.run
    async def run(study: Study) -> None:
        study.release("value", value(study.table("people").share(rows=200)))

    return made


def released(value: Any, engine: str = "ideal") -> Any:
    frame = pd.DataFrame({"age": AGES, "visits": VISITS})
    tables = {name: {"people": frame.iloc[i::3]} for i, name in enumerate(NAMES)}
    return simulate(scenario(value), tables, engine=engine).releases["value"]


@pytest.mark.parametrize(
    "value",
    [
        lambda r: r["age"][0] // 10,
        lambda r: (r["age"] % 2)[3],
        lambda r: (r["age"] >> 3)[:4],
        lambda r: r["age"].bits()[0],
        lambda r: r["age"].bits()[0].sum(),
        lambda r: from_bits(r["age"].bits()[5]),
        lambda r: r["age"][0] ** 2,
        lambda r: r["age"].cumsum(),
        lambda r: r["age"].cumsum()[-1],
        lambda r: r["age"].cumsum()[40] - r["age"].cumsum()[39],
        lambda r: r["age"].cumsum()[100] // 7,
        lambda r: from_bits((r["age"] > 50)[:60]),
        lambda r: from_bits(r["age"].bits(7)[:60].T),
        lambda r: from_bits((r["age"] > 50).reshape(20, 30)).sum(),
    ],
)
def test_a_single_row_needs_a_reason(value):
    with pytest.raises(PolicyError, match="single row"):
        dry_run(Computation(scenario(value), NAMES, engine="ideal"))


@pytest.mark.parametrize(
    "value",
    [
        lambda r: (r["age"] // 100).sum(),
        lambda r: (r["age"] // 100 * 5).sum(),
        lambda r: (r["age"] // -100).sum(),
        lambda r: (r["age"] // 81 + r["age"]).mean(),
        lambda r: (r["age"] >> 6 >> 1).sum() + (r["age"] // 101).sum(),
        lambda r: (r["age"] - r["age"] % 100).sum(),
        lambda r: (r["age"] % 100).sum(),
        lambda r: (r["age"] % -100).sum(),
        lambda r: (r["visits"] % 2).sum(),
        lambda r: (r["visits"] % 2 * 3).sum(),
        lambda r: (r["visits"] % 2).numeric().mean(),
        lambda r: (r["visits"] % 2).cumsum().sum(),
        lambda r: (r["age"].reshape(-1, 1) // np.array([1, 100]))[:, 1].sum(),
        lambda r: (r["visits"].reshape(-1, 1) % np.array([50, 2]))[:, 1].sum() * 3,
        lambda r: (r["age"] // (r["visits"] % 2)).cumsum().sum(),  # defined for three only
        lambda r: (r["age"] // np.where(np.arange(600) % 2, 7, 100)).sum() + (r["age"] // 100 * 3).sum(),
        lambda r: r["visits"].bits()[:, 0].sum(),
        lambda r: (r["visits"] - (r["visits"] >> 1 << 1)).sum(),
        lambda r: (r["visits"] * (r["visits"] % 2)).sum(),
        lambda r: from_bits(r["visits"].bits()[:, :1]).sum(),
        lambda r: from_bits(r["visits"].bits()[:, :2]).sum(),
        lambda r: (r["age"] // (r["visits"] % 2)).sum(),  # defined for three only
        lambda r: (r["age"] % (1 - r["visits"] % 2)).sum(),  # undefined for three only
    ],
)
def test_few_rows_beyond_a_step_are_suppressed(value):
    found = released(value)
    assert found == SMALL, found


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_of_many_rows_it_comes_out(engine):
    assert released(lambda r: (r["age"] // 10).sum(), engine) == (AGES // 10).sum()
    assert released(lambda r: (r["age"] % 7).sum(), engine) == (AGES % 7).sum()
    assert released(lambda r: (r["age"] % 2).sum(), engine) == (AGES % 2).sum()
    assert released(lambda r: r["age"].bits(7)[:, 3].sum(), engine) == (AGES >> 3 & 1).sum()
    assert released(lambda r: (r["age"] // 60).sum(), engine) == SMALL  # three reach 120 // 60, none or enough must
    assert released(lambda r: from_bits(r["age"].bits(7)).sum(), engine) == AGES.sum()
    assert released(lambda r: (r["age"] ** 2).sum(), engine) == (AGES**2).sum()


def test_running_sums_of_groups_stand_on_all_groups():
    """One group is small: a running sum beyond it, less one before it, would tell it."""

    def value(r):
        edges = np.array([20, 40, 60, 100, 121])
        inside = (r["age"].reshape(-1, 1) >= edges[:-1]) & (r["age"].reshape(-1, 1) < edges[1:])
        return inside.sum(0).cumsum()

    assert released(lambda r: value(r)[0]) == SMALL
    assert released(lambda r: value(r) // 2) == [SMALL] * 4


# ---- elements at secret places
@pytest.mark.parametrize(
    "value",
    [
        lambda r: r["age"].take(r["age"].constant([3]))[0],
        lambda r: r["age"].take(r["age"].constant(np.full(50, 3))).sum(),
        lambda r: r["age"].take(r["visits"]).sum(),
        lambda r: r["age"].take(argmax(r["age"])),
        lambda r: r["age"].take(r["visits"].sum() % 600),
        lambda r: r["visits"].sum() + r["age"].take(r["age"].constant(0)),
        lambda r: take(np.arange(121), r["age"])[5],
        lambda r: (r["age"] > 30).take(r["visits"]).sum(),
        # A table whose numbers are not known: here they tell how many are older than 100.
        lambda r: r["age"].constant(np.arange(121) // 101 * 5).take(r["age"]).sum(),
        lambda r: (r["visits"].mean() * 0 + np.arange(121) // 101 * 5).take(r["age"]).sum(),
    ],
)
def test_what_is_taken_of_rows_can_be_one(value):
    with pytest.raises(PolicyError, match="single row"):
        dry_run(Computation(scenario(value), NAMES, engine="ideal"))


@pytest.mark.parametrize(
    "value",
    [
        lambda r: take(np.arange(121) // 101, r["age"]).sum(),
        lambda r: take(np.arange(121) // 101 * 5, r["age"]).sum(),
        lambda r: take(np.arange(121) > 100, r["age"]).sum(),
        lambda r: take(np.where(np.arange(121) > 100, 1.5, 0.25), r["age"]).mean(),
        lambda r: take([0, 5], r["visits"] % 2).sum(),
        lambda r: r["age"].constant([7, 9]).take(r["visits"] % 2).sum(),
        lambda r: take(np.arange(3), r["age"] // 50).sum(),
        lambda r: take(np.stack([np.arange(121), np.arange(121) // 101 * 5]), r["age"], axis=1)[1].sum(),
        lambda r: take(np.stack([np.arange(121), np.arange(121) // 101 * 5], 1), r["age"], axis=0)[:, 1].sum(),
    ],
)
def test_few_rows_that_read_a_number_are_suppressed(value):
    found = released(value)
    assert found == SMALL, found


@pytest.mark.parametrize("engine", ENGINES_SLOW)
def test_tables_that_rows_read(engine):
    table = np.arange(121) ** 2 % 97
    assert released(lambda r: take(table, r["age"]).sum(), engine) == table[AGES].sum()
    assert released(lambda r: take([3, 4], r["age"] % 2).sum(), engine) == (AGES % 2 + 3).sum()

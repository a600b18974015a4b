"""The scenario against its own oracle; few accounts in common, and what messages show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from protocols.simulate import simulate
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import assert_as_oracle, sample_tables

LOADED, SAMPLE = sample_tables("fraud_overlap")


def run(tables, engine="ideal", **parameters):
    return simulate(LOADED.scenario, tables, engine=engine, parameters=parameters)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = run(SAMPLE, engine).releases
    assert_as_oracle(LOADED, SAMPLE, found, rel=1e-6)
    assert found["accounts flagged by several banks"] == 537


def banks(common, alone=20):
    """Three banks with `common` accounts of all, and `alone` of each."""
    chance = np.random.default_rng(7)
    tables = {}
    for k, name in enumerate(("aldgate", "bergen", "cassis")):
        numbers = [*range(common), *range(1000 * (k + 1), 1000 * (k + 1) + alone)]
        numbers = [*numbers, *numbers[:3]]  # an account in two rows of a bank is one account
        accounts = [f"xx{number:06d}" if k else f" XX{number:06d}" for number in numbers]
        tables[name] = {
            "flagged": pd.DataFrame({"account": accounts, "exposure": chance.uniform(0, 1000, len(numbers))})
        }
    return tables


@pytest.mark.parametrize(
    ("common", "alone", "parameters", "shown"),
    [
        (12, 20, {}, True),
        (12, 20, {"banks": 3}, True),
        (12, 0, {}, True),
        (9, 20, {}, False),
        (12, 3, {}, False),  # the count of all accounts less this one would tell of nine accounts
        (12, 4, {}, False),  # and without a bank's own four accounts, of eight
        (12, 5, {}, True),
        (0, 20, {}, False),
        (40, 1, {"minimum_cohort": 2}, True),
    ],
)
def test_few_accounts_are_suppressed(common, alone, parameters, shown):
    tables = banks(common, alone)
    found = run(tables, accounts=64, **parameters).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5, **parameters)
    assert (found["accounts flagged by several banks"] == common) == shown


def test_a_bank_without_accounts():
    tables = banks(15)
    tables["aldgate"]["flagged"] = tables["aldgate"]["flagged"][:0].astype({"account": str})
    found = run(tables, accounts=64).releases
    assert_as_oracle(LOADED, tables, found, rel=1e-5)
    assert found["accounts flagged by several banks"] == 15


def test_messages_do_not_show_what_is_in_common():
    first, second = (run(banks(common, 50 - common), "replicated", accounts=64) for common in (0, 40))
    assert first.cost == second.cost
    assert by_operation(first.network.messages) == by_operation(second.network.messages)


def test_what_it_costs():
    cost = run(SAMPLE, "replicated").cost
    assert cost.rounds <= 280
    assert max(cost.bytes_sent) <= 4_000_000

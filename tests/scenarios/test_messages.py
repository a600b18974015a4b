"""Messages of every scenario that comes with Comity: the same whatever its organizations' rows hold, and how many."""

from __future__ import annotations

import asyncio
from collections import defaultdict

import numpy as np
import pandas as pd
import pytest

from parties.local.samples import samples
from parties.study.loader import available, load
from protocols.simulate import simulate


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """What a party computes by itself takes no time: else operations that do not wait for each other send in the order
    in which they are ready."""

    def done(loop, executor, function, *arguments):
        result = loop.create_future()
        result.set_result(function(*arguments))
        return result

    monkeypatch.setattr(asyncio.base_events.BaseEventLoop, "run_in_executor", done)


#: They wait for releases and go on with the numbers, which the later labels cover: who sends is drawn from labels.
WAITING = {"adverse_drug_reactions", "clinical_trial"}
#: Scenarios whose samples take long on polynomials.
SHAMIR = ["hospital_statistics", "linked_registry", "ad_conversion"]


def brought(name):
    """The sample data of each organization; of more than three, three compute."""
    tables = {
        organization: {table: pd.read_csv(path) for table, path in files.items()}
        for organization, files in samples(load(name)).items()
    }
    if len(tables) == 2:
        tables["helper"] = {}
    return tables, sorted(tables)[:3] if len(tables) > 3 else None


def other(frame, seed, rows):
    """Fewer rows, whose columns belong to other rows now: other matches, groups, orders and sums."""
    chance = np.random.default_rng(seed)
    fewer = frame.sample(min(rows, len(frame)), random_state=seed)
    return pd.DataFrame({name: chance.permutation(fewer[name].to_numpy(copy=True)) for name in fewer})


def changed(tables, many):
    """Organization by organization: one row, none, half of them."""
    out = {}
    for k, (organization, brings) in enumerate(sorted(tables.items())):
        keep = 1.0 if many else [1, 0, 0.5][k % 3]
        out[organization] = {
            table: other(frame, k, int(keep * len(frame)) if isinstance(keep, float) else keep)
            for table, frame in brings.items()
        }
    return out


def messages(name, tables, compute, engine):
    """For each sender and receiver, tag and bytes of each message, in order."""
    run = simulate(load(name).scenario, tables, compute=compute, engine=engine)
    by_link = defaultdict(list)
    for sender, receiver, *message in (message[:4] for message in run.network.messages):
        by_link[sender, receiver].append(tuple(message))
    return dict(by_link), run.cost


def same(name, engine):
    tables, compute = brought(name)
    first, cost = messages(name, tables, compute, engine)
    second, others = messages(name, changed(tables, compute is not None), compute, engine)
    if name in WAITING:
        assert (cost.rounds, sum(cost.bytes_sent)) == (others.rounds, sum(others.bytes_sent))
        assert sum(map(len, first.values())) == sum(map(len, second.values()))
        return
    assert cost == others
    assert first.keys() == second.keys()
    for link, sent in first.items():
        assert sent == second[link], link


#: Of many organizations, or with many models.
LONG = {"pay_equity", "clinical_trial", "hospital_survival", "adverse_drug_reactions"}


def marks(name):
    return [pytest.mark.slow] * (name in LONG) + [pytest.mark.exhaustive] * (name == "pay_equity")


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in available()])
def test_nothing_that_is_sent_depends_on_the_data(name):
    same(name, "replicated")


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAMIR)
def test_nothing_that_is_sent_depends_on_the_data_of_polynomials(name):
    same(name, "shamir")

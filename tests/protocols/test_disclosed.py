"""What protocols open in the clear besides releases is declared, and a dry run tells it."""

import numpy as np
import pytest

import protocols.replicated.keys as replicated_keys
import protocols.replicated.orders as replicated_orders
import protocols.shamir.keys as shamir_keys
import protocols.shamir.orders as shamir_orders
from mpc import Real, Scenario, Table
from protocols.order import order_by, quantile, sort
from protocols.simulate import Computation, dry_run, simulate
from protocols.sorting import COMPARISONS, PLACES

ROWS = 40
UNGUARDED = "made-up rows"


class People(Table):
    income = Real(0, 1e6)


def scenario_of(script):
    scenario = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 3})

    @scenario.run
    async def run(study):
        people = study.table("people")
        x = people.share(rows=ROWS)["income"]
        study.release("it", script(x), unprotected=UNGUARDED)

    return scenario


SCRIPTS = {
    "sort": lambda x: sort(x)[5:6],
    "quantile": lambda x: quantile(x.bare().without_mask(), 0.5),
    "flags": lambda x: order_by(x > 1000).apply(x)[5:6],
    "then": lambda x: order_by(x > 1000).then(order_by(x)).apply(x)[5:6],
}


@pytest.mark.parametrize("engine", ["replicated", "shamir"])
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_number_of_what_is_opened_is_the_planned_one(name, engine, monkeypatch):
    opened = {COMPARISONS: 0, PLACES: 0}

    def counted(module, function, kind):
        real = getattr(module, function)

        async def spy(party, *arguments, **named):
            found = await real(party, *arguments, **named)
            if party.index == 0:
                opened[kind] += np.asarray(found).size
            return found

        monkeypatch.setattr(module, function, spy)

    counted(replicated_keys, "reveal_sign", COMPARISONS)
    counted(replicated_keys, "reveal", COMPARISONS)
    counted(replicated_orders, "reveal", PLACES)
    counted(shamir_keys, "reveal", COMPARISONS)
    counted(shamir_orders, "reveal", PLACES)
    scenario = scenario_of(SCRIPTS[name])
    dry = dry_run(Computation(scenario, ["a", "b", "c"], engine=engine))
    simulate(scenario, {o: {"people": {"income": np.arange(ROWS) * 100.0}} for o in "abc"}, engine=engine)
    assert sum(opened.values())
    told = {kind: f"{count:,} {kind}" for kind, count in opened.items() if count}
    assert set(told.values()) <= set(dry.discloses)
    assert not [line for line in dry.discloses for kind in opened if kind not in told and kind in line]


def test_nothing_but_facts_about_inputs_without_an_order():
    def script(x):
        return x.bare().mean()

    dry = dry_run(Computation(scenario_of(script), ["a", "b", "c"]))
    assert all("keep their bounds" in line for line in dry.discloses)

from __future__ import annotations

import numpy as np
import pytest

from mpc import Flag, Real, Scenario, Table
from mpc.errors import ConfigError
from protocols.simulate import Computation, dry_run, make_engine, simulate
from tests.support.engines import ENGINES


class Patients(Table):
    age = Real(0, 120)
    sick = Flag()


class Visits(Table):
    cost = Real(0, 1000)


PARAMETERS = {"minimum_cohort": 10, "share": 0.5, "title": "a", "deep": True, "edges": [1, 2]}


def make(**changes):
    scenario = Scenario(inputs={"patients": Patients.rows()}, parameters=PARAMETERS | changes)

    @scenario.run
    async def run(study):
        study.release("count", study.table("patients").count())
        study.release("mean", study.table("patients").age.mean())

    return scenario


def tables(n=30, organizations=3):
    rng = np.random.default_rng(1)
    return {
        f"org{i}": {"patients": {"age": rng.uniform(0, 120, n), "sick": rng.integers(0, 2, n)}}
        for i in range(organizations)
    }


def test_parameters_have_defaults_and_types():
    scenario = make()
    assert vars(scenario.settings({})) == PARAMETERS
    assert scenario.settings({"share": 1}).share == 1.0
    assert isinstance(scenario.settings({"share": 1}).share, float)
    assert scenario.settings({"title": "b"}).title == "b"
    for wrong in ({"share": "1"}, {"minimum_cohort": 1.5}, {"minimum_cohort": True}, {"deep": 1}, {"title": 5}):
        with pytest.raises(ConfigError, match="expected"):
            scenario.settings(wrong)
    with pytest.raises(ConfigError, match="minimum_cohort, share"):
        scenario.settings({"minimum": 1})
    scenario.settings({"title": "b"})
    assert scenario.settings({}).title == "a", "settings of one study must not stay with the scenario"


def test_a_scenario_needs_inputs_and_a_script():
    with pytest.raises(ConfigError, match="input"):
        Scenario(inputs={})
    empty = Scenario(inputs={"patients": Patients.rows()})
    with pytest.raises(ConfigError, match=r"@scenario\.run"):
        _ = empty.script
    assert empty.oracle is None


def test_ranges_of_a_study_reach_the_schema():
    scenario = make()
    assert scenario.schemas({"patients": {"age": (0, 200)}})["patients"]["age"].high == 200
    assert scenario.schemas()["patients"]["age"].high == 120
    with pytest.raises(ConfigError, match="no input 'visits'"):
        scenario.schemas({"visits": {}})
    with pytest.raises(ConfigError, match="no column"):
        scenario.schemas({"patients": {"weight": (0, 1)}})


@pytest.mark.parametrize("engine", ENGINES)
def test_simulation(engine):
    data = tables()
    result = simulate(make(), data, engine=engine)
    ages = np.concatenate([d["patients"]["age"] for d in data.values()])
    assert result.releases["count"] == 90
    assert result.releases["mean"] == pytest.approx(ages.mean(), abs=120 * 2**-25)
    assert set(result.by_organization) == set(data)
    assert all(results == result.releases for results in result.by_organization.values())
    assert [entry.name for entry in result.entries] == ["count", "mean"]
    if engine == "replicated":
        assert list(result.cost.bytes_sent) == result.network.bytes_sent
    assert simulate(make(), data, engine=engine).releases == result.releases


def test_simulation_and_dry_run_agree():
    data = tables()
    result = simulate(make(), data)
    dry = dry_run(Computation(make(), sorted(data)))
    assert dry.cost == result.cost
    assert dry.manifest() == [entry.describe() for entry in result.entries]
    assert not dry.may_depend_on_opened


def test_who_brings_what():
    scenario = Scenario(inputs={"patients": Patients.rows(), "visits": Visits.held_by("payer")})

    @scenario.run
    async def run(study):
        study.release("patients", study.table("patients").count())
        study.release("cost", study.table("visits").cost.sum())
        with pytest.raises(ConfigError, match="patients, visits"):
            study.table("doctors")

    data = tables(40, 2)
    data["payer"] = {"visits": {"cost": np.full(25, 8.0)}}
    result = simulate(scenario, data, engine="ideal")
    assert result.releases == {"patients": 80, "cost": pytest.approx(200.0)}
    with pytest.raises(ConfigError, match="no organization brings rows"):
        simulate(scenario, tables(), engine="ideal")


def test_an_organization_that_should_bring_rows_and_does_not_is_no_hang():
    from mpc.machine.channel import MemoryNetwork
    from mpc.machine.party import Environment
    from mpc.machine.runtime import Runtime
    from mpc.machine.simulation import simulated_keys
    from protocols.assembly import assemble
    from protocols.library import Library

    network, computation = MemoryNetwork(3), Computation(make(), ["a", "b", "c"], engine="ideal")
    run = Runtime(computation.make_engine(), Library(), Environment(network.channels[0], simulated_keys(0, 3, 1)))
    with pytest.raises(ConfigError, match="patients"):
        assemble(computation, run, rows={})


@pytest.mark.parametrize("organizations", [2, 4])
def test_three_compute_parties_for_the_replicated_engine(organizations):
    with pytest.raises(ConfigError, match="three"):
        simulate(make(), tables(30, organizations))
    assert simulate(make(), tables(30, organizations), engine="ideal").releases["count"] == 30 * organizations


@pytest.mark.parametrize("engine", ENGINES)
def test_a_helper_without_data_computes_and_learns_nothing(engine):
    data = tables(30, 2) | {"notary": {}}
    result = simulate(make(), data, engine=engine, recipients=sorted(tables(30, 2)))
    assert result.releases["count"] == 60
    assert result.by_organization["notary"] == {}


def test_unknown_engines_are_named():
    with pytest.raises(ConfigError, match="no engine 'fast'"):
        make_engine("fast")

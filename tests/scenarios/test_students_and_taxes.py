"""The scenario against its own oracle, with one tax office and with several; what its messages show; its data."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parties.study.loader import folder
from protocols.simulate import Computation, dry_run, simulate
from scenarios.students_and_taxes import DEGREES, FIELDS, SECTORS, scenario
from tests.support.bounds import every_bound_holds
from tests.support.messages import by_operation
from tests.support.register_rows import assert_as_oracle, sample_tables

LOADED, SAMPLE = sample_tables("students_and_taxes")
SMALL = {"students": 64, "taxpayers": 64}
MAKE = folder() / "data" / "students_and_taxes" / "make.py"


def assert_same(found, tables, **parameters):
    assert_as_oracle(LOADED, tables, found, rel=1e-6, **parameters)


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
def test_the_sample(engine):
    with every_bound_holds():
        found = simulate(scenario, SAMPLE, engine=engine).releases
    assert_same(found, SAMPLE)
    table = found["work by degree and length"]["values"]
    assert {row[0] for row in table} == set(DEGREES)
    assert found["graduation and work in the field"]["odds_ratio"] > 1


def test_one_tax_office():
    """All records at one office: a helper joins the two that bring data."""
    taxes = pd.concat([tables["taxes"] for tables in SAMPLE.values() if "taxes" in tables])
    tables = {"education": SAMPLE["education"], "tax": {"taxes": taxes}, "university": {}}
    one = simulate(scenario, tables, engine="replicated").releases
    assert_same(one, tables)
    several = simulate(scenario, SAMPLE, engine="ideal").releases
    assert one["graduation and work in the field"] == several["graduation and work in the field"]


@pytest.mark.parametrize("seed", [1, 2])
def test_other_tables(seed):
    """Persons with many records, students without one, records before the first year, missing values."""
    chance = np.random.default_rng(seed)
    n = 300
    education = pd.DataFrame(
        {
            "person": [str(p) for p in range(n)],
            "field": chance.choice(FIELDS, n),
            "years": chance.integers(0, 12, n),
            "graduated": chance.random(n) < 0.5,
        }
    )

    def taxes(count):
        return pd.DataFrame(
            {
                "person": [f"{p:05d} " for p in chance.integers(50, 2 * n, count)],
                "year": chance.integers(2018, 2027, count),
                "income": np.round(chance.uniform(0, 9000, count), 2),
                "sector": chance.choice(SECTORS, count),
            }
        )

    tables = {"education": {"education": education}, "north": {"taxes": taxes(1500)}, "south": {"taxes": taxes(700)}}
    parameters = {"minimum_cohort": 3, "taxpayers": 600}
    found = simulate(scenario, tables, engine="ideal", parameters=parameters).releases
    assert_same(found, tables, **parameters)


def test_what_it_costs():
    owners = {"education": [0], "taxes": [1, 2]}
    plan = dry_run(Computation(scenario, list(SAMPLE), owners=owners))
    assert plan.rounds <= 150
    assert max(plan.bytes_sent) <= 13_000_000
    assert simulate(scenario, SAMPLE).cost == plan.cost


def few(kind):
    """Tables of one size, with other people in them."""
    chance = np.random.default_rng(3)
    students, north, south = np.arange(40), np.arange(50), np.arange(50)
    if kind == "nobody in common":
        north, south = 1000 + north, 2000 + south
    elif kind == "one person":
        north, south = np.full(50, 7), np.full(50, 7)
    education = pd.DataFrame(
        {
            "person": [str(p) for p in students],
            "field": chance.choice(FIELDS, 40) if kind == "nobody in common" else FIELDS[0],
            "years": chance.integers(0, 12, 40),
            "graduated": chance.random(40) < 0.5,
        }
    )

    def taxes(persons):
        return {
            "taxes": pd.DataFrame(
                {
                    "person": [str(p) for p in persons],
                    "year": 2023,
                    "income": chance.uniform(0, 9000, 50),
                    "sector": chance.choice(SECTORS, 50),
                }
            )
        }

    return {"education": {"education": education}, "north": taxes(north), "south": taxes(south)}


def test_one_person_is_suppressed():
    found = simulate(scenario, few("one person"), engine="ideal", parameters=SMALL).releases
    assert found["students"] == 40
    assert found["work by degree and length"]["values"] == []
    assert found["graduation and work in the field"] == "suppressed (fewer than 10)"


@pytest.mark.parametrize("engine", ["replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_messages_do_not_show_who_studies_or_earns(engine):
    """Sizes, numbers and order of the messages of each operation."""

    def sent(kind):
        run = simulate(scenario, few(kind), engine=engine, parameters=SMALL)
        return run.cost, by_operation(run.network.messages)

    first = sent("everybody in common")
    assert sent("nobody in common") == first
    assert sent("one person") == first


@pytest.mark.parametrize("offices", [1, 3])
def test_the_data_are_the_same_each_time(tmp_path, offices):
    write = runpy.run_path(str(MAKE))["write"]
    for name in ("a", "b"):
        write(tmp_path / name, 900, 200, offices)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    taxes = ["tax.taxes.csv"] if offices == 1 else [f"tax-{k}.taxes.csv" for k in (1, 2, 3)]
    assert files == ["education.education.csv", *taxes]
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    records = [pd.read_csv(tmp_path / "a" / name) for name in taxes]
    assert sum(map(len, records)) == 900


def test_the_sample_files_are_what_the_generator_makes(tmp_path):
    runpy.run_path(str(MAKE))["write"](tmp_path, 8000, 2000, 2)
    for path in Path(tmp_path).iterdir():
        assert path.read_bytes() == (MAKE.parent / path.name).read_bytes(), path.name

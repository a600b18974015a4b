"""Linked tables: who is linked, what comes along, what is counted and what is suppressed, against the clear."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Study, Table
from mpc.errors import ConfigError, RangeError
from parties.cli.plan import what_is_shared
from protocols import linkage
from protocols.simulate import Computation, dry_run, simulate

REGIONS = ("north", "south", "west")
FIELDS = (linkage.Date("born"), linkage.Number("zip", "postcode", weight=1.5))
ENCODING = linkage.Encoding(FIELDS, bits=256, hashes=8, key="tests")
THRESHOLD = Fraction(3, 4)


class Patients(Table):
    born = Integer(-40000, 40000)
    zip = Integer(0, 9999)
    region = Category(*REGIONS)
    age = Real(0, 120)


class Deaths(Table):
    born = Integer(-40000, 40000)
    postcode = Integer(0, 9999)
    region = Category(*REGIONS)
    dose = Real(0, 10)
    sick = Flag()


async def linked(study: Study, **changes: Any) -> linkage.Links:
    how: dict[str, Any] = {"rows": (7, 8), "block": "region", "threshold": 0.75, "bits": 256, "hashes": 8}
    return await linkage.link(
        study.table("patients"), study.table("deaths"), FIELDS, **(how | {"key": "tests"} | changes)
    )


def frames(rng: np.random.Generator, rows: int, both: int) -> tuple[Any, Any]:
    """An owner's patients and deaths; `both` of the deaths are of patients, some of them with a wrong digit."""
    patients = pd.DataFrame(
        {
            "born": rng.integers(-20000, 20000, rows).astype(float),
            "zip": rng.integers(1000, 9999, rows).astype(float),
            "region": rng.choice(REGIONS, rows),
            "age": rng.uniform(0, 100, rows).round(2),
        }
    )
    deaths = patients.iloc[rng.permutation(rows)[:both]][["born", "zip", "region"]]
    deaths = deaths.rename(columns={"zip": "postcode"}).reset_index(drop=True)
    deaths.loc[::3, "postcode"] += 1
    deaths.loc[1::7, "born"] = np.nan
    deaths["dose"] = rng.uniform(0, 10, both).round(2)
    deaths.loc[::5, "dose"] = np.nan
    deaths["sick"] = rng.random(both) < 0.5
    return patients, deaths


def tables(owners: int = 3, rows: int = 9, both: int = 6, seed: int = 1) -> dict[str, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    made = [frames(rng, rows, both) for _ in range(owners)]
    return {f"owner {i}": {"patients": p, "deaths": made[(i + 1) % owners][1]} for i, (p, _) in enumerate(made)}


def arranged(parts: list[Any], places: int) -> tuple[Any, list[int]]:
    """All rows that have a place, each with the place where it is; and how many of each owner have none."""
    kept, beyond = [], []
    for owner, part in enumerate(parts):
        part = part.assign(block=[REGIONS.index(r) if isinstance(r, str) else -1 for r in part.region])
        part["rank"] = part.groupby("block").cumcount()
        fits = (part.block >= 0) & (part["rank"] < places)
        beyond.append(int((~fits).sum()))
        part = part[fits]
        kept.append(part.assign(place=(owner * len(REGIONS) + part.block) * places + part["rank"]))
    return pd.concat(kept), beyond


def in_the_clear(data: dict[str, dict[str, Any]], places: tuple[int, int] = (7, 8)) -> tuple[Any, list[int], list[int]]:
    """The linked pairs, and the numbers of rows without a place."""
    names = sorted(data)
    left, left_beyond = arranged([data[name]["patients"] for name in names], places[0])
    right, right_beyond = arranged([data[name]["deaths"] for name in names], places[1])
    pairs = []
    for block in range(len(REGIONS)):
        a, b = left[left.block == block], right[right.block == block]
        filters = [
            ENCODING.filters([part[name].to_numpy() for name in columns])
            for part, columns in ((a, ("born", "zip")), (b, ("born", "postcode")))
        ]
        partner, score = linkage.linked(*filters, THRESHOLD)
        there = partner >= 0
        rows = b.iloc[partner[there]].reset_index(drop=True).add_suffix("_right")
        pairs.append(pd.concat([a[there].reset_index(drop=True), rows], axis=1).assign(score=score[there]))
    return pd.concat(pairs), left_beyond, right_beyond


def numbers(released: Any) -> Any:
    """Released elements, NaN where one is undefined."""
    return np.array([np.nan if isinstance(x, str) else x for x in released], float)


def scenario_of(script: Any, minimum: int = 1, **inputs: Any) -> Scenario:
    scenario = Scenario(
        inputs={"patients": Patients.rows(), "deaths": Deaths.rows()} | inputs,
        parameters={"minimum_cohort": minimum},
    )
    scenario.run(script)
    return scenario


@pytest.mark.parametrize("engine", ["ideal", "replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_rows_are_linked_as_in_the_clear(engine):
    data = tables(5 if engine == "shamir" else 3)

    async def script(study: Study) -> None:
        links = await linked(study)
        rows = links.rows
        for name in ("linked", "score", "age", "dose", "born_right", "sick"):
            study.release(name, rows[name], unprotected="a test")
        study.release("codes", rows.region_right.codes, unprotected="a test")
        study.release("links", links.count())
        study.release("beyond", links.left_beyond)

    got = simulate(scenario_of(script), data, engine=engine).releases
    wanted, beyond, _ = in_the_clear(data)
    assert len(wanted) > 10
    places = wanted.place.to_numpy(int)
    has = np.asarray(got["linked"], bool)
    assert sorted(places) == np.flatnonzero(has).tolist()
    for name, column in (("score", "score"), ("dose", "dose_right"), ("born_right", "born_right"), ("age", "age")):
        values = numbers(got[name])
        np.testing.assert_allclose(values[places], wanted[column], atol=1e-5)
        if name != "age":
            assert np.isnan(values[~has]).all()
    np.testing.assert_array_equal(numbers(got["sick"])[places], wanted.sick_right.astype(float))
    np.testing.assert_array_equal(numbers(got["codes"])[places], wanted.block_right)
    assert got["links"] == len(wanted)
    assert got["beyond"] == sum(beyond)


def test_statistics_of_linked_rows():
    data = tables(seed=4)

    async def script(study: Study) -> None:
        table = (await linked(study)).table
        study.release("dose", table.dose.mean())
        study.release("sick", table.sick.sum())
        study.release("age of the sick", table[table.sick > 0].age.mean())
        study.release("age times dose", (table.age * table.dose).sum())
        study.release("score", table.score.mean())

    got = simulate(scenario_of(script, 2), data).releases
    wanted, _, _ = in_the_clear(data)
    assert got["dose"] == pytest.approx(wanted.dose_right.mean(), abs=1e-5)
    assert got["sick"] == wanted.sick_right.sum()
    assert got["age of the sick"] == pytest.approx(wanted.age[wanted.sick_right].mean(), abs=1e-4)
    assert got["age times dose"] == pytest.approx((wanted.age * wanted.dose_right).sum(), abs=0.1)
    assert got["score"] == pytest.approx(wanted.score.mean(), abs=1e-5)


def test_rows_without_a_place_are_counted():
    data = tables(seed=2)
    data["owner 1"]["patients"].loc[:1, "region"] = None

    async def script(study: Study) -> None:
        links = await linked(study, rows=2)
        study.release("links", links.count())
        study.release("left", links.left_beyond)
        study.release("right", links.right_beyond)

    got = simulate(scenario_of(script), data, engine="ideal").releases
    wanted, left, right = in_the_clear(data, (2, 2))
    assert (got["links"], got["left"], got["right"]) == (len(wanted), sum(left), sum(right))
    assert sum(left) > 4


def test_all_rows_are_one_block():
    data = tables(seed=3)

    async def script(study: Study) -> None:
        study.release("links", (await linked(study, rows=30, block=None)).count())

    one = {who: {name: t.assign(region=REGIONS[0]) for name, t in parts.items()} for who, parts in data.items()}
    wanted, _, _ = in_the_clear(one, (30, 30))
    assert simulate(scenario_of(script), data, engine="ideal").releases["links"] == len(wanted)


def test_filtered_rows_alone_take_part():
    data = tables(seed=5)

    async def script(study: Study) -> None:
        patients = study.table("patients")
        links = await linkage.link(
            patients.filter(patients.age > 50), study.table("deaths"), FIELDS, rows=(7, 8), block="region",
            threshold=0.75, bits=256, hashes=8, key="tests",
        )  # fmt: skip
        study.release("links", links.count())

    older = {who: parts | {"patients": parts["patients"][parts["patients"].age > 50]} for who, parts in data.items()}
    wanted, _, _ = in_the_clear(older)
    assert simulate(scenario_of(script), data, engine="ideal").releases["links"] == len(wanted)


# ---- what protects people
HELD = {"patients": Patients.held_by("hospital"), "deaths": Deaths.held_by("register")}


def held(rows: int, both: int, others: int) -> dict[str, dict[str, Any]]:
    """A hospital's patients, and a register of `both` of them and of `others`; a third organization has no rows."""
    rng = np.random.default_rng(8)
    patients, deaths = frames(rng, rows, both)
    _, more = frames(rng, max(others, 1), others)
    deaths = pd.concat([deaths, more]).assign(born=lambda t: t.born.fillna(0), sick=lambda t: t.sick.astype(bool))
    return {"hospital": {"patients": patients}, "register": {"deaths": deaths}, "third": {}}


@pytest.mark.parametrize(
    ("rows", "others", "shown"),
    [(18, 6, True), (18, 0, True), (14, 6, False), (18, 2, False)],
)
def test_the_number_of_links_needs_enough_linked_and_other_rows_on_both_sides(rows, others, shown):
    """12 links. Of the patients 6 or 2 are not linked, of the register none, 2 or 6; the minimum is 4."""

    async def script(study: Study) -> None:
        links = await linked(study, rows=20)
        study.release("links", links.count())
        study.release("dose", links.table.dose.count())
        study.release("age", links.table.age.mean())

    got = simulate(scenario_of(script, 4, **HELD), held(rows, 12, others), engine="ideal").releases
    for value in got.values():
        assert ("suppressed" not in str(value)) is shown
    if shown:
        assert got["links"] == 12


def test_one_owner_must_not_have_nearly_all_linked_rows_of_a_side():
    """Two owners of patients, of which one has a single linked row: the other owner would learn it."""
    data = held(18, 12, 6)
    patients, deaths = data["hospital"]["patients"], data["register"]["deaths"]
    other = patients[patients.zip.isin(deaths.postcode)].iloc[:1]
    data["third"]["patients"] = other
    data["hospital"]["patients"] = patients.drop(other.index)
    inputs = {"deaths": Deaths.held_by("register")}

    async def script(study: Study) -> None:
        study.release("links", (await linked(study, rows=20)).count())

    scenario = scenario_of(script, 4, **inputs)
    scenario.parameters["minimum_without_own_rows"] = True
    assert "suppressed" in str(simulate(scenario, data, engine="ideal").releases["links"])


def test_a_single_row_is_not_released():
    async def script(study: Study) -> None:
        study.release("dose", (await linked(study)).table.dose)

    with pytest.raises(Exception, match=r"single rows|unprotected"):
        dry_run(Computation(scenario_of(script), list("abc")))


# ---- costs, and what is the same whatever the data are
async def _mean(study: Study) -> None:
    links = await linked(study)
    study.release("links", links.count())
    study.release("dose", links.table.dose.mean())


@pytest.mark.parametrize("engine", ["replicated", pytest.param("shamir", marks=pytest.mark.slow)])
def test_costs_are_planned_and_messages_do_not_depend_on_the_data(engine):
    one, other = tables(seed=1), tables(seed=2, rows=3, both=2)
    planned = dry_run(Computation(scenario_of(_mean), sorted(one), engine=engine))
    runs = [simulate(scenario_of(_mean), data, engine=engine) for data in (one, other)]
    for run in runs:
        assert run.cost == planned.cost
        assert tuple(run.network.bytes_sent) == planned.cost.bytes_sent
    first, second = ([message[:4] for message in run.network.messages] for run in runs)
    assert sorted(first) == sorted(second)


def test_owners_compute_filters_for_as_many_rows_as_there_are_places():
    def seconds(places: int) -> list[float]:
        async def script(study: Study) -> None:
            await linked(study, rows=places)

        return dry_run(Computation(scenario_of(script), list("abc"))).trace.locals

    few, many = seconds(10), seconds(40)
    assert min(few) > 0
    assert many == pytest.approx([4 * x for x in few])


def test_the_plan_says_that_filters_leave_their_owners():
    planned = dry_run(Computation(scenario_of(_mean), list("abc")))
    assert what_is_shared(planned)[0].startswith("Rows of deaths leave their organizations as shares: born exactly, ")
    assert "filters of born and postcode exactly" in what_is_shared(planned)[0]
    assert "filters of born and zip exactly" in what_is_shared(planned)[1]


@pytest.mark.parametrize(("places", "block"), [(3334, "region"), (5000, None)])
def test_large_tables_fit_the_memory_budget_of_a_study(places, block):
    """Up to 10,000 rows and 33 million pairs: what is scheduled between two awaits stays within the budget of a run."""

    async def script(study: Study) -> None:
        links = await linked(study, rows=places, block=block, bits=1024)
        study.release("links", links.count())
        study.release("dose", links.table.dose.mean())

    owners = {"patients": [0], "deaths": [1]}
    planned = dry_run(Computation(scenario_of(script, **HELD), list("abc"), owners=owners))
    assert sum(planned.cost.bytes_sent) < 5e9


def test_what_is_refused():
    def refused(match: str, error: type[Exception] = ConfigError, **changes: Any) -> None:
        async def script(study: Study) -> None:
            await linked(study, **changes)

        with pytest.raises(error, match=match):
            dry_run(Computation(scenario_of(script), list("abc")))

    refused("threshold of 0", RangeError, threshold=0.0)
    refused("threshold of 1.5", RangeError, threshold=1.5)
    refused("0 places", rows=0)
    refused("power of two", bits=100)
    refused("no column 'town'", block="town")


def test_owners_need_not_compute():
    data = held(18, 12, 6)
    data |= {"one": {}, "two": {}}

    async def script(study: Study) -> None:
        study.release("links", (await linked(study, rows=20)).count())

    scenario = scenario_of(script, 4, **HELD)
    assert simulate(scenario, data, compute=["one", "third", "two"]).releases["links"] == 12


def test_blocks_of_a_derived_column():
    """Blocks by decade of birth, of a column that each owner computes."""
    data = tables(seed=6)

    async def script(study: Study) -> None:
        patients, deaths = study.table("patients"), study.table("deaths")
        edges = [-40000, -10000, 10000, 40000]
        block = (patients.born.cut(edges), deaths.born.cut(edges))
        study.release("links", (await linked(study, block=block, rows=20)).count())

    blocks = {who: {name: by_decade(t) for name, t in parts.items()} for who, parts in data.items()}
    wanted, _, _ = in_the_clear(blocks, (20, 20))
    assert simulate(scenario_of(script), data, engine="ideal").releases["links"] == len(wanted)


def by_decade(table: Any) -> Any:
    """The table with the block of each row in place of its region."""
    place = np.digitize(table.born.fillna(0), [-10000, 10000])
    return table.assign(region=[None if np.isnan(b) else REGIONS[p] for b, p in zip(table.born, place, strict=True)])


def test_blocks_of_other_columns_must_be_alike():
    async def script(study: Study) -> None:
        await linked(study, block=(study.table("patients").region, study.table("deaths").sick))

    with pytest.raises(ConfigError, match="which differ in type, range or levels"):
        dry_run(Computation(scenario_of(script), list("abc")))


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("seed", range(4))
def test_few_different_people_many_times_over(seed, engine):
    """Duplicates and ties everywhere, missing fields, an owner without rows, one with a single row."""
    rng = np.random.default_rng(seed)

    def rows(count: int, zip_code: str) -> Any:
        born = rng.choice([0.0, 1.0, 400.0, 9000.0, np.nan], count)
        codes = rng.choice([1000.0, 1001.0, 8050.0, np.nan], count)
        table = pd.DataFrame({"born": born, zip_code: codes, "region": rng.choice(REGIONS, count)})
        if zip_code == "zip":
            return table.assign(age=rng.uniform(0, 100, count))
        return table.assign(dose=np.arange(count, dtype=float) % 10, sick=rng.random(count) < 0.5)

    sizes = ((0, 6), (1, 0), (12, 9))
    data = {f"o{k}": {"patients": rows(a, "zip"), "deaths": rows(b, "postcode")} for k, (a, b) in enumerate(sizes)}

    async def script(study: Study) -> None:
        links = await linked(study, rows=(5, 4))
        for name in ("linked", "dose", "born_right"):
            study.release(name, links.rows[name], unprotected="a test")

    got = simulate(scenario_of(script), data, engine=engine).releases
    wanted, _, _ = in_the_clear(data, (5, 4))
    places = wanted.place.to_numpy(int)
    np.testing.assert_array_equal(np.flatnonzero(got["linked"]), np.sort(places))
    np.testing.assert_allclose(numbers(got["dose"])[places], wanted.dose_right.astype(float), atol=1e-5)
    np.testing.assert_array_equal(numbers(got["born_right"])[places], wanted.born_right.astype(float))

"""Recall and precision of secret links on generated people with errors: those of the same rule in the clear."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Date, Flag, Integer, Scenario, Study, Table, Text
from protocols import linkage
from protocols.simulate import simulate
from tests.support.persons import Registers, quality, registers

FIELDS = (
    linkage.Name("given"),
    linkage.Name("surname"),
    linkage.Date("born"),
    linkage.Name("place"),
    linkage.Exact("sex"),
)
REGIONS = ("a", "b", "c", "d")
PLACES = 60


class Persons(Table):
    given = Text()
    surname = Text()
    born = Date("1900-01-01", "2026-12-31")
    place = Text()
    sex = Flag()
    region = Category(*REGIONS)
    number = Integer(0, 1000)


def as_rows(table: pd.DataFrame) -> pd.DataFrame:
    born = [None if np.isnan(days) else str(np.datetime64(int(days), "D")) for days in table.born]
    return table.assign(
        born=born, region=[REGIONS[int(k)] for k in table.region], sex=table.sex == 1, number=range(len(table))
    )


def secret_partners(made: Registers, threshold: float, engine: str) -> np.ndarray:
    scenario = Scenario(inputs={"left": Persons.held_by("left"), "right": Persons.held_by("right")})

    @scenario.run
    async def run(study: Study) -> None:
        left, right = study.table("left"), study.table("right")
        links = await linkage.link(
            left, right, FIELDS, rows=PLACES, block="region", threshold=threshold, bits=512, hashes=8
        )
        for name in ("number", "number_right"):
            study.release(name, links.table[name], unprotected="a test")

    data = {"left": {"left": as_rows(made.left)}, "right": {"right": as_rows(made.right)}, "third": {}}
    got = simulate(scenario, data, engine=engine).releases
    partner = np.full(len(made.left), -1)
    for mine, other in zip(got["number"], got["number_right"], strict=True):
        if not isinstance(mine, str):
            partner[mine] = other
    return partner


def clear_partners(made: Registers, threshold: float) -> np.ndarray:
    encoding = linkage.Encoding(FIELDS, bits=512, hashes=8)
    partner = np.full(len(made.left), -1)
    for region in range(len(REGIONS)):
        places = [np.flatnonzero(table.region == region) for table in (made.left, made.right)]
        filters = [
            encoding.filters([table[field.left].to_numpy()[rows] for field in FIELDS])
            for table, rows in zip((made.left, made.right), places, strict=True)
        ]
        found = linkage.linked(*filters, Fraction(str(threshold))).partner
        partner[places[0][found >= 0]] = places[1][found[found >= 0]]
    return partner


@pytest.mark.parametrize("engine", ["ideal", "replicated"])
@pytest.mark.parametrize("threshold", [0.8, 0.7])
def test_secret_links_are_as_good_as_links_in_the_clear(engine, threshold):
    made = registers(130, 90, seed=5)
    partner = secret_partners(made, threshold, engine)
    np.testing.assert_array_equal(partner, clear_partners(made, threshold))
    recall, precision = quality(partner, made.truth)
    print(f"threshold {threshold}: recall {recall:.3f}, precision {precision:.3f}")
    assert recall >= 0.95
    assert precision >= 0.97


def splink_partners(made: Registers) -> np.ndarray:
    """Links by splink, with trained Fellegi-Sunter weights; of several for a row, the one with the largest weight."""
    import splink.comparison_library as cl
    from splink import DuckDBAPI, Linker, SettingsCreator, block_on

    comparisons = [cl.JaroWinklerAtThresholds(name, [0.9, 0.7]) for name in ("given", "surname", "place")]
    comparisons += [cl.LevenshteinAtThresholds("born", [1, 2]), cl.ExactMatch("sex")]
    settings = SettingsCreator(
        link_type="link_only", comparisons=comparisons, blocking_rules_to_generate_predictions=[block_on("region")]
    )
    tables = [as_rows(table).rename(columns={"number": "unique_id"}) for table in (made.left, made.right)]
    database = DuckDBAPI()
    linker = Linker([database.register(table) for table in tables], settings)
    linker.training.estimate_probability_two_random_records_match([block_on("given", "surname")], recall=0.6)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on("surname"), block_on("born")):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=0.9).as_pandas_dataframe()
    pairs = pairs.sort_values("match_weight", ascending=False)
    partner = np.full(len(made.left), -1)
    taken: set[int] = set()
    for left, right in zip(pairs.unique_id_l, pairs.unique_id_r, strict=True):
        if partner[left] < 0 and right not in taken:
            partner[left] = right
            taken.add(right)
    return partner


@pytest.mark.slow
def test_beside_splink():
    """Fellegi-Sunter weights with trained parameters find about as many, with all names in the clear."""
    pytest.importorskip("splink", minversion="5")
    made = registers(1000, 700)
    ours, theirs = quality(clear_partners(made, 0.8), made.truth), quality(splink_partners(made), made.truth)
    print(f"filters: recall {ours[0]:.3f}, precision {ours[1]:.3f}; splink: {theirs[0]:.3f}, {theirs[1]:.3f}")
    assert ours[0] >= theirs[0] - 0.05
    assert ours[1] >= theirs[1] - 0.02

"""A suppressed count stays unknown to who knows all other releases and the rules: two values or more fit all of it."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mpc import Flag, Real, Scenario, Study, Table
from parties.local.samples import samples
from parties.study.loader import load
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.inference import NO, YES, bounds, released

EDGES = [0.0, 10.0, 20.0, 30.0, 40.0]
CUT = [0.0, 15.0, 40.0]
ALL = (NO, YES, 2)
SMALL = "suppressed (fewer than 10)"


class Rows(Table):
    x = Real(0, 40)
    z = Real(0, 1)
    ill = Flag()


def study() -> Scenario:
    parameters = {"minimum_cohort": 10, "minimum_without_own_rows": False}
    scenario = Scenario(inputs={"rows": Rows.rows()}, parameters=parameters)

    @scenario.run
    async def run(study: Study) -> None:
        rows = study.table("rows")
        study.release("rows", rows.count())
        summary = st.describe(rows)
        for name in rows.columns:
            study.release(f"{name} mean", summary.mean[name])
            study.release(f"{name} sd", summary.sd[name])
            study.release(f"{name} missing", summary.missing[name])
        study.release("x histogram", rows.x.histogram(EDGES))
        study.release("test", st.ttest_ind(rows.x[~rows.ill], rows.x[rows.ill]))
        study.release("table", st.contingency(rows.x.cut(CUT, ["low", "high"]), rows.ill))
        study.release("fit", st.ols(rows.ill, [rows.x, rows.z]))
        study.release("correlation", rows.corr())

    return scenario


def frame(counts: list[int], *, ill: float | int = 0.5, seed: int = 1) -> pd.DataFrame:
    """Rows with so many values of x between the edges; `ill` is a share, or a number of rows."""
    random = np.random.default_rng(seed)
    x = np.concatenate([random.uniform(a + 0.1, a + 9.9, n) for a, n in zip(EDGES, counts, strict=False)])
    flags = random.random(x.size) < ill if isinstance(ill, float) else np.arange(x.size) < ill
    if not isinstance(ill, float):
        random.shuffle(flags)
    return pd.DataFrame({"x": x, "z": random.random(x.size), "ill": flags.astype(object)})


def releases_of(table: pd.DataFrame) -> dict[str, Any]:
    parts = np.array_split(np.random.default_rng(2).permutation(len(table)), 3)
    tables = {name: {"rows": table.iloc[part]} for name, part in zip("abc", parts, strict=True)}
    return simulate(study(), tables, engine="ideal").releases


@pytest.mark.parametrize(
    "counts",
    [
        [40, 3, 25, 30],  # one small cell
        [40, 0, 25, 30],  # an empty one
        [40, 9, 25, 30],
        [60, 9, 10, 10],  # the smallest other cell has the least that is shown, and an equal
        [10, 10, 9, 60],
        [10, 60, 0, 10],
        [10, 60, 0, 30],  # together exactly the minimum
        [9, 9, 25, 30],  # two that are as large as small cells can be
        [0, 0, 25, 30],
        [0, 60, 0, 10],
        [4, 3, 25, 30],
        [9, 9, 9, 30],
        [9, 9, 9, 9],
        [0, 9, 0, 60],
    ],
    ids=str,
)
def test_small_cells_of_a_histogram(counts):
    releases = releases_of(frame(counts))
    shown = releases["x histogram"]["counts"]
    hidden = [i for i, cell in enumerate(shown) if cell == SMALL]
    assert {i for i, n in enumerate(counts) if n < 10} <= set(hidden)
    known = released(releases, "x", "ill", low=0.0, high=40.0, minimum=10, cut=CUT)
    found = bounds(known, *[((EDGES[i], EDGES[i + 1]), ALL) for i in hidden])
    for i, (least, most) in zip(hidden, found, strict=True):
        assert least <= counts[i] <= most
        assert least < most, f"cell {i} must be {least}"


@pytest.mark.parametrize("missing", [0, 3, 9, 12])
def test_missing_values_beside_a_small_cell(missing):
    """The number of missing values and the total of the column are known."""
    counts = [40, 4, 25, 30]
    table = frame([counts[0] + missing, *counts[1:]])
    table.loc[: missing - 1, "x"] = np.nan
    releases = releases_of(table)
    assert releases["x missing"] == missing
    known = released(releases, "x", "ill", low=0.0, high=40.0, minimum=10, cut=CUT)
    ((least, most),) = bounds(known, ((10, 20), ALL))
    assert least <= 4 <= most
    assert least < most


@pytest.mark.parametrize("ill", [0, 1, 4, 9])
@pytest.mark.parametrize("inverted", [False, True])
def test_a_small_group(ill, inverted):
    """So few rows have the flag (or lack it): no release says how many, not even the mean of the flag."""
    table = frame([60, 60, 40, 40], ill=ill)
    if inverted:
        table["ill"] = ~table["ill"].astype(bool)
    releases = releases_of(table)
    for name in ("test", "table", "ill mean", "ill sd", "fit"):
        assert releases[name] == SMALL, name
    flat = [cell for row in releases["correlation"]["values"] for cell in row]
    assert flat[8] == SMALL
    known = released(releases, "x", "ill", low=0.0, high=40.0, minimum=10, cut=CUT)
    ((least, most),) = bounds(known, (None, [NO if inverted else YES]))
    assert least <= ill <= most
    assert least < most


def test_ten_of_a_group_are_shown():
    releases = releases_of(frame([60, 60, 40, 40], ill=10))
    assert releases["ill mean"] == pytest.approx(0.05)
    assert releases["test"]["n"] == [190, 10]
    known = released(releases, "x", "ill", low=0.0, high=40.0, minimum=10, cut=CUT)
    assert bounds(known, (None, [YES])) == [(10, 10)]


def test_the_tool_finds_what_a_table_gives_away():
    """Were only the small cell suppressed, the total would tell it."""
    releases = releases_of(frame([40, 3, 25, 30]))
    releases["x histogram"]["counts"] = [40, 3, 25, 30]
    known = released(releases, "x", "ill", low=0.0, high=40.0, minimum=10, cut=CUT)
    known.counts = [40, SMALL, 25, 30]
    from tests.support.inference import Program

    assert Program.of(known).solve(Program.of(known).count((10, 20))) == (3, 3)


def test_hospital_statistics_with_a_small_group():
    """The whole scenario, on its own data with nine malignant patients."""
    files = samples(load("hospital_statistics"))
    tables = {name: pd.read_csv(file["patients"]) for name, file in files.items()}
    left = 9
    for name, table in tables.items():
        ill = table["malignant"].astype(bool)
        tables[name] = pd.concat([table[~ill], table[ill].head(3 if left else 0)])
    loaded = load("hospital_statistics").scenario
    releases = simulate(loaded, {n: {"patients": t} for n, t in tables.items()}, engine="ideal").releases
    pooled = pd.concat(tables.values())
    pooled.attrs["rows"] = [len(table) for table in tables.values()]
    wanted = loaded.oracle(pooled, SimpleNamespace(minimum_cohort=10))
    for name in ("malignant mean", "malignant sd", "malignant by measurements", "size by diagnosis"):
        assert releases[name] == wanted[name] == SMALL, name
    histogram = releases["radius histogram"]
    assert histogram["counts"] == wanted["radius histogram"]["counts"]
    named = {"rows": releases["patients"], "table": SMALL, "test": releases["radius, malignant against benign"]}
    known = released({**releases, **named}, "radius", "malignant", low=0.0, high=50.0, minimum=10, cut=[0, 13, 15, 50])
    hidden = [i for i, cell in enumerate(histogram["counts"]) if cell == SMALL]
    assert hidden
    edges = histogram["edges"]
    counts = np.histogram(pooled["radius"], edges)[0]
    goals = [((edges[i], edges[i + 1]), ALL) for i in hidden]
    found = bounds(known, *goals, (None, [YES]))
    for value, (least, most) in zip([*counts[hidden], 9], found, strict=True):
        assert least <= value <= most
        assert least < most

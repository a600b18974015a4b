"""Quantiles by group of shared rows, against numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Category, Flag, Integer, Real, Scenario, Table
from mpc.errors import ConfigError, ShapeError
from protocols import statistics as st
from protocols.simulate import simulate
from tests.support.messages import by_operation

ENGINES = ["ideal", *[pytest.param(engine, marks=pytest.mark.slow) for engine in ("replicated", "shamir")]]
ARMS = ["placebo", "low", "high"]
FEW = "suppressed (fewer than 5)"
QUARTILES = [0.25, 0.5, 0.75]


class Trial(Table):
    arm = Category(*ARMS)
    treated = Flag()
    pain = Integer(-50, 50)
    weight = Real(-100, 100)


def run_of(script, frame, minimum=1, engine="ideal", places=None):
    scenario = Scenario(inputs={"trial": Trial.rows()}, parameters={"minimum_cohort": minimum})

    @scenario.run
    async def run(study):
        table = study.table("trial")
        script(study, table.share(rows=places or len(frame) + 2), table)

    names = "abcde" if engine == "shamir" else "abc"
    tables = {name: {"trial": frame.iloc[k :: len(names)]} for k, name in enumerate(names)}
    return simulate(scenario, tables, engine=engine)


def released(script, frame, **options):
    return run_of(script, frame, **options).releases


def frame_of(*sizes, seed=1):
    made = np.random.default_rng(seed)
    arm = np.repeat(ARMS, sizes).astype(object)
    n = len(arm)
    frame = pd.DataFrame({"arm": arm, "treated": arm != "placebo"})
    frame["pain"] = made.integers(-50, 51, n).astype(float)
    frame["weight"] = made.uniform(-100, 100, n).round(4)
    return frame.sample(frac=1, random_state=seed).reset_index(drop=True)


def known(frame, column, q, by="arm", groups=ARMS):
    rows = frame[[column, by]].dropna()
    parts = [rows.loc[rows[by] == group, column] for group in groups]
    return [
        [len(part), *np.quantile(part, q)] if len(part) else [0, *["undefined: no rows"] * len(q)] for part in parts
    ]


def near(found, wanted):
    for a, b in zip(found, wanted, strict=True):
        assert a[0] == b[0]
        for x, y in zip(a[1:], b[1:], strict=True):
            assert x == y if isinstance(y, str) else x == pytest.approx(y, abs=1e-5), (found, wanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_quartiles_by_arm(engine):
    frame = frame_of(7, 12, 9)
    frame.loc[[1, 5], "pain"] = np.nan
    frame.loc[[2, 9], "arm"] = None

    def script(study, rows, _):
        study.release("pain", st.quantiles(rows.pain, QUARTILES, by=rows.arm))
        study.release("weight", st.quantiles(rows.weight, [0.9, 0.1], by=rows.treated))

    found = released(script, frame, engine=engine)
    assert found["pain"]["rows"] == ARMS
    assert found["pain"]["columns"] == ["n", "25 %", "median", "75 %"]
    near(found["pain"]["values"], known(frame, "pain", QUARTILES))
    assert found["weight"]["rows"] == ["no", "yes"]
    assert found["weight"]["columns"] == ["n", "90 %", "10 %"]
    near(found["weight"]["values"], known(frame, "weight", [0.9, 0.1], "treated", [False, True]))


@pytest.mark.parametrize("sizes", [(1, 2, 3), (0, 4, 1), (0, 0, 0), (5, 0, 0), (1, 0, 0), (0, 0, 6)])
def test_small_and_empty_groups(sizes):
    frame = frame_of(*sizes)
    q = [0.05, 1 / 3, 0.5, 0.975]
    found = released(lambda study, rows, _: study.release("q", st.quantiles(rows.weight, q, by=rows.arm)), frame)
    near(found["q"]["values"], known(frame, "weight", [*q[:1], 333 / 999, *q[2:]]))


@pytest.mark.parametrize("engine", ENGINES)
def test_ties_constants_and_extremes(engine):
    frame = frame_of(6, 6, 6)
    frame.loc[frame.arm == "placebo", "pain"] = 3
    frame.loc[frame.arm == "low", "pain"] = [50, 50, -50, -50, 50, 0]
    frame.loc[frame.arm == "high", "weight"] = [100, -100, 100, -100, 100, 100]

    def script(study, rows, _):
        study.release("pain", st.quantiles(rows.pain, by=rows.arm))
        study.release("weight", st.quantiles(rows.weight, [0.2, 0.5], by=rows.arm))

    found = released(script, frame, engine=engine)
    near(found["pain"]["values"], known(frame, "pain", QUARTILES))
    near(found["weight"]["values"], known(frame, "weight", [0.2, 0.5]))


def test_all_missing():
    frame = frame_of(3, 3, 3)
    frame["pain"] = np.nan
    found = released(lambda study, rows, _: study.release("q", st.quantiles(rows.pain, [0.5], by=rows.arm)), frame)
    assert found["q"]["values"] == [[0, "undefined: no rows"]] * 3


def test_suppression():
    def quartiles(study, rows, _):
        study.release("q", st.quantiles(rows.pain, by=rows.arm))

    frame = frame_of(60, 45, 12)
    found = released(quartiles, frame, minimum=5)["q"]["values"]
    near(found[:2], known(frame, "pain", QUARTILES)[:2])
    assert found[2] == [12, FEW, FEW, FEW]  # a quarter of the rows must be enough
    found = released(quartiles, frame_of(60, 45, 3), minimum=5)["q"]["values"]
    assert found[0] == found[2] == [FEW] * 4  # placebo hides how few have the high dose
    assert found[1][0] == 45


def test_filtered_rows():
    frame = frame_of(30, 24, 27)

    def script(study, rows, _):
        kept = rows.filter(rows.weight > 0)
        study.release("q", st.quantiles(kept.pain, by=kept.arm))

    near(released(script, frame)["q"]["values"], known(frame[frame.weight > 0], "pain", QUARTILES))


@pytest.mark.slow
def test_messages_and_rounds_do_not_depend_on_the_rows():
    def script(study, rows, _):
        study.release("q", st.quantiles(rows.weight, by=rows.arm))

    frames = [frame_of(*sizes) for sizes in [(20, 20, 20), (0, 60, 0), (1, 2, 57)]]
    frames[1]["weight"] = 5.0
    runs = [run_of(script, frame, minimum=5, engine="replicated", places=30) for frame in frames]
    for other in runs[1:]:
        assert other.cost == runs[0].cost
        assert by_operation(other.network.messages) == by_operation(runs[0].network.messages)
    assert runs[0].cost.rounds == 40


def test_what_is_refused():
    def wrong(study, rows, table):
        for make, error, words in [
            (lambda: st.quantiles(table.pain, by=table.arm), ShapeError, r"table.share\(rows=1000\)"),
            (lambda: st.quantiles(rows.pain, by=table.arm), ShapeError, r"table.share\(rows=1000\)"),
            (lambda: st.quantiles(rows.treated, by=rows.arm), ShapeError, "numbers"),
            (lambda: st.quantiles(rows.pain, by=rows.weight), ShapeError, "a category or a flag"),
            (lambda: st.quantiles(rows.pain[:3], by=rows.arm), ShapeError, "one table"),
            (lambda: st.quantiles(rows.pain, [0, 0.5], by=rows.arm), ConfigError, "between 0 and 1"),
            (lambda: st.quantiles(rows.pain, [0.5, 0.5], by=rows.arm), ConfigError, "distinct"),
            (lambda: st.quantiles(rows.pain, [], by=rows.arm), ConfigError, "between 0 and 1"),
        ]:
            with pytest.raises(error, match=words):
                make()

    assert released(wrong, frame_of(3, 3, 3)) == {}

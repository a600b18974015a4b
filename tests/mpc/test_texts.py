"""Columns of texts: read as they are written, counted, and good for nothing else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mpc import Flag, Real, Scenario, Study, Table, Text
from mpc.errors import DataError, ShapeError
from mpc.tables.entries import expected, problems, read
from mpc.tables.rows import absent
from mpc.tables.texts import LONGEST, TextColumn
from protocols.simulate import simulate

NAME = TextColumn("name", ("?",))


@pytest.mark.parametrize(
    "values",
    [
        ["Zoë ", None, "?", " 007", 7, ""],
        np.array(["Zoë", None, np.nan, "007", 7, "?"], object),
        pd.Series(["Zoë", None, pd.NA, "007", 7, " "]),
    ],
)
def test_texts_are_read_as_they_are_written(values):
    entries = read(NAME, values)
    assert entries.values.tolist() == ["Zoë", None, None, "007", "7", None]
    assert absent(entries.values).tolist() == [False, True, True, False, False, True]
    assert entries.missing.sum() == 3
    assert not entries.invalid.any()
    assert not entries.outside(NAME).any()


def test_numbers_are_texts_if_they_are_whole():
    assert read(NAME, np.array([3012, 7])).values.tolist() == ["3012", "7"]
    assert read(NAME, np.array([3.5, np.nan])).invalid.tolist() == [True, False]
    assert read(NAME, [True, "x" * LONGEST, "x" * (LONGEST + 1), b"x"]).invalid.tolist() == [True, False, True, True]


def test_messages_show_no_text():
    entries = read(NAME, [1.5, "x"])
    (line,) = problems("table People", NAME, 2, int(entries.invalid.sum()), 0)
    assert line == "table People, column name: 1 of 2 values are no texts of up to 256 characters (expected a text)"
    assert expected(NAME) == "a text"
    assert NAME.describe() == {"type": "text", "missing": ["?"]}


class People(Table):
    name = Text()
    other = Text()
    age = Real(0, 120)
    sick = Flag()


def tried(make):
    trial = Scenario(inputs={"people": People.rows()}, parameters={"minimum_cohort": 1})

    @trial.run
    async def run(study: Study) -> None:
        study.release("made", make(study.table("people")))

    frame = {
        "name": [None if k % 5 == 0 else f"n{k}" for k in range(20)],
        "other": ["x"] * 20,
        "age": list(range(20)),
        "sick": [k % 2 == 0 for k in range(20)],
    }
    return simulate(trial, {name: {"people": frame} for name in "abc"}).releases["made"]


def test_rows_with_and_without_text_are_counted():
    assert tried(lambda p: p.name.count()) == 48
    assert tried(lambda p: p.name.missing()) == 12
    assert tried(lambda p: p[p.name.isna()].age.sum()) == 3 * (0 + 5 + 10 + 15)
    assert tried(lambda p: p.share(rows=20).count()) == 60
    assert "name" not in str(tried(lambda p: p.share(rows=20).age.sum()))


@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.name + 1,
        lambda p: p.age * p.name,
        lambda p: p.name == p.other,
        lambda p: p.name == "x",
        lambda p: p.name < p.other,
        lambda p: abs(p.name),
        lambda p: p.name.clip(0, 1),
        lambda p: p.name.cut([0, 1]),
        lambda p: p.name.sum(),
        lambda p: p.name.mean(),
        lambda p: p.name.histogram([0, 1]),
        lambda p: p.name.year,
        lambda p: p.name.share(rows=20),
        lambda p: p[["name", "age"]].corr(),
        lambda p: p.group_by("name").count(),
        lambda p: p.group_by("sick").name.mean(),
        lambda p: p.name & p.sick,
        lambda p: ~p.name,
        lambda p: p[p.name],
    ],
)
def test_a_text_has_no_order_no_arithmetic_and_no_release(make):
    with pytest.raises(ShapeError):
        tried(make)


def test_the_refusal_teaches():
    with pytest.raises(ShapeError, match=r"a text has no order .* never shared or released. Link rows by it"):
        tried(lambda p: p.name < p.other)


def test_data_that_are_no_texts_are_refused():
    scenario = Scenario(inputs={"people": People.rows()})
    frame = {"name": [1.5], "other": ["x"], "age": [1], "sick": [True]}
    with pytest.raises(DataError, match="1 of 1 values are no texts"):
        simulate(scenario, {name: {"people": frame} for name in "abc"})

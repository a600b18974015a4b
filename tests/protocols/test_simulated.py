"""What `simulate` gives, as a notebook shows it."""

import html
import re

import numpy as np
import pytest

from protocols.simulate import simulate
from protocols.simulated import cells_of
from tests.support import every_release

ROWS = {"age": np.arange(20.0, 60.0), "smoker": np.arange(40) % 3 == 0, "ward": ["surgery", "medicine"] * 20}


@pytest.fixture(scope="module")
def result():
    tables = {name: {"people": ROWS} for name in ("county", "north", "st-mary")}
    return simulate(every_release.scenario, tables, engine="ideal")


def test_repr_is_one_short_line(result):
    assert len(repr(result)) < 200
    assert "\n" not in repr(result)
    assert re.match(
        rf"<{len(result.releases)} releases: count, largest, .*…; [\d,]+ rounds, at most [\d,]+ bytes", repr(result)
    )


def test_to_pandas_has_a_row_for_each_number(result):
    table = result.to_pandas()
    assert list(table.columns) == ["release", "row", "column", "value", "words"]
    assert table.value.dtype == float

    def of(name):
        return table[table.release == name].set_index(["row", "column"])

    assert of("count").value.tolist() == [120.0]
    assert of("enough").value.tolist() == [1.0]
    assert of("nobody").words.tolist() == ["suppressed (fewer than 5)"]
    assert of("nobody").value.isna().all()
    assert of("pair").value.to_dict() == pytest.approx({("1", ""): 39.5, ("2", ""): 0.35})
    assert of("named pair").value.to_dict() == pytest.approx({("age", ""): 39.5, ("smoker", ""): 0.35})
    assert of("named square").value["second", "smoker"] == pytest.approx(0.35)
    assert of("dict of vectors").value["second", "1"] == pytest.approx(39.5)
    assert of("cube").value["2", "1, 2"] == pytest.approx(39.5)
    assert of("correlation").value["age", "age"] == 1.0
    assert ("30 to 60", "") in of("age histogram").index
    assert of("model").value["smoker", "p"] > 0.5
    assert of("model").value["r_squared", ""] < 0.01
    assert of("t-test").value["p", ""] > 0
    assert set(table.release) == set(result.releases) - {"empty", "empty matrix"}


def test_html_is_a_table_of_all_releases(result):
    text = result._repr_html_()
    shown = html.unescape(re.sub("<[^>]*>", " ", text))
    for name in result.releases:
        assert name in shown or name.startswith("empty")
    assert "suppressed (fewer than 5)" in shown
    assert " yes " in shown
    assert "number 19" in shown
    assert "number 20" not in shown  # a long vector is shortened
    assert "…" in shown


def test_nobodys_text_is_markup(result):
    result.releases["<b>x</b>"] = {"labels": ["<i>"], "values": ["<script>"]}
    text = result._repr_html_()
    assert not {"<b>", "<i>", "<script>"} & set(re.findall(r"<\w+>", text))
    del result.releases["<b>x</b>"]


def test_any_form_has_cells():
    assert list(cells_of({"a": {"b": [1, 2], "c": "x"}})) == [("a/b/1", "", 1), ("a/b/2", "", 2), ("a/c", "", "x")]
    assert list(cells_of("words")) == [("", "", "words")]
    assert list(cells_of([])) == []

"""`comity accuracy`: comparisons tell right from wrong, and docs/accuracy.md names the cases that there are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from parties.accuracy import page
from parties.accuracy.compared import estimate, p_value, same, standard_error
from parties.accuracy.joint import declare, outwards
from parties.accuracy.registry import Case, cases
from parties.accuracy.run import run_case
from tests.support.sources import ROOT


def row(*compared, rows="stay", **more):
    return run_case(Case("st.some", "made up", rows, "nobody", lambda joint: iter(compared), **more), "ideal")


def test_a_comparison_has_the_largest_error_and_the_limit_of_its_kind():
    fine = row(estimate("mean", [1.0, 2.0 + 1e-9], [1.0, 2.0]), standard_error("se", 1 + 1e-6, 1))
    assert fine.passed
    assert fine.errors["estimate"] == pytest.approx(5e-10, rel=1e-3)
    assert not row(estimate("mean", 1 + 1e-5, 1)).passed
    assert row(estimate("mean", 1 + 1e-5, 1), rows="shared").passed
    assert not row(estimate("mean", 1 + 1e-5, 1, limit=1e-7), rows="shared").passed
    assert row(estimate("r", 1e-9, 0, scale=1)).passed
    assert not row(estimate("r", 1e-9, 0)).passed


def test_p_values_are_compared_by_size():
    assert row(p_value("p", 0.50009, 0.5)).errors == pytest.approx({"p": 9e-5})
    assert not row(p_value("p", 0.5002, 0.5)).passed
    assert row(p_value("p", 1.009e-20, 1e-20)).passed
    assert not row(p_value("p", 1.02e-20, 1e-20)).passed
    assert not row(p_value("p", 0.0, 1e-20)).passed
    assert row(p_value("p", 0.0, 0.0)).passed


def test_counts_and_suppressed_words_must_be_the_same():
    assert row(same("n", ["suppressed (fewer than 10)", 12], ["suppressed (fewer than 10)", 12])).passed
    assert not row(same("n", [9, 12], ["suppressed (fewer than 10)", 12])).passed
    assert not row(same("n", 12, [12, 12])).passed


def test_words_pass_only_where_a_case_says_so():
    words = "undefined: predictors nearly collinear"
    assert not row(estimate("slope", words, [1.0, 2.0])).passed
    allowed = row(estimate("slope", words, [1.0, 2.0]), may_be=words)
    assert allowed.passed
    assert page.cells(allowed)[-1] == words
    assert not row(estimate("slope", "undefined: no rows", [1.0]), may_be=words).passed
    assert not row(estimate("slope", [np.nan], [1.0]), may_be=words).passed
    assert not row(estimate("slope", [1.0], [1.0, 2.0])).passed


def test_a_shortfall_has_limits_of_its_own_and_says_so():
    short = row(estimate("sd", 1.0005, 1), shortfall="few digits", within={"estimate": 1e-3})
    assert short.passed
    assert "shortfall" in page.cells(short)[-1]
    assert not row(estimate("sd", 1.005, 1), shortfall="few digits", within={"estimate": 1e-3}).passed


def test_errors_are_shown_by_the_power_of_ten_above_them():
    assert [page.bound(error) for error in (3e-8, 1e-30, 0, 0.5, 7, np.inf)] == [
        "1e-7", "1e-10", "1e-10", "1e-0", "7e+00", "wrong"
    ]  # fmt: skip


def test_columns_are_declared_by_what_is_in_them():
    assert outwards([17, 93]) == (10, 100)
    assert outwards([0.0013, 0.0042]) == (0.001, 0.005)
    assert outwards([-3.0, -3.0]) == (-3.0, -3.0)
    frame = pd.DataFrame({"a": [1, 12], "b": [0.25, np.nan], "c": [True, False], "d": ["x", "y"]})
    assert [type(declare(frame[name])).__name__ for name in frame] == [
        "IntegerColumn", "RealColumn", "FlagColumn", "CategoryColumn"
    ]  # fmt: skip


def test_the_page_names_the_cases_that_there_are():
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    for case in cases():
        data = case.data if case.public else f"{case.data} (generated)"
        assert f"| {data} | {case.rows} | {case.by} |" in text, f"{case.name}: comity accuracy --write docs/accuracy.md"


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda case: ", ".join(case.name))
def test_errors_are_within_the_limits(case):
    assert run_case(case, "ideal").problems == []

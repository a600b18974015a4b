"""`comity accuracy`: comparisons tell right from wrong, and docs/accuracy.md names the cases that there are."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from mpc.errors import ConfigError, DataError
from parties.accuracy import page
from parties.accuracy.compared import estimate, p_value, same, standard_error
from parties.accuracy.joint import declare, outwards
from parties.accuracy.libraries import need
from parties.accuracy.registry import Case, cases
from parties.accuracy.run import run_case
from parties.cli.main import main
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
    assert page.cells(allowed)[-1] == f"slope: {words}"
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
    anew = "write the page anew: comity accuracy --write docs/accuracy.md"
    for case in cases():
        assert f"| {case.label} | {case.rows} | {case.by} |" in text, f"{case.name}: {anew}"
        assert f"\n### {case.function}\n" in text, f"{case.name}: {anew}"
    listed = [line for line in text[text.index("## All cases") :].splitlines() if line.startswith("| ")]
    listed = [line for line in listed if not line.startswith(("| data |", "| --- |"))]
    assert len(listed) == len(cases()), anew


def test_every_function_has_six_public_data_sets():
    sets: dict[str, set[str]] = {}
    for case in cases():
        sets.setdefault(case.function, set()).update([case.data] if case.public else [])
    assert {function for function, data in sets.items() if len(data) < 6} == set()


def test_the_command_shows_cases_and_ends_with_1_where_a_limit_is_passed(monkeypatch):
    command = ["accuracy", "--function", "st.odds_ratio", "--engine", "ideal", "--json"]
    known = [case for case in cases() if case.function == "st.odds_ratio"][:1]
    monkeypatch.setattr("parties.accuracy.registry.cases", lambda: known)
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 0
    (shown,) = json.loads(done.stdout)
    assert shown["passed"]
    assert shown["rows"] == "stay"
    assert shown["errors"]["estimate"] < 1e-12
    wrong = replace(known[0], compare=lambda joint: iter([estimate("ratio", 1.1, 1)]))
    monkeypatch.setattr("parties.accuracy.registry.cases", lambda: [wrong])
    done = CliRunner().invoke(main, command[:-1])
    assert done.exit_code == 1
    assert "ratio: estimate off by 1.0e-01, limit 1e-06" in done.stdout
    assert CliRunner().invoke(main, ["accuracy", "--function", "st.none"]).exit_code == 2
    assert CliRunner().invoke(main, [*command, "--write", "page.md"]).exit_code == 2


def test_a_library_that_is_not_installed_is_named_with_what_to_do():
    with pytest.raises(ConfigError, match=r"compares with nolibrary, .* pip install 'comity\[accuracy\]'"):
        need("nolibrary.datasets")


def test_an_error_of_a_protocol_is_a_problem_of_its_row():
    def failing(joint):
        raise DataError("no such column")
        yield

    assert run_case(Case("st.some", "made up", "stay", "nobody", failing), "ideal").problems == [
        "DataError: no such column"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("case", cases(), ids=lambda case: ", ".join(case.name))
def test_errors_are_within_the_limits(case):
    assert run_case(case, "replicated").problems == []

"""What counts as a deviation from the clear."""

import math

import numpy as np
import pandas as pd
import pytest

from mpc import Real, Scenario, Table
from parties.local.oracle import (
    DIFFERS,
    SUPPRESSED,
    OracleFailed,
    attempted,
    compared,
    complaint,
    deviations,
    smallest,
    uncompared,
)


def largest(found, wanted, kind="number"):
    return deviations({"it": found}, {"it": kind}, {"it": wanted})[0]


@pytest.mark.parametrize(
    ("found", "wanted", "kind", "deviation"),
    [
        (101.0, 100.0, "number", 0.01),
        (5, 5, "number", 0.0),
        (0.0, 0.0, "number", 0.0),
        ("suppressed (fewer than 10)", "suppressed (fewer than 10)", "number", 0.0),
        ({"counts": [1, "x"]}, {"counts": [1, "x"]}, "histogram", 0.0),
        ({"labels": ["a"], "values": [[0.001]]}, {"labels": ["a"], "values": [[0.002]]}, "matrix", 0.001),
        ({"rows": ["a"], "values": [[200.0]]}, {"rows": ["a"], "values": [[400.0]]}, "matrix", 0.5),
        ([[200.0]], [[400.0]], "matrix", 0.5),
        ({"p": 1e-9}, {"p": 2e-9}, "test", 1e-9),
        ({"r_squared": 0.51}, {"r_squared": 0.5}, "regression", 0.01),
        # A coefficient near 0 is compared with its standard error; a large one with itself.
        ({"coefficient": [0.02]}, {"coefficient": [0.01], "standard_error": [0.1]}, "regression", math.inf),
        (
            {"coefficient": [0.02], "standard_error": [0.1]},
            {"coefficient": [0.01], "standard_error": [0.1]},
            "regression",
            0.1,
        ),
        ({"t": [0.001], "p": [0.9]}, {"t": [0.002], "p": [0.9]}, "regression", 0.001),
        ({"z": [0.001], "pseudo_r_squared": 0.51}, {"z": [0.002], "pseudo_r_squared": 0.5}, "glm", 0.01),
        (
            {"difference": 0.001, "ci_low": -2.0, "ci_high": 2.0},
            {"difference": 0.002, "ci_low": -2.0, "ci_high": 2.0},
            "test",
            0.001,
        ),
    ],
)
def test_deviation(found, wanted, kind, deviation):
    if math.isinf(deviation):
        assert largest(found, wanted, kind) == DIFFERS
    else:
        assert largest(found, wanted, kind) == pytest.approx(deviation)


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (5.0, "suppressed (fewer than 10)"),
        ("undefined", 5.0),
        (float("nan"), 5.0),
        (5.0, float("nan")),
        ([1.0], [1.0, 2.0]),
        ({"a": 1.0}, {"a": 1.0, "b": 2.0}),
        (None, 1.0),
        (1e-9, 0.0),
    ],
)
def test_another_form_is_no_small_difference(found, wanted):
    assert largest(found, wanted) == DIFFERS


def test_a_release_that_did_not_come_counts():
    worst, details = deviations({"a": 1.0}, {"a": "number"}, {"a": 1.0, "b": 2.0})
    assert (worst, details) == (DIFFERS, {"a": 0.0, "b": DIFFERS})
    assert uncompared({"a": 1.0, "c": 3.0}, {"a": 1.0}) == ["c"]


def test_what_only_the_run_suppresses_is_no_wrong_number():
    small = "suppressed (fewer than 10)"
    releases = {"a": small, "b": [1.0, small], "c": 5.0}
    worst, details = deviations(
        releases, dict.fromkeys(releases, "vector"), {"a": {"t": 1.0}, "b": [1.0, 2.0], "c": 5.0}
    )
    assert (worst, details) == (SUPPRESSED, {"a": SUPPRESSED, "b": SUPPRESSED, "c": 0.0})
    made = scenario_with(None)
    assert compared(made, releases, {}, {"a": {"t": 1.0}, "b": [1.0, 2.0]})["beyond"] == []
    assert compared(made, {"a": [3.0, small]}, {}, {"a": [1.0, 2.0]})["beyond"] == ["a"]


def test_an_oracle_need_not_know_why_something_is_undefined():
    assert largest("undefined: no rows", "undefined") == 0.0
    assert largest("undefined: no rows", "out of range") == DIFFERS


def scenario_with(plaintext):
    made = Scenario(inputs={"t": T.rows()}, tolerance=0.01)
    made.plaintext(plaintext)
    return made


class T(Table):
    x = Real(0, 1)


def test_releases_beyond_the_tolerance_are_named():
    made = scenario_with(lambda t: {"a": np.float32(1.0), "b": pd.Series([1.0, 2.0]), "c": 3, "d": float("nan")})
    wanted = attempted(made, {"t": None}, None)
    assert wanted == {"a": 1.0, "b": [1.0, 2.0], "c": 3, "d": "undefined"}
    found = compared(made, {"a": 1.005, "b": [1.0, 2.1], "c": "undefined", "d": "undefined: no rows"}, {}, wanted)
    assert found["beyond"] == ["b", "c"]
    assert "b: 4.8 × 10⁻²" in complaint(found) or "b: 5.0 × 10⁻²" in complaint(found)
    assert 'c: differs in form; the run gives "undefined", plaintext() gives 3' in complaint(found)
    assert "; the run gives [1, 2.1], plaintext() gives [1, 2]" in complaint(found)
    assert complaint(compared(made, {"a": 1.005}, {}, {"a": 1.0})) == ""


@pytest.mark.parametrize(
    ("found", "wanted", "told"),
    [
        (1.5, [1.5, 2.0], "the run gives 1.5, plaintext() gives [1.5, 2]"),
        ([0.25] * 12, 3, "the run gives [0.25, 0.25, 0.25, 0.25, … 12 in all], plaintext() gives 3"),
        (
            {"labels": ["a"], "values": [1]},
            {"labels": ["b"], "values": [1]},
            'labels: the run gives ["a"], plaintext() gives ["b"]',
        ),
        ({"counts": [1]}, [1], "the run gives {counts: [1]}, plaintext() gives [1]"),
        ({"a": 1}, {"b": 1}, "the run gives {a: 1}, plaintext() gives {b: 1}"),
        ("x" * 99, 1, f'the run gives "{"x" * 59}…, plaintext() gives 1'),
    ],
)
def test_what_differs_in_form_is_told_with_both_forms(found, wanted, told):
    made = scenario_with(None)
    comparison = compared(made, {"r": found}, {}, {"r": wanted, "missing": 1})
    assert comparison["apart"]["r"] == told
    assert f"r: differs in form; {told}" in complaint(comparison)
    assert "missing: differs in form; the run has no release of this name, plaintext() gives 1" in complaint(comparison)


def test_an_error_of_the_oracle_names_its_line():
    found = attempted(scenario_with(lambda t: t["agee"]), {"t": pd.DataFrame({"age": [1]})}, None)
    assert isinstance(found, OracleFailed)
    assert "KeyError: 'agee' (test_oracle.py line" in found.text
    assert complaint(compared(scenario_with(None), {"a": 1.0}, {}, found)) == found.text


def test_a_number_near_0_is_0_where_the_oracle_says_0():
    zero = smallest([T.rows().schema])
    assert zero == 2.0**-28
    for found, wanted, deviation in ((1e-9, 0.0, 0.0), (1e-9, -1e-16, 0.0), (1e-3, 0.0, DIFFERS), (2e-9, 1e-9, 1.0)):
        assert deviations({"it": found}, {}, {"it": wanted}, zero)[0] == pytest.approx(deviation)

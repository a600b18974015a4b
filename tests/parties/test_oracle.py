"""What counts as a deviation from the clear."""

import math

import pytest

from parties.oracle import DIFFERS, deviations, uncompared


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
        ({"values": [[1.0, 0.001]]}, {"values": [[1.0, 0.002]]}, "matrix", 0.001),
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

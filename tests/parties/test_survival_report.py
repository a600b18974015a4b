"""Survival curves and log-rank tests on the terminal, in result.json and in the report."""

from __future__ import annotations

import pytest

from parties.report import page as report
from parties.report import survival_kinds
from parties.report.survival_plots import MOST_CURVES, sparkline, steps
from tests.support.shown import document, shown
from tests.support.survival import patients, released

SMALL = "suppressed (fewer than 10)"
CURVE = {
    "rows": 90,
    "survival": [0.9, SMALL, 0.4],
    "se": [0.03, SMALL, 0.05],
    "ci_low": [0.8, SMALL, 0.3],
    "ci_high": [0.95, SMALL, 0.5],
    "at_risk": [80, SMALL, 20],
    "events": [10, SMALL, 40],
    "median": 9.0,
}


@pytest.mark.parametrize("unicode", [True, False])
def test_a_run_is_shown(unicode):
    run = released(patients(300), minimum=5, engine="ideal")
    content = document(run.releases, {entry.name: entry.kind for entry in run.entries})
    checked = report.check(content)
    assert isinstance(checked.release("private all"), survival_kinds.Survival)
    assert isinstance(checked.release("shared by arm"), survival_kinds.Survival)
    assert isinstance(checked.release("shared test"), survival_kinds.LogRank)
    terminal, page = shown(content, unicode=unicode)
    for text in (terminal, page):
        assert "survival" in text
        assert "95 %" in text
        assert "at risk" in text
        assert "suppressed (fewer than 5)" in text
        assert "chi-square" in text
    assert page.count('aria-label="Survival: ') == 4


def test_a_derived_curve_is_a_curve():
    content = document({"curve": {"grid": [3, 6, 9], **CURVE}}, {"curve": "derived"})
    assert isinstance(report.check(content).release("curve"), survival_kinds.Survival)
    assert "Survival: curve, 1 curves" in shown(content)[1]


def test_small_groups_and_many_groups():
    names = [f"group {k}" for k in range(MOST_CURVES + 1)]
    some = {"grid": [3, 6, 9], "groups": names[:2], "curves": [CURVE, SMALL]}
    many = {"grid": [3, 6, 9], "groups": names, "curves": [CURVE] * len(names)}
    none = {"grid": [3, 6, 9], "groups": names[:2], "curves": [SMALL, SMALL]}
    content = document({"some": some, "many": many, "none": none}, dict.fromkeys(("some", "many", "none"), "survival"))
    terminal, page = shown(content)
    assert terminal.count(SMALL) >= 3
    assert page.count('aria-label="Survival: ') == 1
    assert f"group 1: {SMALL}" in page


@pytest.mark.parametrize("change", [{"survival": [0.9]}, {"curves": [CURVE]}, {"grid": "all"}])
def test_another_form_is_shown_as_it_is(change):
    content = document({"curve": {"grid": [3, 6, 9], **CURVE, **change}}, {"curve": "survival"})
    assert isinstance(report.check(content).release("curve"), dict)
    assert "curve" in shown(content)[0]


def test_steps():
    curve = survival_kinds.Curve.model_validate(CURVE)
    assert steps(curve, [3.0, 6.0, 9.0]) == ([0, 3, 3, 9, 9], [1, 1, 0.9, 0.9, 0.4])
    assert sparkline(curve, [3.0, 6.0, 12.0], "0123456789", ".", 6) == "999994"
    hidden = survival_kinds.Curve.model_validate({**CURVE, "survival": [SMALL] * 3})
    assert sparkline(hidden, [3.0, 6.0, 9.0], "0123456789", ".", 3) == "..."

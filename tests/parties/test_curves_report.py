"""Cumulative hazards and incidences on the terminal and in the report."""

from __future__ import annotations

import pytest

from parties.report import page as report
from parties.report import survival_kinds
from parties.report.survival_plots import MOST_CURVES, steps
from tests.support.shown import document, shown

SMALL = "suppressed (fewer than 10)"
CURVE = {
    "rows": 90,
    "estimate": [0.1, SMALL, 0.4],
    "se": [0.03, SMALL, 0.05],
    "ci_low": [0.05, SMALL, 0.3],
    "ci_high": [0.2, SMALL, 0.5],
    "at_risk": [80, SMALL, SMALL],
    "events": [10, SMALL, 40],
}
HAZARD = {"grid": [3, 6, 9], "what": "cumulative hazard", **CURVE}
CAUSES = {"grid": [3, 6, 9], "what": "cumulative incidence", "causes": ["relapse", "death"]}


@pytest.mark.parametrize("unicode", [True, False])
def test_curves_are_shown(unicode):
    by = {**CAUSES, "groups": ["no", "yes"], "curves": [CURVE, CURVE, SMALL, SMALL]}
    releases = {"hazard": HAZARD, "causes": {**CAUSES, "curves": [CURVE, CURVE]}, "by": by}
    content = document(releases, dict.fromkeys(releases, "curves"))
    checked = report.check(content)
    assert all(isinstance(checked.release(name), survival_kinds.Curves) for name in releases)
    assert checked.release("by").labels == ["no, relapse", "no, death", "yes, relapse", "yes, death"]
    terminal, page = shown(content, unicode=unicode)
    for text in (terminal, page):
        assert "relapse" in text
        assert "at risk" in text
        assert SMALL in text
    assert 'aria-label="Cumulative hazard: hazard, 1 curves"' in page
    assert 'aria-label="Cumulative incidence: by, 2 curves"' in page
    assert "yes, death" in page


def test_a_derived_hazard_is_one():
    content = document({"curve": HAZARD}, {"curve": "derived"})
    assert isinstance(report.check(content).release("curve"), survival_kinds.Curves)


def test_too_many_curves_and_none():
    names = [f"group {k}" for k in range(MOST_CURVES + 1)]
    many = {"grid": [3, 6, 9], "what": "cumulative hazard", "groups": names, "curves": [CURVE] * len(names)}
    none = {**many, "curves": [SMALL] * len(names)}
    _, page = shown(document({"many": many, "none": none}, dict.fromkeys(("many", "none"), "curves")))
    assert "aria-label" not in page.partition("many")[2].partition("none")[0]


@pytest.mark.parametrize("change", [{"estimate": [0.9]}, {"curves": [CURVE, CURVE]}, {"grid": "all"}])
def test_another_form_is_shown_as_it_is(change):
    content = document({"curve": {**HAZARD, **change}}, {"curve": "curves"})
    assert isinstance(report.check(content).release("curve"), dict)
    assert "curve" in shown(content)[0]


def test_steps_rise_from_0():
    curve = survival_kinds.RisingCurve.model_validate(CURVE)
    assert steps(curve, [3.0, 6.0, 9.0], "estimate", 0.0) == ([0, 3, 3, 9, 9], [0, 0, 0.1, 0.1, 0.4])

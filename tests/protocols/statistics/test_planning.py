"""Sample sizes, power and adjusted p-values, against statsmodels."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st_
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.power import NormalIndPower, TTestIndPower
from statsmodels.stats.proportion import proportion_effectsize

from mpc.errors import ConfigError
from protocols import statistics as st


@pytest.mark.parametrize(
    ("effect", "ratio", "alpha"), [(0.5, 1, 0.05), (-0.2, 2, 0.01), (1.3, 0.5, 0.1), (0.05, 1, 0.05)]
)
def test_means_as_statsmodels(effect, ratio, alpha):
    theirs = TTestIndPower()
    for n in (6, 40, 900):
        wanted = theirs.power(abs(effect), n, alpha, ratio=ratio)
        wanted = 1.0 if np.isnan(wanted) else wanted
        assert st.power_means(effect, n=n, ratio=ratio, alpha=alpha) == pytest.approx(wanted, rel=1e-9)
    wanted = theirs.solve_power(abs(effect), power=0.8, alpha=alpha, ratio=ratio)
    assert st.power_means(effect, power=0.8, ratio=ratio, alpha=alpha) == pytest.approx(float(wanted), rel=1e-6)


@pytest.mark.parametrize(("first", "second", "ratio"), [(0.1, 0.2, 1), (0.5, 0.45, 3), (0.0, 0.02, 0.5)])
def test_proportions_as_statsmodels(first, second, ratio):
    effect = abs(proportion_effectsize(first, second))
    wanted = NormalIndPower().power(effect, 120, 0.05, ratio=ratio)
    assert st.power_proportions(first, second, n=120, ratio=ratio) == pytest.approx(wanted, rel=1e-9)
    wanted = NormalIndPower().solve_power(effect, power=0.9, alpha=0.05, ratio=ratio)
    assert st.power_proportions(first, second, power=0.9, ratio=ratio) == pytest.approx(float(wanted), rel=1e-6)


@given(st_.lists(st_.floats(0, 1), max_size=12))
def test_false_discovery_as_scipy(values):
    for ours, theirs in (("fdr_bh", "bh"), ("fdr_by", "by")):
        wanted = stats.false_discovery_control(values, method=theirs) if values else []
        assert st.adjust_p(values, ours) == pytest.approx(list(wanted))


@pytest.mark.parametrize("values", [[], [0.3], [0.01, 0.02, 0.02, 0.5, 1.0, 0.0], [0.04, 0.01, 0.03, 0.005]])
def test_adjusted_as_statsmodels(values):
    """Few examples: statsmodels collects garbage each time, which takes half a second in a full test run."""
    for method in ("bonferroni", "holm"):
        wanted = multipletests(values, method=method)[1] if values else []
        assert st.adjust_p(values, method) == pytest.approx(list(wanted))


def test_words_stay_and_are_no_tests():
    words = "suppressed (fewer than 10)"
    assert st.adjust_p([0.04, words, 0.01], "holm") == [0.04, words, 0.02]
    assert st.adjust_p([words], "fdr_bh") == [words]


@pytest.mark.parametrize(
    "call",
    [
        lambda: st.adjust_p([0.1], "sidak"), lambda: st.adjust_p([1.2], "holm"), lambda: st.adjust_p([np.nan], "holm"),
        lambda: st.power_means(0.5), lambda: st.power_means(0.5, n=3, power=0.8), lambda: st.power_means(0, power=0.8),
        lambda: st.power_means(0.5, n=1), lambda: st.power_means(0.5, power=0.01),
        lambda: st.power_means(np.nan, n=9), lambda: st.power_proportions(-0.1, 0.2, n=9),
        lambda: st.power_proportions(0.2, 0.2, power=0.8), lambda: st.power_means(1e-9, power=0.8),
        lambda: st.power_means(0.5, n=9, alpha=2), lambda: st.power_means(0.5, n=9, ratio=0),
    ],
)  # fmt: skip
def test_other_numbers_are_refused(call):
    with pytest.raises(ConfigError):
        call()

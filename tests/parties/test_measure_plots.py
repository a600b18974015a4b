"""Which measures are drawn as a forest plot."""

from parties.report.kinds import Measures
from parties.report.measure_plots import forest


def test_a_pooled_effect_with_its_prediction_interval():
    names = ["pooled effect, random", "standard error", "a new organization's effect"]
    value = Measures(measures=names, estimate=[0.4, 0.1, 0.4], ci_low=[0.2, None, -0.3], ci_high=[0.6, None, 1.1])
    found = forest(value)
    assert found is not None
    assert found.rows == [(names[0], 0.4, 0.2, 0.6), (names[2], 0.4, -0.3, 1.1)]
    assert found.none == 0


def test_ratios_on_their_own_axis():
    names = ["risk difference", "risk ratio", "odds ratio"]
    value = Measures(
        measures=names, estimate=[0.1, 1.5, "undefined: a cell is 0"], ci_low=[0, 1.1, None], ci_high=[0.2, 2, None]
    )
    found = forest(value)
    assert found is not None
    assert found.rows == [("risk ratio", 1.5, 1.1, 2)]
    assert found.none == 1


def test_other_measures_have_none():
    assert forest(Measures(measures=["F test"], statistic=[3.0], p=[0.1])) is None
    assert forest(Measures(measures=["kappa"], estimate=[0.5], ci_low=[0.4], ci_high=[0.6])) is None
    assert forest(Measures(measures=["odds ratio"], estimate=[2.0], ci_low=[0.0], ci_high=[4.0])) is None

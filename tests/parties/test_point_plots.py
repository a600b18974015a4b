"""Which tables are drawn as ROC curves and distributions, and their plots."""

import pytest

from parties.report import point_plots
from parties.report.kinds import Matrix
from parties.report.svg import drawing

ROC = Matrix(
    rows=["3", "1"],
    columns=["false positive rate", "true positive rate", "positive without", "positive with"],
    values=[[0.1, 0.5, 10, 50], [0.6, 0.9, 60, 90]],
)
SHARES = Matrix(
    rows=["-1", "2.5"],
    columns=["rows up to it", "share", "95 % low", "95 % high"],
    values=[[20, 0.2, 0.1, 0.3], [90, 0.9, 0.8, 1]],
)


def test_which_tables_are_curves():
    assert point_plots.is_roc(ROC)
    assert not point_plots.is_distribution(ROC)
    assert point_plots.is_distribution(SHARES)
    assert not point_plots.is_roc(SHARES)
    words = [["undefined: no rows", 0.5, 0, 1]]
    assert not point_plots.is_roc(Matrix(rows=["3"], columns=ROC.columns, values=words))
    assert not point_plots.is_distribution(Matrix(rows=["low", "high"], columns=SHARES.columns, values=SHARES.values))
    assert not point_plots.is_distribution(Matrix(rows=["1"], columns=SHARES.columns, values=SHARES.values[:1]))
    assert not point_plots.is_roc(Matrix(values=[[1, 2]]))


@pytest.mark.slow
def test_plots():
    with drawing():
        assert "ROC curve: marker, 2 thresholds" in point_plots.roc("marker", ROC)
        assert "Distribution: marker, 2 points" in point_plots.distribution("marker", SHARES)

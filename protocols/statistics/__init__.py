"""Statistics of rows that stay at their owners: each owner reduces its own rows, and the parties combine in secret."""

from protocols.statistics.comparisons import ttest_ind
from protocols.statistics.correlations import correlation
from protocols.statistics.descriptive import Description, describe
from protocols.statistics.logit import logit
from protocols.statistics.odds import odds_ratio
from protocols.statistics.plaintext import hidden_cells
from protocols.statistics.regression import ols
from protocols.statistics.tables import contingency, histogram

__all__ = [
    "Description",
    "contingency",
    "correlation",
    "describe",
    "hidden_cells",
    "histogram",
    "logit",
    "odds_ratio",
    "ols",
    "ttest_ind",
]

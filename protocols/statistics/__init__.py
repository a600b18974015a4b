"""Statistics of rows that stay at their owners: each owner reduces its own rows, and the parties combine in secret."""

from protocols.statistics.comparisons import f_oneway, ttest_1samp, ttest_ind, ttest_rel
from protocols.statistics.correlations import correlation
from protocols.statistics.descriptive import Description, describe
from protocols.statistics.logit import logit
from protocols.statistics.meta_analysis import meta_analysis
from protocols.statistics.plaintext import hidden_cells
from protocols.statistics.ranks import kruskal, mannwhitneyu, spearmanr, wilcoxon
from protocols.statistics.regression import ols
from protocols.statistics.tables import contingency, histogram
from protocols.statistics.two_by_two import agreement, diagnostic, mcnemar, odds_ratio, two_by_two

__all__ = [
    "Description",
    "agreement",
    "contingency",
    "correlation",
    "describe",
    "diagnostic",
    "f_oneway",
    "hidden_cells",
    "histogram",
    "kruskal",
    "logit",
    "mannwhitneyu",
    "mcnemar",
    "meta_analysis",
    "odds_ratio",
    "ols",
    "spearmanr",
    "ttest_1samp",
    "ttest_ind",
    "ttest_rel",
    "two_by_two",
    "wilcoxon",
]

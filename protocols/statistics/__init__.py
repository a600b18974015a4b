"""Statistics of rows that stay at their owners: each owner reduces its own rows, and the parties combine in secret."""

from protocols.statistics.blocks import friedmanchisquare
from protocols.statistics.categories import chi2_contingency, cochran_armitage
from protocols.statistics.comparisons import f_oneway, ttest_1samp, ttest_ind, ttest_rel
from protocols.statistics.correlated import covariance, partial_corr, pearsonr
from protocols.statistics.correlations import correlation
from protocols.statistics.descriptive import Description, describe
from protocols.statistics.equivalence import tost_ind, tost_rel
from protocols.statistics.frequent import top
from protocols.statistics.group_quantiles import quantiles
from protocols.statistics.kendall import kendalltau
from protocols.statistics.kolmogorov import ks_2samp
from protocols.statistics.logit import logit
from protocols.statistics.mantel_haenszel import mantel_haenszel
from protocols.statistics.meta_analysis import meta_analysis
from protocols.statistics.normality import jarque_bera, normaltest
from protocols.statistics.plaintext import hidden_cells
from protocols.statistics.planning import adjust_p, power_means, power_proportions
from protocols.statistics.proportions import proportion, proportions
from protocols.statistics.ranks import kruskal, mannwhitneyu, spearmanr, wilcoxon
from protocols.statistics.rates import rate, standardised_rate, standardised_ratio
from protocols.statistics.regression import ols
from protocols.statistics.roc import roc_auc
from protocols.statistics.shape import moments
from protocols.statistics.spreads import bartlett, levene
from protocols.statistics.tables import contingency, histogram
from protocols.statistics.two_by_two import agreement, diagnostic, mcnemar, odds_ratio, two_by_two

__all__ = [
    "Description",
    "adjust_p",
    "agreement",
    "bartlett",
    "chi2_contingency",
    "cochran_armitage",
    "contingency",
    "correlation",
    "covariance",
    "describe",
    "diagnostic",
    "f_oneway",
    "friedmanchisquare",
    "hidden_cells",
    "histogram",
    "jarque_bera",
    "kendalltau",
    "kruskal",
    "ks_2samp",
    "levene",
    "logit",
    "mannwhitneyu",
    "mantel_haenszel",
    "mcnemar",
    "meta_analysis",
    "moments",
    "normaltest",
    "odds_ratio",
    "ols",
    "partial_corr",
    "pearsonr",
    "power_means",
    "power_proportions",
    "proportion",
    "proportions",
    "quantiles",
    "rate",
    "roc_auc",
    "spearmanr",
    "standardised_rate",
    "standardised_ratio",
    "top",
    "tost_ind",
    "tost_rel",
    "ttest_1samp",
    "ttest_ind",
    "ttest_rel",
    "two_by_two",
    "wilcoxon",
]

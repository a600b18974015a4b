"""Statistics of rows that stay at their owners: each owner reduces its own rows, and the parties combine in secret."""

from protocols.statistics.counts.categories import chi2_contingency, cochran_armitage
from protocols.statistics.counts.frequent import top
from protocols.statistics.counts.mantel_haenszel import mantel_haenszel
from protocols.statistics.counts.plaintext import hidden_cells
from protocols.statistics.counts.proportions import proportion, proportions
from protocols.statistics.counts.tables import contingency, histogram
from protocols.statistics.counts.two_by_two import (
    agreement,
    diagnostic,
    disproportionality,
    mcnemar,
    odds_ratio,
    two_by_two,
)
from protocols.statistics.hypotheses.comparisons import f_oneway, ttest_1samp, ttest_ind, ttest_rel
from protocols.statistics.hypotheses.correlated import covariance, partial_corr, pearsonr
from protocols.statistics.hypotheses.equivalence import tost_ind, tost_rel
from protocols.statistics.hypotheses.normality import jarque_bera, normaltest
from protocols.statistics.hypotheses.raters import bland_altman, icc
from protocols.statistics.hypotheses.spreads import bartlett, levene
from protocols.statistics.missing.carried import locf
from protocols.statistics.missing.imputation import imputation_model, multiple_imputation
from protocols.statistics.missing.patterns import missing_patterns
from protocols.statistics.missing.rubin import pool_rubin
from protocols.statistics.moments.correlations import correlation
from protocols.statistics.moments.descriptive import Description, describe
from protocols.statistics.moments.geometric import geometric_mean
from protocols.statistics.moments.shape import moments
from protocols.statistics.moments.weighted import weighted_mean, weighted_std
from protocols.statistics.moments.weighted_share import weighted_proportion
from protocols.statistics.planning import adjust_p, power_means, power_proportions
from protocols.statistics.pooling.meta_analysis import meta_analysis
from protocols.statistics.ranks.blocks import friedmanchisquare
from protocols.statistics.ranks.curves import ecdf, roc_curve
from protocols.statistics.ranks.group_quantiles import quantiles
from protocols.statistics.ranks.kendall import kendalltau
from protocols.statistics.ranks.kolmogorov import ks_2samp
from protocols.statistics.ranks.ranks import kruskal, mannwhitneyu, spearmanr, wilcoxon
from protocols.statistics.ranks.robust import mad, trimmed_mean
from protocols.statistics.ranks.roc import roc_auc
from protocols.statistics.rates.rates import rate, standardised_rate, standardised_ratio
from protocols.statistics.regression.gamma import gamma
from protocols.statistics.regression.linear_model import LinearModel, linear_model
from protocols.statistics.regression.logit import logit
from protocols.statistics.regression.mnlogit import mnlogit
from protocols.statistics.regression.ols import ols
from protocols.statistics.regression.poisson import negativebinomial, poisson

__all__ = [
    "Description",
    "LinearModel",
    "adjust_p",
    "agreement",
    "bartlett",
    "bland_altman",
    "chi2_contingency",
    "cochran_armitage",
    "contingency",
    "correlation",
    "covariance",
    "describe",
    "diagnostic",
    "disproportionality",
    "ecdf",
    "f_oneway",
    "friedmanchisquare",
    "gamma",
    "geometric_mean",
    "hidden_cells",
    "histogram",
    "icc",
    "imputation_model",
    "jarque_bera",
    "kendalltau",
    "kruskal",
    "ks_2samp",
    "levene",
    "linear_model",
    "locf",
    "logit",
    "mad",
    "mannwhitneyu",
    "mantel_haenszel",
    "mcnemar",
    "meta_analysis",
    "missing_patterns",
    "mnlogit",
    "moments",
    "multiple_imputation",
    "negativebinomial",
    "normaltest",
    "odds_ratio",
    "ols",
    "partial_corr",
    "pearsonr",
    "poisson",
    "pool_rubin",
    "power_means",
    "power_proportions",
    "proportion",
    "proportions",
    "quantiles",
    "rate",
    "roc_auc",
    "roc_curve",
    "spearmanr",
    "standardised_rate",
    "standardised_ratio",
    "top",
    "tost_ind",
    "tost_rel",
    "trimmed_mean",
    "ttest_1samp",
    "ttest_ind",
    "ttest_rel",
    "two_by_two",
    "weighted_mean",
    "weighted_proportion",
    "weighted_std",
    "wilcoxon",
]

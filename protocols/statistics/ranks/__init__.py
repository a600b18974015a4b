"""The order of rows: rank tests, correlation of ranks, distances of distributions, ROC, quantiles by group."""

"""Tests of hypotheses that follow from moments: means, equivalence, spread, normality, correlation."""

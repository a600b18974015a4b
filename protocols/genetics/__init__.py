"""Genotypes of people: counts of alleles, the Hardy-Weinberg test, and association of many SNPs with a phenotype."""

from protocols.genetics.association import association
from protocols.genetics.counts import allele_counts, allelic, hardy_weinberg
from protocols.genetics.logistic import logistic

__all__ = ["allele_counts", "allelic", "association", "hardy_weinberg", "logistic"]

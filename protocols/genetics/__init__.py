"""Genotypes of people: association of many SNPs with a phenotype."""

from protocols.genetics.association import association

__all__ = ["association"]

"""Counts of rows by categories and flags, and what follows from them: tables, risks and odds, strata, proportions."""

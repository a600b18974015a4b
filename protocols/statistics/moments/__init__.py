"""Sums of columns and of their products: means, deviations, shape, correlation matrices; also by groups."""

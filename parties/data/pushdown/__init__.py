"""Aggregates of an owner's rows, computed in SQL where the rows live."""

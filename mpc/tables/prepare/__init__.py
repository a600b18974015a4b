"""Preparation of private tables at their owner: a small relational algebra, its words, and how NumPy computes it."""

"""Private tables at their owners: rows, expressions, aggregates, and what owners share of them."""

"""Preparation of tables at their owner, in an embedded database: queries as Ibis expressions, and where they run."""

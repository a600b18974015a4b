"""Datasets of an organization: files and databases, their schema, how they are read."""

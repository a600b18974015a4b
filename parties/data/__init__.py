"""Datasets of an organization: files and databases, their schemas, and how they are read."""

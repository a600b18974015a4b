"""Authenticated connections between parties, up to a session."""

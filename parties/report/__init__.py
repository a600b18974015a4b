"""Releases for people: in the plan, on the terminal, as a page."""

"""Releases as people see them: in the plan, on the terminal, as a page."""

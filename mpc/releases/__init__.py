"""A study, its releases, and what guards them."""

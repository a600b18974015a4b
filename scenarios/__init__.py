"""What can be run: one module a scenario, with sample data and its plaintext oracle."""

"""Verbs of secret tables on secret arrays: groups, windows within groups, joins by sorting. Engine-independent.

A table here is a row mask `rows` (bits (n,), set where there is a row) and columns, secret arrays (n,) whose masks say
where a value is missing. Sizes are public, and nothing that is sent or opened depends on what rows hold.
"""

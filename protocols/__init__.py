"""Everything that is a protocol, from a multiplication to a regression; engines below, statistics above."""

"""`comity bench`: how long protocols take between processes, beside what the bytes alone would take."""

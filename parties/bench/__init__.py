"""`comity bench`: how long protocols take between three processes, beside what the bytes alone would take."""

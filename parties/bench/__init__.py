"""`comity bench`: the time of protocols between processes, and the time that their bytes alone would take."""

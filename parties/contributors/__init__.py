"""Organizations that bring rows or receive results, and do not compute."""

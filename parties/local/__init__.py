"""All organizations on one machine: the demo, its rows, its oracle."""

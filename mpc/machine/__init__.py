"""What one party's run is made of: labels, channels, operations, their order and their cost."""

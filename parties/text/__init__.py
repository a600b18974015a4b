"""Text for people on a terminal, made visible and safe."""

"""What people read on a terminal, made visible and safe."""

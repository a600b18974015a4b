"""Three parties, replicated sharing over Z_2^64. `engine.ReplicatedEngine` is imported by whoever makes one."""

"""What a process asks of its machine: locked keys, private files, memory, kernels, the event loop, signals."""

"""What a process asks of its machine: locks, memory, kernels, the event loop, how it is stopped."""

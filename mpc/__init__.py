"""The abstract machine of one party in one run: values, labels, scheduling, engines, channels, releases.

No sockets, files, clocks or environment: whoever assembles a run brings them. Importing this package imports
nothing heavy.
"""

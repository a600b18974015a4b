"""Programs written for MPyC, run between authenticated parties: see docs/mpyc-programs.md.

A process is one party of one program. MPyC keeps its runtime in globals of its modules and reads `sys.argv` when it is
imported, so `guard` imports it once, inside a run, with arguments of ours; `protocols`, which replaces what touches
the network in it, is imported after that. Nothing here is imported by the rest of Comity.
"""

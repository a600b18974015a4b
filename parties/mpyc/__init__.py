"""Programs written for MPyC, run between authenticated parties: see docs/mpyc-programs.md.

A process is one party of one program. MPyC keeps its runtime in globals of its modules and reads `sys.argv` when it is
imported. So `guard` imports it once, inside a run, with arguments that Comity sets. `lifecycle`, which replaces the
functions of MPyC that use the network, is imported after that. The rest of Comity imports nothing from here.
"""

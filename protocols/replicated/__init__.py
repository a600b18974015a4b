"""Three parties, replicated sharing over Z_2^64: one corruption, semi-honest, honest majority.

    sharing     components of a value       roles       chunks, and the parties D, E and F of each
    masks       masks from streams          wire        words as bytes
    local       steps that send nothing     opening     revealing
    arithmetic  input, multiply             matmul      matrix products
    truncate    dropping bits               fused       product and truncation in one
    boolean     and, prefix or              compare     sign
    quick       sign in three rounds        limbs       integers through floating point
    thresholds  signs for many thresholds   rows        whole rows == 0
    exact       floor and nearest           recompose   words of bits as integers
    convert     integers to bits and back   equality    x == 0
    owner       bits from and to D          outside     organizations that do not compute
    lookup      functions by tables         exponential e^x by a table
    count       a table at a number of bits
    orders      secret orders of rows       hops        the way of rows through an order
    sort        by comparisons              radix       by digits
    keys        compared in the open        select      rows by rank
    kernels     compiled loops              scenarios   protocols that scenarios bring
    declared    protocols by primitive      engine      all of it behind mpc.machine.engine.Engine

Semi-honest security: a party that sends wrong messages can change results unnoticed. Truncations add a dither that the
compute parties know: an opened truncated value locates the exact value to one unit, as a floor would.
This module imports nothing, because `protocols.replicated.engine` loads numba.
"""

"""Three parties, replicated sharing over Z_2^64: one corruption, semi-honest, honest majority.

    sharing     what a party holds          roles       chunks, and who is D, E and F in each
    masks       streams as masks            wire        words as bytes
    local       what sends nothing          opening     revealing
    arithmetic  input, multiply             matmul      matrix products
    truncate    dropping bits               fused       product and truncation in one
    boolean     and, prefix or              compare     sign
    quick       sign in three rounds        limbs       integers through floating point
    thresholds  several of either at once   rows        whole rows == 0
    exact       floor and nearest           recompose   words of bits as integers
    convert     integers to bits and back   equality    x == 0
    lookup      functions by tables
    orders      secret orders of rows       hops        how rows travel through one
    sort        by comparisons              radix       by digits
    keys        compared in the open        select      rows of given ranks
    kernels     compiled loops, and those of orders
    declared    what is which primitive     engine      all of it behind mpc.machine.engine.Engine

Passive security: a party that sends other messages than it should can change results unseen. Truncated values are
dithered with a dither the servers know: an opened one tells where its exact value lies to one unit, as a floor would.
Nothing is imported here: `protocols.replicated.engine` loads numba.
"""

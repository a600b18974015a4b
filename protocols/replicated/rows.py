"""Zero tests of whole rows: A and -B of x = A + B are hashed to a word each, and the words are compared.

Each party hashes a side that it knows, so the hash need not be linear. A row of any length costs one test.
"""

from __future__ import annotations

import numpy as np

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.shapes import rows_of, size_of
from protocols.chunks import each
from protocols.declared import Task
from protocols.replicated import kernels, kernels_hash
from protocols.replicated.declared import declare
from protocols.replicated.equality import CHUNK, is_zero, is_zero_load
from protocols.replicated.roles import Chunk, D, E, cut, load
from protocols.replicated.sharing import Arithmetic, Bits, integers

_KEYS = b"hash"


async def rows_zero(party: Party, x: Arithmetic) -> Bits:
    """A bit for each row: 1 if all elements of the row are 0.

    Shapes    x: (..., c), n rows of c > 0 elements; result: (...)
    Ring      elements are 0 modulo 2^64
    Rounds    7
    Bytes     those of `equal` on n elements of 64 bits
    Error     a nonzero row counts as 0 with probability 2^-64 over the key, which does not depend on the data: at most
              n 2^-64 for all rows
    Security  semi-honest, as `equal`; it does not rest on the key, which is public and drawn for this operation
    Raises    ShapeError
    Source    Dietzfelbinger, STACS 1996 (a strongly universal hash without primes)
    """
    integers("rows_zero", x)
    shape = rows_of(x.shape)
    await kernels.loaded(kernels_hash.GROUP, party.env.busy)
    out = np.empty((2, size_of(shape)), np.uint8)
    columns = x.shape[-1]
    keys = np.empty((2, columns + 1), np.uint64)
    party.keys.common.fill(keys, party.label, _KEYS)
    table = x.data.reshape(2, -1, columns)

    async def step(chunk: Chunk) -> None:
        start, stop, _, _ = chunk
        role = chunk.roles(party.index)[0]
        sides = np.zeros((2, stop - start), np.uint64)
        data = table[:, start:stop]
        if role == D:
            kernels_hash.hashed(data[0] + data[1], keys, sides[0])
        else:
            other = 1 if role == E else 0
            kernels_hash.hashed(np.negative(data[other]), keys, sides[other])
            np.negative(sides[other], out=sides[other])
        await is_zero(party, chunk, sides, 64, out[:, start:stop])

    await each(party, cut(party.label, out.shape[1], chunk=CHUNK), step)
    return Bits(out, shape, 1)


def rows_zero_cost(label: bytes, x: Spec) -> Cost:
    return load(cut(label, size_of(rows_of(x.shape)), chunk=CHUNK), lambda n: is_zero_load(n, 64))


def _work(task: Task) -> float:
    """A hash of the elements of each row, and whether it is 0."""
    return 2.0 * task.size + 25.0 * task.result.size


declare("rows_zero", rows_zero, cost=rows_zero_cost, work=_work, kernels=kernels_hash.GROUP)

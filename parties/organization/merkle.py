"""A hash over many lines that commits to all of them, with a short proof for each: a Merkle tree.

The proof of one of n lines has at most log2(n), rounded up, hashes of 32 bytes.
Source    the tree of RFC 6962 (section 2.1): leaves and inner nodes are hashed with different first bytes, and a node
          without a neighbour moves up unchanged
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256

HASH = 32


def leaf(line: bytes) -> bytes:
    return sha256(b"\0" + line).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaves, at least one."""
    *_, last = _levels(leaves)
    return last[0]


def proofs(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """The proof of each leaf: its neighbours on the way to the root, from below."""
    levels = list(_levels(leaves))
    return [_proof(levels, index) for index in range(len(leaves))]


def proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The proof of one leaf."""
    return _proof(list(_levels(leaves)), index)


def root_by(line: bytes, index: int, count: int, neighbours: Sequence[bytes]) -> bytes | None:
    """The root of a tree with `count` leaves in which `line` is leaf `index`, by its proof; None if the proof has
    another length than such a tree has. Only the proof of this line at this place gives the tree's root."""
    node, left = leaf(line), list(neighbours)
    if not 0 <= index < count:
        return None
    while count > 1:
        if index ^ 1 < count:  # it has a neighbour
            if not left:
                return None
            other = left.pop(0)
            node = _node(other, node) if index & 1 else _node(node, other)
        index, count = index // 2, (count + 1) // 2
    return None if left else node


def _levels(leaves: Sequence[bytes]) -> Iterator[list[bytes]]:
    level = list(leaves)
    yield level
    while len(level) > 1:
        pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
        level = pairs + level[len(level) - len(level) % 2 :]
        yield level


def _proof(levels: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    neighbours = []
    for level in levels[:-1]:
        if index ^ 1 < len(level):
            neighbours.append(level[index ^ 1])
        index //= 2
    return neighbours


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()

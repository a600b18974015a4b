"""What an observer of a simulated run sees of its messages."""

from __future__ import annotations

from collections.abc import Iterable


def by_operation(
    messages: Iterable[tuple[int, int, bytes, int]],
) -> dict[tuple[int, int, bytes], list[tuple[bytes, int]]]:
    """(sender, receiver, label of the operation) -> parts and sizes of its messages, in the order in which they left.

    Operations that do not wait for each other may overtake each other, as fast as the machine computes them. So which
    one is first is not compared.
    """
    found: dict[tuple[int, int, bytes], list[tuple[bytes, int]]] = {}
    for sender, receiver, tag, size in messages:
        found.setdefault((sender, receiver, tag[:16]), []).append((tag[16:], size))
    return found

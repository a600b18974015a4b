"""Streams of keys that a party of three knows, and those that it does not know, for tests of what it sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

from mpc.machine.labels import Streams

#: What is drawn in place of the stream (purpose, part): None for a mask that is taken away.
Change = Callable[[bytes, int], tuple[bytes, int] | None]


class Zeros(Streams):
    """A stream the party under test knows: zeros stand for any fixed value."""

    def __init__(self) -> None:
        super().__init__(bytes(16))

    def fill(self, out: NDArray[Any], label: bytes, purpose: bytes, part: int = 0) -> None:
        out[...] = 0


class Changed(Streams):
    """A stream it does not know, after `change(purpose, part)`, which gives None for a mask that is taken away."""

    def __init__(self, key: bytes, change: Change, seen: set[bytes]) -> None:
        super().__init__(key)
        self.change, self.seen = change, seen

    def fill(self, out: NDArray[Any], label: bytes, purpose: bytes, part: int = 0) -> None:
        self.seen.add(purpose)
        changed = self.change(purpose, part)
        if changed is None:
            out[...] = 0
        else:
            super().fill(out, label, *changed)

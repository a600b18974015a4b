"""Streams of keys that a party of three knows, and those that it does not know, for tests of what it sees."""

from __future__ import annotations

from mpc.machine.labels import Streams


class Zeros:
    """A stream the party under test knows: zeros stand for any fixed value."""

    def fill(self, out, label, purpose, part=0):
        out[...] = 0


class Changed:
    """A stream it does not know, after `change(purpose, part)`, which gives None for a mask that is taken away."""

    def __init__(self, key, change, seen):
        self.streams, self.change, self.seen = Streams(key), change, seen

    def fill(self, out, label, purpose, part=0):
        self.seen.add(purpose)
        changed = self.change(purpose, part)
        if changed is None:
            out[...] = 0
        else:
            self.streams.fill(out, label, *changed)

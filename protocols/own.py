"""Protocols on shares that a scenario brings itself: declared in its file, called on its values.

A protocol on shares works below bounds, masks and releases: it can send anything to anybody, and what it gives is what
its author states. So `comity plan` says which lines of a scenario do that, its source is part of what all parties agree
to, and people who know such protocols must have read it. It schedules no openings of values: those remain with
releases; but nothing keeps a protocol that lies from sending its shares.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from mpc.machine.engine import Spec
from mpc.machine.primitives import Primitive
from mpc.values.secret import SecretArray
from mpc.values.stated import BIT, Stated

__all__ = ["BIT", "OwnProtocol", "Spec", "Stated"]

X = TypeVar("X", bound=SecretArray)


class OwnProtocol:
    """A primitive that a scenario adds to the engines; call it on values.

    name        how plans, progress and errors call it
    result      result(*specs, **parameters): the specification of what comes out, and ShapeError for what it refuses
    plaintext   plaintext(*arrays, **parameters): the same on raw integers, for mock runs and tests; arrays of Python
                integers, which do not wrap, or of words of bits (uint64)
    replicated  `async def protocol(party, *shares, **parameters)` on shares of `protocols.replicated.sharing`
    shamir      `async def protocol(floor, *arrays, size, **parameters)` on a floor of `protocols.shamir.floor`, for
                each element by itself

    Its cost is tallied: the protocol is run on zeros, once for each shape. With an engine it has no protocol for, a
    script that calls it is refused when it is planned.
    """

    def __init__(
        self,
        name: str,
        *,
        result: Callable[..., Spec],
        plaintext: Callable[..., Any],
        replicated: Callable[..., Any] | None = None,
        shamir: Callable[..., Any] | None = None,
    ) -> None:
        self._stated = Primitive(f"own:{name}", result, hashable=False)
        given = {"ideal": plaintext, "replicated": replicated, "shamir": shamir}
        self._protocols = {engine: protocol for engine, protocol in given.items() if protocol is not None}

    def __call__(self, x: X, *others: SecretArray, result: Stated, **parameters: Any) -> X:
        """Schedule it on x and `others`; returns at once. `result` is what its author has proved, as in `invoke`."""
        x.run.engine.adopt(self._stated, self._protocols)
        return x.invoke(self._stated.name, *others, result=result, **parameters)

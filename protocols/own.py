"""Protocols on shares that a scenario brings: the scenario's file declares them, its script calls them on values.

A protocol on shares works below bounds, masks and releases: it can send anything to any party, and its result is what
its author states. So `comity plan` names the lines of a scenario that call such a protocol, all parties agree to its
source, and people who know such protocols must have read it. A protocol schedules no opening of a value: only releases
do. But nothing stops a dishonest protocol from sending its shares.
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

    name        its name in plans, progress and errors
    result      result(*specs, **parameters): the specification of the result; it raises ShapeError for operands that
                the protocol refuses
    plaintext   plaintext(*arrays, **parameters): the same function of raw integers, for mock runs and tests; arrays of
                Python integers, which do not wrap, or of words of bits (uint64)
    replicated  `async def protocol(party, *shares, **parameters)` on shares of `protocols.replicated.sharing`
    shamir      `async def protocol(floor, *arrays, size, **parameters)` on a floor of `protocols.shamir.floor`,
                elementwise

    The cost is tallied: the engine runs the protocol on zeros, once for each shape. If the study's engine has no
    protocol here, planning refuses a script that calls the primitive.
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
        protocols = {"ideal": plaintext, "replicated": replicated, "shamir": shamir}
        self._protocols = {engine: protocol for engine, protocol in protocols.items() if protocol is not None}

    def __call__(self, x: X, *others: SecretArray, result: Stated, **parameters: Any) -> X:
        """Schedule the protocol on x and `others`; return at once. `result` is what its author has proved, as in
        `invoke`."""
        x.run.engine.adopt(self._stated, self._protocols)
        return x.invoke(self._stated.name, *others, result=result, **parameters)

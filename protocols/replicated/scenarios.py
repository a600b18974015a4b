"""Protocols that scenarios bring: their cost is tallied, and what they give is held against their statement."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from mpc.errors import LocalProtocolError
from mpc.machine.digest import digest
from mpc.machine.engine import Cost, Share, Spec
from mpc.machine.party import Party
from mpc.machine.primitives import Primitive
from protocols.declared import Protocol, per_element
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of
from protocols.tally import tallied


def of_scenario(stated: Primitive, run: Callable[..., Any]) -> Protocol:
    """The protocol `run(party, *shares, **parameters)` as the primitive `stated`."""
    known: dict[Hashable, Cost] = {}

    async def checked(party: Party, *shares: Any, **parameters: Any) -> Share:
        found = await run(party, *shares, **parameters)
        expected = stated.result(*[share.spec for share in shares], **parameters)
        if not isinstance(found, Arithmetic | Bits) or found.spec != expected:
            given = found.spec if isinstance(found, Share) else type(found).__name__
            raise LocalProtocolError(f"{stated.name}: the protocol gives {given}, and states {expected}")
        return found

    def cost(label: bytes, *operands: Spec, **parameters: Any) -> Cost:
        key = (label[0] % 3, operands, digest(sorted(parameters.items())))
        if key not in known:
            shares = [_zeros(stated.name, x) for x in operands]
            spent, inner = tallied(3, label, lambda party: checked(party, *shares, **parameters))
            if inner:  # whose roles follow from the whole label
                return spent
            known[key] = spent
        return known[key]

    return Protocol(stated, checked, False, cost, None, False, per_element(10.0), "", None)


def _zeros(what: str, x: Spec) -> Arithmetic | Bits:
    if x.kind == "order":
        raise LocalProtocolError(f"{what}: a protocol of a scenario takes numbers and bits, and no orders")
    if x.kind == "bits":
        return Bits(np.zeros((2, x.size), dtype_of(x.width)), x.shape, x.width)
    return Arithmetic(np.zeros((2, x.size), np.uint64), x.shape)

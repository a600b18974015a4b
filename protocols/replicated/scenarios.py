"""Protocols that scenarios bring: their cost is tallied, and each result is checked against the statement."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from mpc.errors import LocalProtocolError
from mpc.machine.digest import digest
from mpc.machine.engine import Cost, Share, Spec
from mpc.machine.party import Party
from mpc.machine.primitives import Primitive
from mpc.untyped import Program
from protocols.declared import Protocol, per_element
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of
from protocols.tally import tallied


def of_scenario(stated: Primitive, run: Program) -> Protocol:
    """The protocol `run(party, *shares, **parameters)` as the primitive `stated`."""
    known: dict[Hashable, Cost] = {}

    async def checked(party: Party, *shares: Any, **parameters: Any) -> Share:
        result = await run(party, *shares, **parameters)
        expected = stated.result(*[share.spec for share in shares], **parameters)
        if not isinstance(result, Arithmetic | Bits) or result.spec != expected:
            actual = result.spec if isinstance(result, Share) else type(result).__name__
            raise LocalProtocolError(f"{stated.name}: the protocol returned {actual}, but it states {expected}")
        return result

    def cost(label: bytes, *operands: Spec, **parameters: Any) -> Cost:
        key = (label[0] % 3, operands, digest(sorted(parameters.items())))
        if key not in known:
            shares = [_zeros(stated.name, x) for x in operands]
            spent, inner = tallied(3, label, lambda party: checked(party, *shares, **parameters))
            if inner:  # the roles of inner operations follow from the whole label
                return spent
            known[key] = spent
        return known[key]

    return Protocol(stated, checked, False, cost, None, False, per_element(10.0), "", None)


def _zeros(what: str, x: Spec) -> Arithmetic | Bits:
    if x.kind == "order":
        raise LocalProtocolError(f"{what}: a scenario's protocol takes numbers and bits; it cannot take an order")
    if x.kind == "bits":
        return Bits(np.zeros((2, x.size), dtype_of(x.width)), x.shape, x.width)
    return Arithmetic(np.zeros((2, x.size), np.uint64), x.shape)

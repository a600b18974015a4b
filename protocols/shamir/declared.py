"""The protocols of this engine, by primitive: each module of this folder declares the protocols that it defines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from mpc.machine.engine import Cost, Spec
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES, Primitive
from mpc.untyped import Parameter, Program
from protocols.declared import Protocols, Work
from protocols.shamir.committee import Scheme
from protocols.shamir.operation import Protocol, cost, run
from protocols.shamir.sharing import Numbers, Planes, Words
from protocols.shamir.work import of_bits

PROTOCOLS = Protocols()
declare = PROTOCOLS.declare


def _same(*operands: Spec, **parameters: Any) -> dict[str, Any]:
    return parameters


def declare_on_floor(
    name: str,
    protocol: Protocol,
    *,
    given: Callable[..., dict[str, Parameter]] = _same,
    operands: Callable[..., Sequence[Words]] | None = None,
    widths: Callable[..., Sequence[int]] | None = None,
    work: Work = of_bits,
) -> None:
    """Declare a primitive that is one protocol on a floor: its cost is the protocol itself, run on a tally.

    given     from the operands' specifications and the primitive's parameters, the parameters of the protocol, which
              must be hashable (default: the primitive's parameters)
    operands  from the shares and the primitive's parameters, the arrays for the protocol (default: those of the shares)
    widths    from specifications and parameters, the bits of each array, 0 for numbers (default: as the operands)
    """
    at_party, tallied = on_floor(PRIMITIVES[name], protocol, given, operands, widths)
    declare(name, at_party, cost=tallied, work=work)


def on_floor(
    stated: Primitive,
    protocol: Protocol,
    given: Callable[..., dict[str, Parameter]] = _same,
    operands: Callable[..., Sequence[Words]] | None = None,
    widths: Callable[..., Sequence[int]] | None = None,
) -> tuple[Program, Callable[..., Cost]]:
    """The run and the cost of a primitive that is one protocol on a floor; arguments as `declare_on_floor`."""

    async def at_party(party: Party, scheme: Scheme, *xs: Numbers | Planes, **parameters: Any) -> Numbers | Planes:
        specs = [x.spec for x in xs]
        result = stated.result(*specs, **parameters)
        width = result.width if result.kind == "bits" else 0
        arrays = [x.data for x in xs] if operands is None else operands(*xs, **parameters)
        chosen = given(*specs, **parameters)
        data = await run(party, scheme, protocol, *arrays, size=result.size, result=width, **chosen)
        return Planes(data, result.shape, width) if width else Numbers(data, result.shape)

    def tallied(scheme: Scheme, label: bytes, *specs: Spec, **parameters: Any) -> Cost:
        size = stated.result(*specs, **parameters).size
        bits = [width_of(x) for x in specs] if widths is None else widths(*specs, **parameters)
        return cost(scheme, label, protocol, *bits, size=size, **given(*specs, **parameters))

    return at_party, tallied


def width_of(x: Spec) -> int:
    """Bits of an operand; 0 for numbers."""
    return x.width if x.kind == "bits" else 0

"""Declarations of an engine's protocols, and the engine that follows from the declarations.

Below each protocol stands one call of `declare`: its primitive, its cost, its work, its kernels. The statement of the
primitive in `mpc.machine.primitives` has the result's specification and the checks. A plan joins that result and cost.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MethodType
from typing import Any, NamedTuple

import numpy as np

from mpc.errors import ConfigError, LocalProtocolError
from mpc.machine.engine import Cost, Engine, Spec
from mpc.machine.labels import LABEL_BYTES
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES, Primitive
from mpc.untyped import Parameter, Program

Planned = tuple[Spec, Cost]
#: The first arguments of all functions of an engine's protocols: none, or the sharing scheme.
Setting = tuple[Any, ...]


class Task(NamedTuple):
    """One future call of a primitive; its work follows from this."""

    engine: Declared
    primitive: Primitive
    operands: tuple[Spec, ...]
    parameters: Mapping[str, Any]

    @property
    def result(self) -> Spec:
        return self.primitive.result(*self.operands, **self.parameters)

    @property
    def cost(self) -> Cost:
        return self.engine.plan(self.primitive.name, bytes(LABEL_BYTES), *self.operands, **self.parameters)[1]

    @property
    def size(self) -> int:
        """Elements of the first operand; without operands, those of the result."""
        return self.operands[0].size if self.operands else self.result.size

    @property
    def width(self) -> int:
        """Bits of an element: the parameter `width`, or the width of the first operand's words."""
        width = self.parameters.get("width")
        return int(width) if width else self.operands[0].width if self.operands else 1


#: The processor time of one party for a task, in nanoseconds.
Work = Callable[[Task], float]


def per_element(nanoseconds: float, *, of_result: bool = False) -> Work:
    """`nanoseconds` for each element of the first operand; of the result, if there is no operand or `of_result`."""
    return lambda task: nanoseconds * (task.result.size if of_result else task.size)


def nothing_to_do(task: Task) -> float:
    """No work: too little to count."""
    return 0.0


def copied(task: Task) -> int:
    """How many elements a `view` copies: none for another shape of the same elements, else those of the result."""
    elements = np.empty(task.operands[0].shape, np.uint8)  # nobody looks at them
    made = np.asarray(task.parameters["to"](elements))
    same = made.size == elements.size and made.flags.c_contiguous and made.ctypes.data == elements.ctypes.data
    return 0 if same else int(made.size)


def per_bit(nanoseconds: float, *, of_result: bool = False) -> Work:
    """`nanoseconds` for each bit of the elements that `per_element` counts."""
    return lambda task: nanoseconds * (task.result.size if of_result else task.size) * task.width


@dataclass(frozen=True, eq=False)
class Protocol:
    """An engine's protocol for a primitive.

    run        run(party, *setting, *shares, **parameters): the result, or its coroutine
    local      True if the protocol sends nothing and needs no party: run(*shares, **parameters)
    cost       cost(*setting, label, *operands, **parameters); None if the protocol sends nothing
    plan       as `cost`, but returns (specification of the result, cost): for a protocol that decides the result's form
    remembered whether plans are cached: the cost follows from the label's first byte, and the parameters are hashable
    work       the processor time of one party
    kernels    the group of kernels that the protocol needs besides "base"
    discloses  discloses(*setting, *operands, **parameters), as `Engine.discloses`
    """

    primitive: Primitive
    run: Callable[..., Any]
    local: bool
    cost: Callable[..., Cost] | None
    plan: Callable[..., Planned] | None
    remembered: bool
    work: Work
    kernels: str
    discloses: Callable[..., Mapping[str, int]] | None

    def planned(
        self,
        setting: Setting,
        parties: int,
        label: bytes,
        operands: tuple[Spec, ...],
        parameters: Mapping[str, Parameter],
    ) -> Planned:
        """The specification of the result, and the cost."""
        result = self.primitive.result(*operands, **parameters)
        if self.plan is not None:
            return self.plan(*setting, label, *operands, **parameters)
        if self.cost is None:
            return result, nothing(parties)
        return result, self.cost(*setting, label, *operands, **parameters)


class Protocols(dict[str, Protocol]):
    """The protocols of one engine, by primitive."""

    def declare(
        self,
        name: str,
        run: Program,
        *,
        local: bool = False,
        cost: Callable[..., Cost] | None = None,
        plan: Callable[..., Planned] | None = None,
        whole: bool = False,
        work: Work,
        kernels: str = "",
        discloses: Callable[..., Mapping[str, int]] | None = None,
    ) -> None:
        """Declare the protocol of the primitive `name`; the arguments are those of `Protocol`.

        whole  True if the cost follows from the whole label, as the cost of inner operations does: plans are not cached
        """
        if name in self:
            raise LocalProtocolError(f"the primitive {name} has two protocols: remove one `declare`")
        primitive = PRIMITIVES[name]
        remembered = primitive.hashable and not whole
        self[name] = Protocol(primitive, run, local, cost, plan, remembered, work, kernels, discloses)


class Declared(Engine):
    """An engine whose primitives are the protocols that the modules of its package declare: each becomes a method."""

    #: The protocols of the package.
    protocols: Protocols
    #: The first arguments of their functions.
    setting: Setting = ()

    def __init_subclass__(cls, *, package: str) -> None:
        for module in iter_modules(import_module(package).__path__):
            import_module(f"{package}.{module.name}")
        for name, protocol in cls.protocols.items():
            setattr(cls, name, _method(protocol))

    def __init__(self) -> None:
        #: Protocols that scenarios bring, by primitive.
        self._adopted: dict[str, Protocol] = {}

    def adopt(self, stated: Primitive, protocols: Mapping[str, Program]) -> None:
        known = self._adopted.get(stated.name)
        if known is not None and known.primitive is stated:
            return
        if self.name not in protocols:
            raise ConfigError(
                f"{stated.name}: the script's protocols are for {', '.join(sorted(protocols))}; none is for the "
                f"engine {self.name} of this study. Add one to the script, or name another engine in the study"
            )
        protocol = self._of_scenario(stated, protocols[self.name])
        self._adopted[stated.name] = protocol
        setattr(self, stated.name, MethodType(_method(protocol), self))

    def _of_scenario(self, stated: Primitive, run: Callable[..., Any]) -> Protocol:
        """A protocol that a scenario brings; its cost is tallied."""
        raise LocalProtocolError(f"the engine {self.name} takes no protocols of scenarios")

    def _protocol(self, primitive: str) -> Protocol:
        protocol = self.protocols.get(primitive) or self._adopted.get(primitive)
        if protocol is None:
            raise LocalProtocolError(f"the engine {self.name} has no primitive {primitive!r}")
        return protocol

    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Parameter) -> Planned:
        protocol = self.protocols.get(primitive) or self._protocol(primitive)
        if not protocol.remembered:
            return protocol.planned(self.setting, self.parties, label, operands, parameters)
        first = label[0] % self.parties
        return _remembered(protocol, self.setting, self.parties, first, operands, tuple(parameters.items()))

    def work(self, primitive: str, *operands: Spec, **parameters: Parameter) -> float:
        protocol = self._protocol(primitive)
        return 1e-9 * protocol.work(Task(self, protocol.primitive, operands, parameters))

    def discloses(self, primitive: str, *operands: Spec, **parameters: Parameter) -> Mapping[str, int]:
        disclosed = self._protocol(primitive).discloses
        return {} if disclosed is None else disclosed(*self.setting, *operands, **parameters)

    def groups(self, primitives: Collection[str]) -> list[str]:
        """Groups of kernels that `primitives` need besides "base"."""
        return sorted({self.protocols[name].kernels for name in primitives if name in self.protocols} - {""})


@lru_cache(maxsize=8192)
def _remembered(
    protocol: Protocol,
    setting: Setting,
    parties: int,
    first: int,
    operands: tuple[Spec, ...],
    parameters: tuple[tuple[str, Any], ...],
) -> Planned:
    return protocol.planned(setting, parties, bytes((first,)), operands, dict(parameters))


@lru_cache(maxsize=32)
def nothing(parties: int) -> Cost:
    """The cost of an operation that sends nothing."""
    zero = (0,) * parties
    return Cost(0, zero, zero)


def _method(protocol: Protocol) -> Callable[..., Any]:
    """The protocol as a method. No second coroutine wraps the protocol's coroutine: each message would pass it."""
    run = protocol.run

    def local(self: Declared, party: Party, *shares: Any, **parameters: Any) -> Any:
        return run(*shares, **parameters)

    def called(self: Declared, party: Party, *shares: Any, **parameters: Any) -> Any:
        return run(party, *self.setting, *shares, **parameters)

    return local if protocol.local else called

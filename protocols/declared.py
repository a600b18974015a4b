"""How an engine's protocols are declared beside themselves, and the engine that follows from the declarations.

Below a protocol stands one call of `declare`: which primitive it is, its cost, its work, what else it needs. The
statement in `mpc.machine.primitives` has the result and the checks, so that a plan here is both together.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules
from types import MethodType
from typing import Any, NamedTuple

from mpc.errors import ConfigError, LocalProtocolError
from mpc.machine.engine import Cost, Engine, Spec
from mpc.machine.labels import LABEL_BYTES
from mpc.machine.party import Party
from mpc.machine.primitives import PRIMITIVES, Primitive

Planned = tuple[Spec, Cost]
#: What all functions of an engine's protocols are given first: nothing, or the sharing scheme.
Setting = tuple[Any, ...]


class Task(NamedTuple):
    """One call of a primitive, before it is made: what its work follows from."""

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
        """Elements of the first operand, or of the result where there is none."""
        return self.operands[0].size if self.operands else self.result.size

    @property
    def width(self) -> int:
        """Bits of an element: the parameter `width`, or those of the words."""
        given = self.parameters.get("width")
        return int(given) if given else self.operands[0].width if self.operands else 1


#: Nanoseconds that one party computes in a task.
Work = Callable[[Task], float]


def per_element(nanoseconds: float, *, of_result: bool = False) -> Work:
    """So much for each element of the operand, or of the result where there is no operand."""
    return lambda task: nanoseconds * (task.result.size if of_result else task.size)


def per_bit(nanoseconds: float, *, of_result: bool = False) -> Work:
    """So much for each bit of these elements."""
    return lambda task: nanoseconds * (task.result.size if of_result else task.size) * task.width


@dataclass(frozen=True, eq=False)
class Protocol:
    """How an engine does a primitive.

    run        run(party, *setting, *shares, **parameters): the result, or its coroutine
    local      it sends nothing and needs nobody: run(*shares, **parameters)
    cost       cost(*setting, label, *operands, **parameters); None where nothing is sent
    plan       as `cost`, with the result's specification before the cost, where the protocol decides on its form
    remembered whether its plans are: the cost follows from the first byte of the label, and parameters can be looked up
    work       how long one party computes
    kernels    the group of kernels that it needs besides the first
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
        self, setting: Setting, parties: int, label: bytes, operands: tuple[Spec, ...], parameters: Mapping[str, Any]
    ) -> Planned:
        """Specification of the result, and cost."""
        result = self.primitive.result(*operands, **parameters)
        if self.plan is not None:
            return self.plan(*setting, label, *operands, **parameters)
        if self.cost is None:
            return result, nothing(parties)
        return result, self.cost(*setting, label, *operands, **parameters)


class Protocols(dict[str, Protocol]):
    """Those of one engine, by primitive."""

    def declare(
        self,
        name: str,
        run: Callable[..., Any],
        *,
        local: bool = False,
        cost: Callable[..., Cost] | None = None,
        plan: Callable[..., Planned] | None = None,
        whole: bool = False,
        work: Work = per_element(10.0),  # noqa: B008  (a constant)
        kernels: str = "",
        discloses: Callable[..., Mapping[str, int]] | None = None,
    ) -> None:
        """Declare the protocol of the primitive `name`; the arguments are those of `Protocol`.

        whole  the cost follows from the whole label, as that of inner operations does: no plan is remembered
        """
        if name in self:
            raise LocalProtocolError(f"two protocols for the primitive {name}")
        stated = PRIMITIVES[name]
        remembered = stated.hashable and not whole
        self[name] = Protocol(stated, run, local, cost, plan, remembered, work, kernels, discloses)


class Declared(Engine):
    """An engine whose primitives are the protocols that the modules of its package declare: each becomes a method."""

    #: All its protocols.
    protocols: Protocols
    #: What their functions are given first.
    setting: Setting = ()

    def __init_subclass__(cls, *, package: str) -> None:
        for module in iter_modules(import_module(package).__path__):
            import_module(f"{package}.{module.name}")
        for name, protocol in cls.protocols.items():
            setattr(cls, name, _method(protocol))

    def __init__(self) -> None:
        #: Protocols of a scenario's own, by primitive.
        self._adopted: dict[str, Protocol] = {}

    def adopt(self, stated: Primitive, protocols: Mapping[str, Callable[..., Any]]) -> None:
        known = self._adopted.get(stated.name)
        if known is not None and known.primitive is stated:
            return
        if self.name not in protocols:
            raise ConfigError(
                f"{stated.name}: the script's own protocols are for {', '.join(sorted(protocols))}, none is for the "
                f"engine {self.name}, which this study takes. Add one, or name another engine"
            )
        protocol = self._of_scenario(stated, protocols[self.name])
        self._adopted[stated.name] = protocol
        setattr(self, stated.name, MethodType(_method(protocol), self))

    def _of_scenario(self, stated: Primitive, run: Callable[..., Any]) -> Protocol:
        """A protocol of a scenario's own, whose cost is tallied."""
        raise LocalProtocolError(f"the engine {self.name} takes no protocols of scenarios")

    def _protocol(self, primitive: str) -> Protocol:
        found = self.protocols.get(primitive) or self._adopted.get(primitive)
        if found is None:
            raise LocalProtocolError(f"the engine {self.name} has no primitive {primitive!r}")
        return found

    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Any) -> Planned:
        protocol = self.protocols.get(primitive) or self._protocol(primitive)
        if not protocol.remembered:
            return protocol.planned(self.setting, self.parties, label, operands, parameters)
        first = label[0] % self.parties
        return _remembered(protocol, self.setting, self.parties, first, operands, tuple(parameters.items()))

    def work(self, primitive: str, *operands: Spec, **parameters: Any) -> float:
        protocol = self._protocol(primitive)
        return 1e-9 * protocol.work(Task(self, protocol.primitive, operands, parameters))

    def discloses(self, primitive: str, *operands: Spec, **parameters: Any) -> Mapping[str, int]:
        found = self._protocol(primitive).discloses
        return {} if found is None else found(*self.setting, *operands, **parameters)

    def groups(self, primitives: Collection[str]) -> list[str]:
        """Groups of kernels that these primitives need besides the first."""
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
    """The cost of what sends nothing."""
    zero = (0,) * parties
    return Cost(0, zero, zero)


def _method(protocol: Protocol) -> Callable[..., Any]:
    """The protocol as a method; no coroutine around its own, which every message would pass."""
    run = protocol.run

    def local(self: Declared, party: Party, *shares: Any, **parameters: Any) -> Any:
        return run(*shares, **parameters)

    def called(self: Declared, party: Party, *shares: Any, **parameters: Any) -> Any:
        return run(party, *self.setting, *shares, **parameters)

    return local if protocol.local else called

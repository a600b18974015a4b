"""The interface of an engine, the cost of a primitive, and the public specification of a share.

Only its engine looks into a share. Values are integers: `constant` and `input` take them as int64 and
`open` gives them back as int64; an engine promises exact results as long as every arithmetic value stays within
`-2**capacity < x < 2**capacity`, which the value floor proves before it schedules anything.

Each primitive of `mpc.machine.primitives` is a method `primitive(party, *shares, **parameters)`, plain when it is local
and a coroutine when it sends. `plan` gives the specification of its result and its cost from specifications alone: a
dry run adds up these costs, and tests compare them with the counters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError
from mpc.untyped import Parameter, Program

if TYPE_CHECKING:
    from mpc.machine.primitives import Primitive

Shape = tuple[int, ...]
#: Numbers, words of bits, or a secret order of rows.
Kind = Literal["arith", "bits", "order"]
Integers = NDArray[np.int64]


class Spec(NamedTuple):
    """What is public about a share. `form` belongs to the engine (how a share of bits is held)."""

    shape: Shape
    kind: Kind = "arith"
    width: int = 64
    form: str = ""

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size


@dataclass(frozen=True)
class Cost:
    """Rounds (longest chain of dependent messages), payload bytes and messages sent by each compute party.

    distance  upper bound of the statistical distance from uniform of all masked openings together, for parties that
              must learn nothing; 0: everything is hidden perfectly
    stages    costs of groups of rounds, one after the other, where these differ; (): all rounds are alike. `forecast`
              needs them: two parties that send one after the other take longer than two that send at once
    """

    rounds: int = 0
    bytes_sent: tuple[int, ...] = ()
    messages: tuple[int, ...] = ()
    distance: float = field(default=0.0, compare=False)
    stages: tuple[Cost, ...] = field(default=(), compare=False, repr=False)

    def beside(self, other: Cost) -> Cost:
        """Both at once: rounds overlap, bytes and messages add up."""
        return Cost(max(self.rounds, other.rounds), *self._sums(other))

    def then(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(self.rounds + other.rounds, *self._sums(other), self.in_stages() + other.in_stages())

    def in_stages(self) -> tuple[Cost, ...]:
        """The costs of groups of rounds that are alike, one after the other."""
        return self.stages or ((self,) if self.rounds else ())

    def _sums(self, other: Cost) -> tuple[tuple[int, ...], tuple[int, ...], float]:
        sent, messages = _add(self.bytes_sent, other.bytes_sent), _add(self.messages, other.messages)
        return sent, messages, self.distance + other.distance


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if not a or not b:
        return a or b
    return tuple(x + y for x, y in zip(a, b, strict=True))


class Piece(NamedTuple):
    """A part of a dealt vector: the parties that get it, and its size in bytes."""

    holders: tuple[int, ...]
    octets: int


class Share(ABC):
    """One party's part of a sharing."""

    __slots__ = ()

    @property
    @abstractmethod
    def spec(self) -> Spec: ...


class Engine(ABC):
    """A sharing scheme with its protocols. Stateless between operations: everything travels in `party`."""

    name: str
    #: How many compute parties it takes (they have the indices 0..parties-1).
    parties: int
    #: Arithmetic values stay within -2**capacity < x < 2**capacity.
    capacity: int = 62
    #: Largest error of truncations. 1: the floor, or the floor plus 1; k: an integer less than k below the exact
    #: quotient, or at most k above it.
    rounding: int = 1
    #: Whether masks are long enough only for values within their bounds.
    rests_on_bounds: bool = False

    def prepare(self, primitives: Collection[str]) -> None:  # noqa: B027  (most engines have nothing to prepare)
        """Prepare what these primitives need and an engine does not have at once; takes time, and sends nothing."""

    @abstractmethod
    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Parameter) -> tuple[Spec, Cost]:
        """Specification and cost of `primitive(party, *operands, **parameters)` under `label`."""

    def work(self, primitive: str, *operands: Spec, **parameters: Parameter) -> float:
        """Estimated seconds that one party computes in it, on an ordinary core. Protocols are chosen by it, so it
        follows from public facts and is the same at all parties. 0: too little to count."""
        return 0.0

    def discloses(self, primitive: str, *operands: Spec, **parameters: Parameter) -> Mapping[str, int]:
        """What parties see in the clear in it, besides uniformly random numbers and shares: kind -> how many."""
        return {}

    def worthless(self, spec: Spec) -> Share | None:
        """A stand-in for the result of an operation that raised BoundExceeded on values with an assumed bound. None
        from an engine that sees no values: the error ends the run."""
        return None

    def adopt(self, stated: Primitive, protocols: Mapping[str, Program]) -> None:
        """Take a protocol of a scenario's own as the primitive `stated`; `protocols` has one for each engine's name.

        Raises ConfigError where there is none for this engine.
        """
        raise LocalProtocolError(f"the engine {self.name} takes no protocols of scenarios")

    # ---- organizations that do not compute
    def pieces(self, size: int) -> tuple[Piece, ...]:
        """What `deal` makes of a vector of `size` integers."""
        raise LocalProtocolError(f"the engine {self.name} takes no inputs of organizations that do not compute")

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        """Share a vector outside of a run: the content of each of its `pieces`. `random(n)` gives n fresh bytes.

        No threshold of parties learns anything from the pieces it gets.
        """
        raise LocalProtocolError(f"the engine {self.name} takes no inputs of organizations that do not compute")

    def handed_words(self, x: Spec) -> int:
        """Number of 64-bit words in a part that `hand_out` makes."""
        raise LocalProtocolError(f"the engine {self.name} gives no results to organizations that do not compute")

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        """The value that the parts of all parties, in index order, give, as from `open`. Raises CheckFailed where they
        contradict each other."""
        raise LocalProtocolError(f"the engine {self.name} gives no results to organizations that do not compute")

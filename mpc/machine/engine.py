"""The interface of an engine: the primitives over shares, what each costs, and what a share tells about itself.

A share is opaque to everybody but its engine. Values are integers: `constant` and `input` take them as int64 and
`open` gives them back as int64; an engine promises exact results as long as every arithmetic value stays within
`-2**capacity < x < 2**capacity`, which the value floor proves before it schedules anything.

Each primitive is a method `primitive(party, *shares, **parameters)`, plain when it is local and a coroutine when
it sends. `plan` gives the specification of its result and its cost from specifications alone, so that a dry run
adds up the same formulas that tests hold against the counters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from mpc.errors import LocalProtocolError
from mpc.machine.party import Party

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

    distance  the statistical distance from uniform, at most, that all masked openings together leave to those who must
              not learn: 0 where everything is hidden perfectly
    """

    rounds: int = 0
    bytes_sent: tuple[int, ...] = ()
    messages: tuple[int, ...] = ()
    distance: float = field(default=0.0, compare=False)

    def beside(self, other: Cost) -> Cost:
        """Both at once: rounds overlap, bytes and messages add up."""
        return Cost(max(self.rounds, other.rounds), *self._sums(other))

    def then(self, other: Cost) -> Cost:
        """One after the other."""
        return Cost(self.rounds + other.rounds, *self._sums(other))

    def _sums(self, other: Cost) -> tuple[tuple[int, ...], tuple[int, ...], float]:
        sent, messages = _add(self.bytes_sent, other.bytes_sent), _add(self.messages, other.messages)
        return sent, messages, self.distance + other.distance


def _add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    if not a or not b:
        return a or b
    return tuple(x + y for x, y in zip(a, b, strict=True))


class Piece(NamedTuple):
    """A part of what is dealt outside of a run: which parties get it, and its bytes."""

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
    #: How far truncations may be off: 1 is the floor or that plus one; k, an integer less than k below the exact
    #: quotient or at most k above it.
    rounding: int = 1
    #: Whether masks are long enough only where values keep their bounds.
    rests_on_bounds: bool = False

    def prepare(self, primitives: Collection[str]) -> None:  # noqa: B027  (most engines have nothing to prepare)
        """Make ready what these primitives need beyond what an engine has at once; takes time, and sends nothing."""

    @abstractmethod
    def plan(self, primitive: str, label: bytes, *operands: Spec, **parameters: Any) -> tuple[Spec, Cost]:
        """Specification and cost of `primitive(party, *operands, **parameters)` under `label`."""

    def work(self, primitive: str, *operands: Spec, **parameters: Any) -> float:
        """About how many seconds one party computes in it, on an ordinary core; known beforehand, the same at all
        parties, since protocols are chosen by it. 0 for what is not worth telling apart."""
        return 0.0

    # ---- what owners give
    @abstractmethod
    async def nonnegative(self, party: Party, x: Any, *, bounds: Integers | None = None) -> Share:
        """One bit each: x >= 0 and x < 2**63, whatever an owner or `take` gave for x: nothing about it is assumed. With
        public bounds from 0 to 2**capacity - 1: of bound - x and bound + x, along a new first axis. What x is may
        be told to a compute party where it is negative, so it must follow from one owner's inputs alone."""

    def keep(self, party: Party, x: Any, facts: NDArray[np.int64]) -> Share:
        """x where a public fact (1 or 0) holds, else 0; one for each element of x's first axis, or one for all. Words
        of bits take one. Local."""
        if bool(np.all(facts)):
            return cast("Share", x)
        if x.spec.kind == "bits":
            return cast("Share", self.xor(party, x, x))
        return self.scale(party, x, by=facts.reshape([-1, *[1] * len(x.spec.shape)][: len(x.spec.shape)]))

    def discloses(self, primitive: str, *operands: Spec, **parameters: Any) -> Mapping[str, int]:
        """What everybody sees in the clear in it besides uniformly random numbers and shares: kind -> how many."""
        return {}

    # ---- local: no message
    def worthless(self, spec: Spec) -> Share | None:
        """What stands for the result of an operation that raised BoundExceeded on values with an assumed bound; None of
        an engine that sees no values: the error ends the run."""
        return None

    @abstractmethod
    def constant(self, party: Party, *, values: Integers) -> Share:
        """A public array as a share."""

    @abstractmethod
    def constant_bits(self, party: Party, *, values: NDArray[np.uint64], width: int = 1) -> Share:
        """Public words of `width` bits as a share of bits."""

    @abstractmethod
    def add(self, party: Party, x: Any, y: Any) -> Share:
        """x + y, one common shape."""

    @abstractmethod
    def subtract(self, party: Party, x: Any, y: Any) -> Share:
        """x - y, one common shape."""

    @abstractmethod
    def scale(self, party: Party, x: Any, *, by: Integers) -> Share:
        """x times public integers that broadcast to the shape of x."""

    @abstractmethod
    def add_public(self, party: Party, x: Any, *, values: Integers) -> Share:
        """x plus public integers that broadcast to the shape of x."""

    @abstractmethod
    def sum(self, party: Party, x: Any, *, axis: int) -> Share:
        """Sum over one axis."""

    @abstractmethod
    def cumulative_sum(self, party: Party, x: Any, *, axis: int) -> Share:
        """Sums of the elements up to each one along one axis, itself included: the shape of x. The last sum, and each
        before it, must keep the capacity."""

    @abstractmethod
    def view(self, party: Party, x: Any, *, to: Callable[[NDArray[Any]], NDArray[Any]], shape: Shape) -> Any:
        """Rearranged elements: `to` maps an array of x's shape to one of `shape` (index, reshape, broadcast, …).

        May send when bits are held in a form that cannot be rearranged locally; `plan` says so.
        """

    @abstractmethod
    def concatenate(self, party: Party, *xs: Any, axis: int) -> Any:
        """Arrays joined along an axis; as `view`, it may send."""

    @abstractmethod
    def xor(self, party: Party, x: Any, y: Any) -> Any:
        """Bitwise exclusive or of two shares of bits of one shape and width; as `view`, it may send."""

    @abstractmethod
    def invert(self, party: Party, x: Any) -> Share:
        """Every bit flipped."""

    @abstractmethod
    def unpack(self, party: Party, x: Any) -> Share:
        """Words of width k and some shape as words of width 1 and shape (k, *shape), the lowest bit first."""

    @abstractmethod
    def magnitude(self, party: Party, x: Any) -> Share:
        """Words of width k, at least 2, as two's complement: x for x >= 0 and -x - 1 else, of width k - 1."""

    # ---- organizations that do not compute
    def pieces(self, size: int) -> tuple[Piece, ...]:
        """What `deal` makes of a vector of `size` integers."""
        raise LocalProtocolError(f"the engine {self.name} takes no inputs of organizations that do not compute")

    def deal(self, values: Integers, random: Callable[[int], bytes]) -> list[NDArray[np.uint8]]:
        """Share a vector outside of a run: the content of each of its `pieces`. `random(n)` gives n fresh bytes.

        No threshold of parties learns anything from the pieces it gets.
        """
        raise LocalProtocolError(f"the engine {self.name} takes no inputs of organizations that do not compute")

    def take(
        self,
        party: Party,
        *,
        pieces: Sequence[Sequence[NDArray[np.uint8] | None]],
        sizes: Sequence[int],
    ) -> Share:
        """Vectors that were dealt, joined to one, from this party's pieces of each (None for those of others). Local.

        Any integers may come out, also beyond the capacity.
        """
        raise LocalProtocolError(f"the engine {self.name} takes no inputs of organizations that do not compute")

    async def hand_out(self, party: Party, x: Any) -> NDArray[np.uint64]:
        """This party's part of x for somebody who does not compute, `handed_words` words. All parts together tell x
        and nothing else; as many as the threshold tell nothing."""
        raise LocalProtocolError(f"the engine {self.name} gives no results to organizations that do not compute")

    def handed_words(self, x: Spec) -> int:
        """Words of a part that `hand_out` makes."""
        raise LocalProtocolError(f"the engine {self.name} gives no results to organizations that do not compute")

    def combine(self, parts: Sequence[NDArray[np.uint64]], x: Spec) -> NDArray[Any]:
        """What the parts of all parties, in index order, tell: as `open`. Raises CheckFailed where they contradict
        each other."""
        raise LocalProtocolError(f"the engine {self.name} gives no results to organizations that do not compute")

    # ---- interactive
    @abstractmethod
    async def input(self, party: Party, *, owner: int, values: Integers | None, shape: Shape) -> Share:
        """Share what `owner` holds; the others pass None."""

    @abstractmethod
    async def open(self, party: Party, x: Any, *, to: Sequence[int]) -> NDArray[Any] | None:
        """Reveal x to the compute parties `to` and to nobody else: int64 (words of bits: uint64) there, else None."""

    @abstractmethod
    async def multiply(self, party: Party, x: Any, y: Any) -> Share:
        """x * y elementwise, exactly."""

    @abstractmethod
    async def matmul(self, party: Party, x: Any, y: Any) -> Share:
        """(m, k) @ (k, n), exactly."""

    @abstractmethod
    async def multiply_truncate(self, party: Party, x: Any, y: Any, *, bits: int) -> Share:
        """x * y / 2^bits, rounded as `rounding` says."""

    @abstractmethod
    async def matmul_truncate(self, party: Party, x: Any, y: Any, *, bits: int) -> Share:
        """x @ y / 2^bits, rounded as `rounding` says."""

    @abstractmethod
    async def truncate(self, party: Party, x: Any, *, bits: int) -> Share:
        """x / 2^bits, rounded as `rounding` says; 1 <= bits <= 62."""

    @abstractmethod
    async def truncate_exact(self, party: Party, x: Any, *, bits: int, rounding: Literal["floor", "nearest"]) -> Share:
        """floor(x / 2^bits), or the nearest integer (halves go up); 1 <= bits <= 62."""

    @abstractmethod
    async def sign(self, party: Party, x: Any, *, width: int) -> Share:
        """One bit: x < 0, given -2^(width-1) <= x < 2^(width-1); 2 <= width <= 64."""

    async def quick_sign(self, party: Party, x: Any, *, width: int) -> Share:
        """As `sign`, in fewer rounds and with more bytes where an engine has such a protocol: for slow networks."""
        return await self.sign(party, x, width=width)

    async def signs(self, party: Party, x: Any, *, thresholds: Integers, width: int) -> Share:
        """Bits of shape (k, *x.shape): x < t for k public thresholds along a first axis, which broadcast to it, given
        -2^(width-1) <= x - t < 2^(width-1); 2 <= width <= 64. `sign` of every difference where an engine has nothing
        that is cheaper."""
        return await self.sign(party, self._less_each(party, x, thresholds), width=width)

    async def quick_signs(self, party: Party, x: Any, *, thresholds: Integers, width: int) -> Share:
        """As `signs`, by what `quick_sign` does."""
        return await self.quick_sign(party, self._less_each(party, x, thresholds), width=width)

    def _less_each(self, party: Party, x: Any, thresholds: Integers) -> Share:
        shape = (len(thresholds), *x.spec.shape)
        every = self.view(party, x, to=lambda values: np.broadcast_to(values, shape), shape=shape)
        return self.add_public(party, every, values=-thresholds)

    @abstractmethod
    async def equal(self, party: Party, x: Any, *, width: int) -> Share:
        """One bit: x == 0, given -2^width < x < 2^width; 1 <= width <= 64."""

    @abstractmethod
    async def rows_zero(self, party: Party, x: Any) -> Share:
        """One bit for each row, the last axis of x: whether all its elements are 0. May be wrong with probability
        2^-60 a row."""

    @abstractmethod
    async def bits_and(self, party: Party, x: Any, y: Any) -> Share:
        """Bitwise and of two shares of bits of one shape and width."""

    @abstractmethod
    async def bit_to_ring(self, party: Party, b: Any) -> Share:
        """One bit as the integer 0 or 1."""

    @abstractmethod
    async def inject(self, party: Party, b: Any, x: Any) -> Share:
        """b * x for one bit b and an arithmetic x of the same shape."""

    @abstractmethod
    async def decompose(self, party: Party, x: Any, *, width: int) -> Share:
        """The `width` low bits of x as words of bits (two's complement)."""

    @abstractmethod
    async def recompose(self, party: Party, x: Any) -> Share:
        """Words of bits as the integers 0 to 2^width - 1."""

    @abstractmethod
    async def prefix_or(self, party: Party, x: Any) -> Share:
        """Words whose bit i is the or of the bits i and above of x."""

    @abstractmethod
    async def piecewise_cubic(self, party: Party, x: Any, *, low: int, step: int, table: Integers, bits: int) -> Share:
        """y / 2^bits, rounded as `rounding` says, for y = sum of table[k, i] 2^28 u^k over k = 0..3, but for the
        rounding of u^k to 28 bits; x = low + (i + u) 2^step with 0 <= u < 2, given
        low + 2^step <= x < low + pieces 2^step.

        `table` (4, pieces) has 8, 16, ..., 512 pieces and coefficients below 2^31: each cubic holds on its piece and
        on the next one, since an engine takes either of two for x. Out of this range, y is whatever the engine gives.
        """

    @abstractmethod
    async def exponential(
        self, party: Party, x: Any, *, low: int, high: int, frac: int, digits: int, bits: int
    ) -> Share:
        """y / 2^bits, rounded as `rounding` says, for y = e^(x / 2^frac) with `digits` fraction bits, but for an error
        of 2^-(digits - G) + 2^-(G - 1) y, where G = min(24, digits // 2); given y < 2^60 and low <= x <= high, at most
        253 apart (times 2^frac). Out of this range, y is whatever the engine gives."""

    @abstractmethod
    async def table_of_count(self, party: Party, x: Any, *, table: Integers) -> Share:
        """table[number of set bits along the first axis], for words of one bit, at most 127 along it; the table has one
        entry more than there are bits."""

    @abstractmethod
    def random(self, party: Party, *, shape: Shape) -> Share:
        """Uniform ring elements nobody knows."""

    @abstractmethod
    def random_bits(self, party: Party, *, shape: Shape, width: int = 1) -> Share:
        """Uniform words of `width` bits nobody knows."""

    # ---- orders of rows (arrays along their first axis), all secret
    @abstractmethod
    async def permutation(self, party: Party, *, size: int) -> Any:
        """A uniformly random order of `size` rows that nobody knows."""

    @abstractmethod
    async def shuffle(self, party: Party, x: Any, order: Any) -> Any:
        """The rows of x, numbers or bits, in this order: whole records."""

    @abstractmethod
    async def unshuffle(self, party: Party, x: Any, order: Any) -> Any:
        """Undoes `shuffle`: rows in this order, as they were before."""

    @abstractmethod
    def opposite(self, party: Party, order: Any) -> Any:
        """The order that undoes this one. Local."""

    @abstractmethod
    async def sort_order(self, party: Party, x: Any, *, width: int) -> Any:
        """The order that sorts the vector x, ascending and stable, given -2^(width-1) <= x < 2^(width-1)."""

    @abstractmethod
    async def rank_order(self, party: Party, x: Any, *, ranks: tuple[int, ...], width: int) -> Any:
        """An order whose first rows are those of these ranks, ascending places in `sort_order`; the others follow."""

    @abstractmethod
    async def order_of(self, party: Party, x: Any) -> Any:
        """The order that brings row i to place x[i]; x is a permutation of 0..n-1."""

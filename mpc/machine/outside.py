"""Inputs of organizations that do not compute: what each is asked for, and its shares in a run.

Such an organization runs the script once, alone and dry, and keeps what the script would have it share: its
*contribution*, one vector of integers. It deals that vector to the compute parties before their run; they take it
into the run as `mpc.releases.receiving` says.

The *layout* tells which part of the vector a line of the script means: it lists the inputs of the dry run, in program
order. It is the same for all who have the same study.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mpc.errors import ConfigError, LocalProtocolError
from mpc.machine.engine import Integers, Shape
from mpc.untyped import Opaque

if TYPE_CHECKING:
    from mpc.machine.operation import Handle, Local
    from mpc.machine.relations import Rule
    from mpc.machine.runtime import Runtime


class Part(NamedTuple):
    """One of the results that an owner shares together: its shape, fraction bits, and the bound of its raw values.

    of  its name among the local results, where that differs
    """

    name: str
    shape: Shape
    frac: int
    bound: int
    type: Literal["fixed", "int"] = "fixed"
    of: str = ""

    @property
    def size(self) -> int:
        return prod(self.shape)


class Partial(NamedTuple):
    """Inputs shared together: which organizations share which parts, and what must hold between the parts of each.

    reads  the digest of what an owner reads for it
    """

    table: str
    parts: tuple[Part, ...]
    owners: tuple[int, ...]
    rule: Rule
    reads: bytes = b""

    @property
    def name(self) -> str:
        return ", ".join(part.name for part in self.parts)

    @property
    def size(self) -> int:
        return sum(part.size for part in self.parts)


Place = tuple[float, ...]


@dataclass(frozen=True)
class Vector:
    """The layout of the vectors of organizations that are asked for the same inputs.

    starts  where the elements of an input begin
    """

    partials: tuple[Partial, ...]
    starts: Mapping[Place, int]
    size: int

    @cached_property
    def bounds(self) -> Integers:
        """The public bound of each element."""
        parts = [part for partial in self.partials for part in partial.parts]
        return np.repeat(np.array([part.bound for part in parts], np.int64), [part.size for part in parts])

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of what is asked: names, shapes, bounds and what is read, in order."""
        lines = [
            f"{partial.table}\0{p.name}\0{','.join(map(str, p.shape))}\0{p.frac}\0{p.bound}\0{partial.reads.hex()}\n"
            for partial in self.partials
            for p in partial.parts
        ]
        return sha256(b"comity/1/layout\0" + "".join(lines).encode()).digest()


class Layout:
    """All inputs of organizations that do not compute, in program order.

    Very many organizations are mostly asked for the same: what they are asked for is worked out once for all of them.
    """

    def __init__(self, partials: Mapping[Place, Partial]) -> None:
        self.partials = dict(sorted(partials.items()))
        #: The places of inputs that the same organizations are asked for.
        self._groups: dict[tuple[int, ...], list[Place]] = {}
        for place, partial in self.partials.items():
            self._groups.setdefault(partial.owners, []).append(place)
        self._vectors: dict[tuple[bool, ...], Vector] = {}

    @cached_property
    def owners(self) -> tuple[int, ...]:
        """The organizations that contribute, in index order."""
        return tuple(sorted(set().union(*self._groups)))

    def vector(self, owner: int) -> Vector:
        """The layout of an organization's vector; an empty one if it contributes nothing."""
        asked = tuple(owner in members for members in self._members)
        known = self._vectors.get(asked)
        if known is None:
            places = {p for places, there in zip(self._groups.values(), asked, strict=True) if there for p in places}
            known = self._vectors[asked] = self._vector([place for place in self.partials if place in places])
        return known

    def _vector(self, places: Sequence[Place]) -> Vector:
        partials = tuple(self.partials[place] for place in places)
        ends = list(accumulate(partial.size for partial in partials))
        return Vector(partials, dict(zip(places, [0, *ends], strict=False)), ends[-1] if ends else 0)

    def size(self, owner: int) -> int:
        """The number of elements that an organization contributes."""
        return self.vector(owner).size

    def bounds(self, owner: int) -> Integers:
        """The public bound of each element of an owner's vector."""
        return self.vector(owner).bounds

    def digest(self, owner: int) -> bytes:
        """SHA-256 of what is asked of an owner: names, shapes, bounds and what is read, in order."""
        return self.vector(owner).digest

    @cached_property
    def _members(self) -> list[frozenset[int]]:
        return [frozenset(owners) for owners in self._groups]


@dataclass(frozen=True)
class Dealt:
    """An organization's contribution as one compute party holds it: its pieces, None for those of other parties."""

    owner: int
    pieces: tuple[NDArray[np.uint8] | None, ...]


class Outside:
    """What a run knows of organizations that do not compute. Without a layout it only notes what is asked for."""

    def __init__(self, layout: Layout | None = None, dealt: Sequence[Dealt] = ()) -> None:
        #: The layout of the contributions; None while a dry run collects it.
        self.agreed = layout
        self.dealt = {contribution.owner: contribution for contribution in dealt}
        self._asked: dict[Place, Partial] = {}
        #: This party's own inputs: what makes the array, and from which local result.
        self._own: dict[Place, tuple[Local, Callable[[Any], Integers]]] = {}
        #: Owner -> (share of several vectors, where the owner's begins), once they are taken.
        self.shares: dict[int, tuple[Handle, int]] = {}
        #: The first release whose value the script has awaited, else "": no input may be asked for after it.
        self.known = ""
        #: Organizations whose contribution failed its check: they count as organizations without rows.
        self.left_out: tuple[int, ...] = ()

    def layout(self) -> Layout:
        """The inputs that the script has asked for so far."""
        return Layout(self._asked)

    def vector(self, owner: int) -> Integers:
        """The contribution of the organization whose rows were read. Raises DataError as `share_parts` does."""
        layout = self.layout()
        vector = layout.vector(owner)
        out = np.zeros(vector.size, np.int64)
        for place, (local, values) in self._own.items():
            start = vector.starts[place]
            out[start : start + layout.partials[place].size] = values(local.value).reshape(-1)
        return out

    def share(self, run: Runtime, partial: Partial, local: Local, values: Callable[[Opaque], Integers]) -> Handle:
        """The input `partial` of the organizations that do not compute: shape (owners, size). Local."""
        place = run.scope.position
        shape = (len(partial.owners), partial.size)
        if self.known:
            raise ConfigError(
                f"table {partial.table}: the script asks for {partial.name!r} after it has the value of release "
                f"{self.known!r}, which organizations that do not compute cannot have when they prepare what they "
                "contribute: ask first, or release it without `await`"
            )
        if self.agreed is None:
            self._asked[place] = partial
            if run.reads in partial.owners:
                self._own[place] = local, values
            return run.schedule("constant", values=np.zeros(shape, np.int64))
        if self.agreed.partials.get(place) != partial:
            raise LocalProtocolError(
                f"table {partial.table}: the script asks for {partial.name!r} here, which its dry run did not: what "
                "organizations that do not compute contribute must follow from the script and its parameters alone"
            )
        return self.rows(run, place, partial.owners)

    def rows(self, run: Runtime, place: Place, owners: Sequence[int]) -> Handle:
        """The contributions of these owners to the input at `place`: (owners, size). Local."""
        assert self.agreed is not None
        size = self.agreed.partials[place].size
        blocks: dict[int, tuple[Handle, list[NDArray[np.int64]]]] = {}
        for owner in owners:
            handle, begin = self.shares[owner]
            start = begin + self.agreed.vector(owner).starts[place]
            blocks.setdefault(id(handle), (handle, []))[1].append(np.arange(start, start + size))
        parts = []
        for handle, rows in blocks.values():
            index = np.stack(rows)
            parts.append(run.schedule("view", handle, to=lambda x, index=index: x[index], shape=index.shape))
        return parts[0] if len(parts) == 1 else run.schedule("concatenate", *parts, axis=0)

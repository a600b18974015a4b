"""The basis of arrays that are joined along an axis: each part stands on its own rows alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mpc.machine.engine import Shape
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort, Counts
from mpc.values.people import need_same_people
from mpc.values.places import Lazy, Places, rows_there

if TYPE_CHECKING:
    from mpc.machine.runtime import Runtime
    from mpc.values.secret import SecretArray


def beside(parts: Sequence[SecretArray], axis: int) -> Basis:
    """The basis of arrays joined along an axis. Raises ShapeError as `need_same_people` does."""
    bases = [part.basis for part in parts]
    if all(not b.places and not any(c.shape for c in b.cohorts) for b in bases) and all(
        b.cohorts == bases[0].cohorts for b in bases
    ):
        return union(*bases)
    for k, basis in enumerate(bases):
        for other in bases[:k]:
            need_same_people(basis.places, other.places, skip=axis)
    shapes = [part.shape for part in parts]
    run = parts[0].run
    cohorts = _cohorts_beside(run, bases, shapes, axis)
    places = _places_beside(run, bases, shapes, axis)
    joint = union(*[Basis((), (), b.loose, b.origin) for b in bases])
    return joint._replace(cohorts=tuple(cohorts), places=tuple(places))


def _cohorts_beside(run: Runtime, bases: Sequence[Basis], shapes: Sequence[Shape], axis: int) -> list[Cohort]:
    """The k-th cohorts of the parts, joined as the parts are, so that each part stands on its own cohort alone."""
    from mpc.values.arrays import concatenate
    from mpc.values.secret import constant

    made = []
    for k in range(max(len(b.cohorts) for b in bases)):
        ks = [b.cohorts[k] if k < len(b.cohorts) else None for b in bases]
        given = [c for c in ks if c is not None]
        least = min(given, key=lambda c: c.most * c.share)
        everyone = max(c.most for c in given)
        shape = _joined(shapes, axis)
        if len(given) == 1 or all(c is given[0] for c in given) or not shape:
            # A cohort of a single part, or the same cohort of all parts, is behind the whole array.
            made += [c.collapsed(None) if c.shape else c for c in dict.fromkeys(given)]
            continue

        def make(ks: list[Cohort | None] = ks, everyone: int = everyone) -> Counts:
            counts = [None if c is None else c.counts() for c in ks]
            depth = max(c.total.shape[0] for c in counts if c is not None)
            owners = min((0 if c.own is None else c.own.shape[0]) for c in counts if c is not None)
            totals, owns = [], []
            for c, cohort, part in zip(counts, ks, shapes, strict=True):
                if c is None or cohort is None:
                    totals.append(constant(run, np.full((depth, *part), everyone)).bare())
                    owns.append(constant(run, np.zeros((owners, depth, *part), np.int64)).bare())
                    continue
                totals.append(_filled(c.total, 0, depth, cohort.shape, part))
                if owners and c.own is not None:
                    owns.append(_filled(c.own, 1, depth, cohort.shape, part))
            own = concatenate(owns, axis + 2) if owners else None
            exact = all(c.exact for c in counts if c is not None)
            return Counts(concatenate(totals, axis + 1), own, exact)

        def decide(bits: Sequence[SecretArray], ks: list[Cohort | None] = ks) -> SecretArray:
            left = iter(bits)
            pieces = []
            for cohort, part in zip(ks, shapes, strict=True):
                if cohort is None:
                    pieces.append(constant(run, np.ones(part, np.bool_)))
                else:
                    bit = next(left)
                    pieces.append(bit.reshape([1] * len(part)).broadcast_to(part) if bit.shape != part else bit)
            return concatenate(pieces, axis)

        what = "; ".join(dict.fromkeys(c.what for c in given))
        made.append(
            Cohort(
                run,
                make,
                most=least.most,
                what=what,
                shape=shape,
                share=least.share,
                or_none=all(c.or_none for c in given),
                sources=tuple(given),
                decide=decide,
            )
        )
    return made


def _filled(x: SecretArray, lead: int, depth: int, shape: Shape, part: Shape) -> SecretArray:
    """Counts (…, d, *shape) as (…, depth, *part): the last count is repeated; that of a scalar, for each element."""
    have = x.shape[lead]
    index = np.minimum(np.arange(depth), have - 1)
    picked = x if have == depth else x.view(lambda a: np.take(a, index, lead))
    if shape == part:
        return picked
    outer = picked.shape[: lead + 1]
    return picked.reshape(*outer, *[1] * len(part)).broadcast_to((*outer, *part))


def _places_beside(run: Runtime, bases: Sequence[Basis], shapes: Sequence[Shape], axis: int) -> list[Places]:
    from mpc.values.arrays import concatenate
    from mpc.values.secret import constant

    joined = []
    tables = dict.fromkeys(p.base for b in bases for p in b.places)
    for base in tables:
        depth = max(sum(p.base is base for p in b.places) for b in bases)
        for k in range(depth):
            parts: list[Places | None] = []
            for basis in bases:
                own = [p for p in basis.places if p.base is base]
                parts.append(own[min(k, len(own) - 1)] if own else None)
            ids = np.concatenate(
                [np.full(s, -1, np.int64) if p is None else p.ids for p, s in zip(parts, shapes, strict=True)], axis
            )
            kept = _kept_beside(run, parts, shapes, axis)
            cut = tuple(dict.fromkeys(c for p in parts if p is not None for c in p.cut))
            if all(p is None or (p.present is None and not p.when) for p in parts):
                joined.append(Places(base, ids, None, (), _flags_beside(run, parts, shapes, axis), kept, (), cut))
                continue

            def make(parts: list[Places | None] = parts) -> SecretArray:
                pieces = []
                for p, shape in zip(parts, shapes, strict=True):
                    conditions = [] if p is None else [*(() if p.present is None else (p.present,)), *p.when]
                    whole = constant(run, np.ones(shape, np.int64))
                    pieces.append(rows_there(run, shape, conditions) if conditions else whole)
                return concatenate([piece.bare() for piece in pieces], axis)

            flags = _flags_beside(run, parts, shapes, axis)
            joined.append(Places(base, ids, Lazy(run, ids.shape, make), (), flags, kept, (), cut))
    return joined


def _kept_beside(run: Runtime, parts: Sequence[Places | None], shapes: Sequence[Shape], axis: int) -> tuple[Lazy, ...]:
    """What filters kept of each part, stage by stage from the last one; a part with fewer filters is whole before."""
    from mpc.values.arrays import concatenate
    from mpc.values.secret import constant

    deepest = max((len(p.kept) for p in parts if p is not None), default=0)
    stages = []
    for stage in range(deepest, 0, -1):

        def make(stage: int = stage) -> SecretArray:
            pieces = []
            for p, shape in zip(parts, shapes, strict=True):
                whole = p is None or len(p.kept) < stage
                pieces.append(
                    constant(run, np.ones(shape, np.bool_)) if p is None or whole else p.kept[-stage].bits().bare()
                )
            return concatenate(pieces, axis)

        stages.append(Lazy(run, _joined(shapes, axis), make))
    return tuple(stages)


def _flags_beside(run: Runtime, parts: Sequence[Places | None], shapes: Sequence[Shape], axis: int) -> tuple[Lazy, ...]:
    """The flags of each part; no row of another part has them."""
    from mpc.values.arrays import concatenate
    from mpc.values.secret import constant

    flags = []
    for k, part in enumerate(parts):
        for flag in part.flags if part is not None else ():

            def make(k: int = k, flag: Lazy = flag) -> SecretArray:
                bits = flag.bits()
                pieces = [
                    bits.numeric().bare() if j == k else constant(run, np.zeros(shape, np.int64))
                    for j, shape in enumerate(shapes)
                ]
                return concatenate(pieces, axis)

            flags.append(Lazy(run, _joined(shapes, axis), make))
    return tuple(flags)


def _joined(shapes: Sequence[Shape], axis: int) -> Shape:
    first = list(shapes[0])
    first[axis] = sum(s[axis] for s in shapes)
    return tuple(first)

"""Products of secrets, exact or cut to fewer fraction bits; methods of `SecretArray`."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np

from mpc.errors import ShapeError
from mpc.values.basis import Basis, union
from mpc.values.cohorts import Cohort
from mpc.values.fixed import width_of
from mpc.values.inherited import contracted
from mpc.values.operands import broadcast, cut_for, fitting, joint, too_wide
from mpc.values.scaling import scale_public
from mpc.values.stated import Operand, Stated
from mpc.values.value import is_secret
from mpc.values.wide_products import fine_enough, is_wide, wide_product

if TYPE_CHECKING:
    from mpc.values.secret import SecretArray


def multiply(x: SecretArray, other: Operand) -> SecretArray:
    """The elementwise product; a bit times a value chooses it or 0.

    Exact for two integers, cut to WIDTH bits for numbers as measurements are, else by `wide_product`. Rounds 1, 2, 4.
    """
    if not is_secret(other):
        scaled = scale_public(x.numeric(), other)
        weights = np.asarray(other)
        if scaled.basis.places and weights.size and not weights.all() and weights.any():
            met = x.constant(np.broadcast_to(weights != 0, scaled.shape))
            return scaled.with_basis(scaled.basis.where(met))
        return scaled
    if x.type == "bool" or other.type == "bool":
        bit, value = (x, other) if x.type == "bool" else (other, x)
        if value.type == "bool":
            return (x & other).numeric()
        bit, value = broadcast(bit, value)
        basis = union(bit.basis, value.basis).where(bit)
        chosen = Stated(bound=value.bound, frac=value.frac, type=value.type, basis=basis)
        return bit.invoke("inject", value, result=chosen)
    if (x.type, other.type) != ("int", "int") and (is_wide(x) or is_wide(other)):
        return wide_product(*broadcast(x, other))
    a, b = broadcast(*fitting(x, other))
    bound = a.bound * b.bound
    cut = cut_for(a, b, bound)
    frac, basis = a.frac + b.frac, _chosen(a, b)
    if cut <= 0:
        return a.invoke("multiply", b, result=Stated(bound=bound, frac=frac, type=joint(a, b), basis=basis))
    rounded = Stated(bound=(bound >> cut) + a.run.engine.rounding, frac=frac - cut, type="fixed", basis=basis)
    return a.invoke("multiply_truncate", b, bits=cut, result=rounded)


def _chosen(a: SecretArray, b: SecretArray) -> Basis:
    """The basis of a product: where a factor is 0 or 1, the rows where it is 1."""
    basis = union(a.basis, b.basis)
    if basis.places:
        for x in (a, b):
            if x.type == "int" and x.bound == 1:
                basis = basis.where(x)
    return basis


def matmul(x: SecretArray, other: Operand) -> SecretArray:
    """The product of vectors or matrices, cut to WIDTH bits unless both are integers. Rounds 2, of integers 1.

    Raises RangeError where the bounds are so large that it would have fewer than 10 fraction bits.
    """
    run = x.run
    if not is_secret(other):
        return picking(matmul(x, x.constant(other)), x, other, x.ndim - 1)
    a, b = x.numeric(), other.numeric()
    if not a.shape or not b.shape or a.shape[-1] != b.shape[0 if b.ndim == 1 else -2] or max(a.ndim, b.ndim) > 2:
        raise ShapeError(f"@: shapes {a.shape} and {b.shape} do not fit")
    shape = a.shape[:-1] + b.shape[1:]
    inner = a.shape[-1]
    whole = (a, b)
    a, b = fitting(a, b, terms=inner)
    bound = a.bound * b.bound * max(inner, 1)
    cut = cut_for(a, b, bound)
    if cut > 0:
        fine_enough("@", a.frac + b.frac - cut, *whole)
    left = a.reshape(1, inner) if a.ndim == 1 else a
    right = b.reshape(inner, 1) if b.ndim == 1 else b
    frac = a.frac + b.frac
    if cut <= 0:
        exact = contracted(left, right, bound=bound, frac=frac, type=joint(a, b))
        return left.invoke("matmul", right, result=exact).reshape(shape)
    rounded = contracted(left, right, bound=(bound >> cut) + run.engine.rounding, frac=frac - cut, type="fixed")
    return left.invoke("matmul_truncate", right, bits=cut, result=rounded).reshape(shape)


def picking(product: SecretArray, x: SecretArray, weights: Operand, axis: int) -> SecretArray:
    """A product of x with public weights along an axis. Weights of 0 choose rows, and no count covers that choice."""
    if not x.basis.places or np.asarray(weights).all():
        return product
    mixed = any(isinstance(place.reduced(axis, None, Fraction(1)), Cohort) for place in x.basis.places)
    return product.with_basis(product.basis._replace(loose=True)) if mixed else product


def times(x: SecretArray, other: SecretArray, *, bound: int | None = None) -> SecretArray:
    """The exact product, not cut: fraction bits add up.

    `bound` is a bound of the raw result that the caller has proved (a theorem about the operands together,
    which their separate bounds do not show). Raises RangeError where the ring does not hold the smaller bound.
    """
    a, b = broadcast(x.numeric(), other.numeric())
    limit = min(a.bound * b.bound, bound) if bound is not None else a.bound * b.bound
    return a.invoke("multiply", b, result=Stated(bound=limit, frac=a.frac + b.frac, type=joint(a, b)))


def cut(x: SecretArray, frac: int, *, bound: int | None = None) -> SecretArray:
    """With `frac` fraction bits, fewer than now (rounded as the engine does); a higher `frac` is exact.

    `bound`: a proved bound of the raw result.
    """
    if frac >= x.frac:
        return x if frac == x.frac else shifted(x, frac)
    bits = x.frac - frac
    if bits > x.run.engine.capacity:  # every value is within the rounding error of 0
        return x.invoke("scale", by=np.asarray(0, np.int64), result=Stated(bound=1, frac=frac, type="fixed"))
    limit = (x.bound >> bits) + x.run.engine.rounding
    if bound is not None:
        limit = min(limit, bound)
    return x.invoke("truncate", bits=bits, result=Stated(bound=limit, frac=frac, type="fixed"))


def product(x: SecretArray, other: SecretArray, frac: int, *, limit: float | None = None) -> SecretArray:
    """The product with `frac` fraction bits (rounded as the engine does), in one operation.

    The exact product must fit the ring, by the operands' bounds or because |product| <= `limit`, which the
    caller has proved. Rounds 2.
    """
    a, b = broadcast(x.numeric(), other.numeric())
    bits = a.frac + b.frac - frac
    bound = a.bound * b.bound
    if limit is not None:
        bound = min(bound, int(np.ldexp(limit, a.frac + b.frac)) + 1)
    if not 0 < bits <= x.run.engine.capacity:
        return a.times(b, bound=bound).cut(frac)
    if bound >= 1 << x.run.engine.capacity:
        too_wide(bound, x.run.engine.capacity, a, b)
    rounded = Stated(bound=(bound >> bits) + a.run.engine.rounding, frac=frac, type="fixed")
    return a.invoke("multiply_truncate", b, bits=bits, result=rounded)


def dot(x: SecretArray, other: SecretArray, frac: int, *, bound: int | None = None) -> SecretArray:
    """The matrix product (m, k) @ (k, n) with `frac` fraction bits (rounded as the engine does). Rounds 2.

    The exact product must fit the ring, by the operands' bounds or by `bound`, a bound of the raw exact product that
    the caller has proved; RangeError otherwise.
    """
    a, b = x.numeric(), other.numeric()
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0]:
        raise ShapeError(f"dot: shapes {a.shape} and {b.shape} do not fit")
    bits = a.frac + b.frac - frac
    most = max(a.bound * b.bound * max(a.shape[1], 1), 1)
    bound = most if bound is None else min(most, max(bound, 1))
    if bound >= 1 << x.run.engine.capacity:
        too_wide(bound, x.run.engine.capacity, a, b)
    if not 0 < bits <= x.run.engine.capacity:
        exact = contracted(a, b, bound=bound, frac=a.frac + b.frac, type=joint(a, b))
        return a.invoke("matmul", b, result=exact).cut(frac)
    rounded = contracted(a, b, bound=(bound >> bits) + a.run.engine.rounding, frac=frac, type="fixed")
    return a.invoke("matmul_truncate", b, bits=bits, result=rounded)


def shifted(x: SecretArray, frac: int) -> SecretArray:
    """The same value with more fraction bits (exact)."""
    if frac == x.frac:
        return x
    up = frac - x.frac
    if up < 0 or width_of(x.bound) + up > x.run.engine.capacity:
        too_wide(x.bound << max(up, 0), x.run.engine.capacity, x)
    return x.invoke(
        "scale", by=np.asarray(1 << up, np.int64), result=Stated(bound=x.bound << up, frac=frac, type="fixed")
    )

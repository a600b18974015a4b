"""Secret arrays against numpy, on the ideal engine, which raises where a value exceeds its declared bound."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import mpc
from mpc.errors import LocalProtocolError, RangeError, ShapeError
from mpc.values.fixed import frac_for
from mpc.values.secret import constant
from protocols.simulate import evaluate
from tests.support.value_floor import compute, opened, secret

SHAPES = [(), (1,), (4,), (3, 1), (2, 3), (0,), (2, 0)]
BROADCAST = hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=4, min_side=0)


def numbers(limit):
    return st.floats(-limit, limit, allow_subnormal=False)


@st.composite
def reals(draw, shape=None, limit=None):
    """An array and a bound it keeps."""
    shape = draw(st.sampled_from(SHAPES)) if shape is None else shape
    limit = draw(st.sampled_from([0.01, 1.0, 37.5, 1e4, 3e8])) if limit is None else limit
    return draw(hnp.arrays(np.float64, shape, elements=numbers(limit))), limit


@st.composite
def pairs(draw, *elements):
    shapes = draw(BROADCAST).input_shapes
    return [draw(element(shape)) for element, shape in zip(elements, shapes, strict=True)]


def integers(shape, limit=10**6):
    return hnp.arrays(np.int64, shape, elements=st.integers(-limit, limit))


def booleans(shape):
    return hnp.arrays(np.bool_, shape)


def on_secrets(function, *operands):
    """`function` of secrets with given bounds; each operand is (values, bound) or values. Also the error allowed:
    that of the encoded operands and of the result's last places."""
    seen = {}

    async def script(run):
        inside = [secret(run, o[0], bound=o[1]) if isinstance(o, tuple) else secret(run, o) for o in operands]
        result = function(*inside)
        seen["unit"] = 2.0**-result.frac
        seen["units"] = [2.0**-x.frac for x in inside]
        return await opened(run, result)

    return evaluate(script, parties=1)[0], seen


# ---- exact on integers and bools
EXACT = [operator.add, operator.sub, operator.mul, operator.lt, operator.le, operator.gt, operator.ge]
EXACT += [operator.eq, operator.ne]


@pytest.mark.parametrize("op", EXACT)
@given(both=pairs(integers, integers))
def test_integers(op, both):
    a, b = both
    for got in (compute(op, a, b), compute(lambda x: op(x, b), a), compute(lambda y: op(a, y), b)):
        np.testing.assert_array_equal(got, op(a, b))


@given(both=pairs(lambda s: integers(s, 3), lambda s: integers(s, 3)))
def test_equality_where_there_is_some(both):
    a, b = both
    np.testing.assert_array_equal(compute(operator.eq, a, b), a == b)
    np.testing.assert_array_equal(compute(operator.ne, a, b), a != b)


@pytest.mark.parametrize("op", [operator.and_, operator.or_, operator.xor, operator.eq, operator.ne])
@given(both=pairs(booleans, booleans))
def test_bools(op, both):
    a, b = both
    for got in (compute(op, a, b), compute(lambda x: op(x, b), a), compute(lambda y: op(a, y), b)):
        assert got.dtype == np.bool_
        np.testing.assert_array_equal(got, op(a, b))


@given(a=st.sampled_from(SHAPES).flatmap(booleans))
def test_all_any_not(a):
    np.testing.assert_array_equal(compute(operator.invert, a), ~a)
    np.testing.assert_array_equal(compute(lambda x: x.all(), a), a.all())
    np.testing.assert_array_equal(compute(lambda x: x.any(), a), a.any())
    for axis in range(a.ndim):
        np.testing.assert_array_equal(compute(lambda x, axis=axis: x.all(axis), a), a.all(axis))
    np.testing.assert_array_equal(compute(lambda x: x.sum(), a), a.sum())


@given(both=pairs(booleans, lambda s: integers(s, 1000)))
def test_bools_count_as_zero_and_one(both):
    bits, values = both
    np.testing.assert_array_equal(compute(operator.mul, bits, values), bits * values)
    np.testing.assert_array_equal(compute(operator.mul, values, bits), bits * values)
    np.testing.assert_array_equal(compute(operator.add, bits, values), bits + values)
    np.testing.assert_array_equal(compute(operator.sub, bits, bits), bits.astype(int) - bits)
    np.testing.assert_array_equal(compute(operator.lt, bits, values), bits < values)
    np.testing.assert_array_equal(compute(operator.ne, bits, values), bits != values)
    np.testing.assert_array_equal(compute(operator.mul, bits, bits), bits & bits)


@given(a=integers(4, 20), c=st.floats(-21, 21))
def test_whole_numbers_compare_exactly_with_reals(a, c):
    for op in (operator.lt, operator.le, operator.gt, operator.ge, operator.eq, operator.ne):
        for limit in (20, 2.0**40):
            seen = []

            async def script(run, op=op, limit=limit, seen=seen):
                x = secret(run, a)
                x = x.restated(bound=int(limit))
                seen.append(await opened(run, op(x, c)))

            evaluate(script, parties=1)
            np.testing.assert_array_equal(seen[0], op(a, c))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint64, np.int8, np.bool_])
def test_narrow_and_unsigned_public_numbers(kind):
    a, b = np.asarray([5, 200, -3]), np.asarray([1, 0, 1]).astype(kind)
    for op in (operator.add, operator.sub, operator.mul, operator.gt, operator.le):
        np.testing.assert_array_equal(compute(lambda x, op=op: op(x, b), a), op(a, b.astype(np.int64)))
        np.testing.assert_array_equal(compute(lambda x, op=op: op(b, x), a), op(b.astype(np.int64), a))


# ---- real numbers, within the error of their scales
@pytest.mark.parametrize("op", [operator.add, operator.sub])
@given(data=st.data())
def test_sums_of_reals(op, data):
    shapes = data.draw(BROADCAST).input_shapes
    (a, la), (b, lb) = data.draw(reals(shapes[0])), data.draw(reals(shapes[1]))
    got, seen = on_secrets(op, (a, la), (b, lb))
    allowed = sum(seen["units"]) / 2 + 2 * seen["unit"]
    np.testing.assert_allclose(got, op(a, b), rtol=1e-15, atol=allowed)
    got, seen = on_secrets(lambda x: op(x, b), (a, la))
    np.testing.assert_allclose(got, op(a, b), rtol=1e-15, atol=seen["units"][0] / 2 + 2 * seen["unit"])
    got, seen = on_secrets(lambda y: op(a, y), (b, lb))
    np.testing.assert_allclose(got, op(a, b), rtol=1e-15, atol=seen["units"][0] / 2 + 2 * seen["unit"])


@given(data=st.data())
def test_products_of_reals(data):
    shapes = data.draw(BROADCAST).input_shapes
    (a, la), (b, lb) = data.draw(reals(shapes[0])), data.draw(reals(shapes[1]))
    got, seen = on_secrets(operator.mul, (a, la), (b, lb))
    ua, ub = seen["units"]
    np.testing.assert_allclose(got, a * b, rtol=0, atol=ua * lb + ub * la + 2 * seen["unit"])
    # 29 significant bits of the product's bound
    assert seen["unit"] <= max(la * lb * 2.0**-27, 2.0**-40)


@given(data=st.data())
def test_products_with_public_numbers(data):
    shapes = data.draw(BROADCAST).input_shapes
    a, limit = data.draw(reals(shapes[0]))
    by = data.draw(hnp.arrays(np.float64, shapes[1], elements=numbers(1000)))
    got, seen = on_secrets(lambda x: x * by, (a, limit))
    largest = np.abs(by).max(initial=0)
    # The public factors have 29 bits of the largest one.
    allowed = seen["units"][0] / 2 * largest + limit * max(largest * 2.0**-28, 2.0**-41) + 2 * seen["unit"]
    np.testing.assert_allclose(got, a * by, rtol=1e-15, atol=allowed)
    if by.size and np.abs(by).min() > 0.001:
        got, seen = on_secrets(lambda x: x / by, (a, limit))
        largest = np.abs(1 / by).max()
        allowed = seen["units"][0] / 2 * largest + limit * max(largest * 2.0**-28, 2.0**-41) + 2 * seen["unit"]
        np.testing.assert_allclose(got, a / by, rtol=1e-15, atol=allowed)


@pytest.mark.parametrize("factor", [0.5, 0.25, 2, 4.0, -1, 0, 3, 1024.0])
def test_products_with_small_whole_numbers_and_powers_of_two_are_exact(factor):
    a = np.asarray([0.75, -3.5, 0.0])
    np.testing.assert_array_equal(compute(lambda x: x * factor, a), a * factor)
    np.testing.assert_array_equal(compute(lambda x: factor * x, a), a * factor)


@given(m=st.integers(0, 4), k=st.integers(0, 5), n=st.integers(0, 4), data=st.data())
def test_matrix_products(m, k, n, data):
    a, b = data.draw(integers((m, k))), data.draw(integers((k, n)))
    np.testing.assert_array_equal(compute(operator.matmul, a, b), a @ b)
    x, y = data.draw(reals((m, k), 10.0))[0], data.draw(reals((k, n), 10.0))[0]
    for function, left, right in [
        (operator.matmul, (x, 10.0), (y, 10.0)),
        (lambda v, w: v[0] @ w, (x[None], 10.0), (y, 10.0)),
    ]:
        got, seen = on_secrets(function, left, right)
        ua, ub = seen["units"]
        np.testing.assert_allclose(got, x @ y, rtol=0, atol=k * 10 * (ua + ub) + 2 * seen["unit"])
    if m and n:
        np.testing.assert_array_equal(compute(lambda v: v @ b[:, 0], a), a @ b[:, 0])
        np.testing.assert_array_equal(compute(lambda v: a[0] @ v, b), a[0] @ b)
        got = compute(lambda v, w: v[0] @ w[:, 0], a, b)
        assert got.shape == ()
        assert got == a[0] @ b[:, 0]


@given(case=reals())
def test_sums_means_and_signs(case):
    a, limit = case
    for axis in (None, *range(-a.ndim, a.ndim)):
        got, seen = on_secrets(lambda x, axis=axis: x.sum(axis), case)
        terms = a.size if axis is None else a.shape[axis]
        np.testing.assert_allclose(got, a.sum(axis), rtol=0, atol=terms * seen["units"][0] + limit * terms * 1e-15)
        if terms:
            got, seen = on_secrets(lambda x, axis=axis: x.mean(axis), case)
            allowed = seen["units"][0] + limit * 2.0**-27 + 2 * seen["unit"]
            np.testing.assert_allclose(got, a.mean(axis), rtol=1e-15, atol=allowed)
    got, seen = on_secrets(abs, case)
    np.testing.assert_allclose(got, abs(a), rtol=0, atol=seen["units"][0])
    np.testing.assert_array_equal(on_secrets(operator.neg, case)[0], -on_secrets(lambda x: x * 1, case)[0])


@given(data=st.data())
def test_choices(data):
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=2, max_side=3)).input_shapes
    condition = data.draw(booleans(shapes[0]))
    (a, la), (b, lb) = data.draw(reals(shapes[1])), data.draw(reals(shapes[2]))
    for function, expected in [
        (mpc.where, np.where(condition, a, b)),
        (lambda c, x, y: mpc.maximum(x, y), np.maximum(a, b)),
        (lambda c, x, y: mpc.minimum(x, y), np.minimum(a, b)),
        (lambda c, x, y: mpc.where(c, x, b), np.where(condition, a, b)),
        (lambda c, x, y: mpc.where(c, a, y), np.where(condition, a, b)),
        (lambda c, x, y: mpc.maximum(x, b), np.maximum(a, b)),
        (lambda c, x, y: mpc.minimum(a, y), np.minimum(a, b)),
    ]:
        got, seen = on_secrets(function, condition, (a, la), (b, lb))
        np.testing.assert_allclose(got, expected, rtol=1e-15, atol=sum(seen["units"][1:]) + 2 * seen["unit"])


def test_a_choice_is_bounded_by_the_larger_alternative():
    async def script(run):
        a, b = secret(run, [1.0], bound=100), secret(run, [2.0], bound=7)
        wide = secret(run, [1], frac=0)
        wide = wide.restated(bound=2**60)
        assert mpc.where(a < b, a, b).limit == pytest.approx(100)
        assert mpc.where(a < b, wide, 2 * wide).bound == 2 * 2**60
        with pytest.raises(RangeError):  # their difference
            mpc.where(a < b, wide, 3 * wide)

    evaluate(script, parties=1)


# ---- structure
def test_indexing_and_rearranging_as_numpy_does():
    a = np.arange(24).reshape(2, 3, 4)
    for to in [
        lambda x: x[0],
        lambda x: x[-1, ..., 2],
        lambda x: x[:, ::-1, 1:3],
        lambda x: x[:, None, [0, 2]],
        lambda x: x[np.asarray([True, False])],
        lambda x: x[1, 2, 3],
        lambda x: x[:, :0],
        lambda x: x.reshape(6, 4),
        lambda x: x.reshape((4, -1)),
        lambda x: x.T,
        lambda x: x[0].T,
        lambda x: x.reshape(-1)[5].reshape(1, 1),
        lambda x: x[0, :, :3].diagonal(),
    ]:
        np.testing.assert_array_equal(compute(to, a), to(a))
    np.testing.assert_array_equal(compute(lambda x: x.broadcast_to((3, 2)), np.arange(2)), [[0, 1]] * 3)
    np.testing.assert_array_equal(compute(lambda x: [row + 1 for row in x][1], a), a[1] + 1)


@given(
    parts=st.lists(
        hnp.arrays(np.int64, st.tuples(st.integers(0, 3), st.just(2)), elements=st.integers(-9, 9)), min_size=1
    )
)
def test_joining(parts):
    np.testing.assert_array_equal(compute(lambda *xs: mpc.concatenate(xs), *parts), np.concatenate(parts))
    turned = [p.T for p in parts]
    for axis in (1, -1):
        got = compute(lambda *xs, axis=axis: mpc.concatenate(xs, axis), *turned)
        np.testing.assert_array_equal(got, np.concatenate(turned, axis))
    same = [p[:1] for p in parts if len(p)]
    if same:
        np.testing.assert_array_equal(compute(lambda *xs: mpc.stack(xs), *same), np.stack(same))


def test_joining_types_and_scales():
    async def script(run):
        bits, whole = secret(run, [True, False]), secret(run, [7])
        small, large = secret(run, [0.123456789], bound=0.5), secret(run, [-3e8], bound=1e9)
        wide = secret(run, [12345.0], bound=2.0**20, frac=40)
        joined = mpc.concatenate([bits, whole])
        assert joined.type == "int"
        assert (await opened(run, joined)).tolist() == [1, 0, 7]
        joined = mpc.concatenate([whole, bits])
        assert joined.type == "int"
        assert mpc.concatenate([bits, ~bits]).type == "bool"
        np.testing.assert_allclose(await opened(run, mpc.concatenate([small, large])), [0.123456789, -3e8], atol=2e-8)
        got = await opened(run, mpc.concatenate([wide, large, small, whole]))
        np.testing.assert_allclose(got, [12345, -3e8, 0.123456789, 7], rtol=0, atol=1e-8)

    evaluate(script, parties=1)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (lambda x: x + np.zeros(5), ShapeError),
        (lambda x: x * x.T[:, :1].reshape(2), ShapeError),
        (lambda x: x @ x, ShapeError),
        (lambda x: x @ np.zeros(2), ShapeError),
        (lambda x: x.reshape(5), ShapeError),
        (lambda x: x[7], ShapeError),
        (lambda x: x[0, 0, 0], ShapeError),
        (lambda x: x.sum(2), ShapeError),
        (lambda x: x[0, 0].mean(0), Exception),
        (lambda x: mpc.concatenate([x, x[0]]), ShapeError),
        (lambda x: mpc.concatenate([x[0, 0], x[0, 0]]), ShapeError),
        (lambda x: mpc.concatenate([]), ShapeError),
        (lambda x: mpc.where(x, 1, 0), ShapeError),
        (lambda x: mpc.where(True, x, x), ShapeError),
        (lambda x: x & x, ShapeError),
        (lambda x: ~x, ShapeError),
        (lambda x: x + "1", ShapeError),
        (lambda x: x == None, ShapeError),  # noqa: E711
        (lambda x: x[x], ShapeError),
        (lambda x: x[x > 0], ShapeError),
        (lambda x: len(x[0, 0]), ShapeError),
        (lambda x: x[:0].mean(), ShapeError),
        (lambda x: x + np.nan, RangeError),
        (lambda x: x * np.inf, RangeError),
        (lambda x: x / 0, RangeError),
        (lambda x: x / np.asarray([1.0, 0.0, 2.0]), RangeError),
        (lambda x: x + 2**63, LocalProtocolError),
        (lambda x: x.within(-1), RangeError),
        (lambda x: x.within(np.nan), RangeError),
        (lambda x: bool(x), LocalProtocolError),
        (lambda x: float(x), LocalProtocolError),
        (lambda x: 5 if x > 3 else 4, LocalProtocolError),
        (lambda x: x.cut(10).dot(x, 3), ShapeError),
    ],
)
def test_wrong_uses_raise_at_their_line(wrong, error):
    async def script(run):
        wrong(secret(run, np.arange(6).reshape(2, 3)))

    with pytest.raises(error):
        evaluate(script, parties=1)


def test_a_secret_condition_teaches_where():
    async def script(run):
        if secret(run, [1])[0] > 0:
            pass

    with pytest.raises(LocalProtocolError, match=r"mpc\.where\(condition, a, b\), or release it"):
        evaluate(script, parties=1)


def test_what_a_secret_shows_of_itself():
    async def script(run):
        x = secret(run, np.zeros((2, 3)), bound=100.0)
        assert (x.shape, x.ndim, x.size, len(x)) == ((2, 3), 2, 6, 2)
        assert "secret" in repr(x)
        assert "100" in repr(x)
        with pytest.raises(TypeError):
            hash(x)

    evaluate(script, parties=1)


# ---- bounds and range errors
@given(data=st.data())
def test_bounds_are_true_through_any_program(data):
    """A random program: `opened` and the ideal engine fail where a value exceeds its bound."""
    a, limit = data.draw(reals((3,)))
    whole = data.draw(integers((3,), 50))
    steps = data.draw(st.lists(st.integers(0, 11), min_size=1, max_size=8))

    async def script(run):
        x, k = secret(run, a, bound=limit), secret(run, whole)
        shown = [x]
        for step in steps:
            one = shown[-1]
            try:
                new = [
                    lambda x: x + k,
                    lambda x: x * k,
                    lambda x: x * shown[0],
                    lambda x: x - shown[0],
                    lambda x: x * 0.3,
                    lambda x: x + 1e-3,
                    lambda x: abs(x),
                    lambda x: mpc.maximum(x, k),
                    lambda x: x.sum() + x,
                    lambda x: mpc.where(x > 0, x, -1.5),
                    lambda x: x * x,
                    lambda x: x.undefined_outside(-0.3, 2.7, "outside"),
                ][step](one)
            except RangeError as error:
                assert "within" in str(error)  # noqa: PT017
                break
            shown.append(new)
        for one in shown:
            await opened(run, one)

    evaluate(script, parties=1)


def test_what_could_exceed_the_ring_is_refused_at_its_line_with_the_remedy():
    async def script(run):
        x = secret(run, [2**30], frac=0)
        x = x.restated(type="int", bound=2**40)
        with pytest.raises(RangeError) as caught:
            x * x
        assert "81 bits" in str(caught.value)
        assert "secret int[1]" in str(caught.value)
        assert "within" in str(caught.value)
        y = x.within(2**30)
        assert (await opened(run, y * y)).tolist() == [2**60]
        assert y.handle.assumptions
        with pytest.raises(RangeError):
            x.times(x)
        with pytest.raises(RangeError):
            x * 2**30
        with pytest.raises(RangeError):
            (x * 2**20).sum() * 8

    evaluate(script, parties=1)


@pytest.mark.parametrize(("a", "b"), [(55, 55), (60, 20), (45, 50), (61, 29), (31, 31)])
def test_wide_operands_are_cut_alike_before_a_product(a, b):
    """Both keep about 31 bits: none is cut away for the other's sake."""

    async def script(run):
        x = secret(run, [0.7, -0.9], bound=1.0, frac=a)
        y = secret(run, [0.3, 0.6], bound=1.0, frac=b)
        np.testing.assert_allclose(await opened(run, x * y), [0.21, -0.54], rtol=0, atol=2.0 ** (3 - min(b, 28)))
        np.testing.assert_allclose(await opened(run, x * x), [0.49, 0.81], rtol=0, atol=2.0**-26)
        np.testing.assert_allclose(await opened(run, x @ y), -0.33, rtol=0, atol=2.0 ** (5 - min(b, 28)))

    evaluate(script, parties=1)


def test_cutting_everything_away_is_zero_or_one_unit():
    async def script(run):
        x = secret(run, [0.9, -0.9], bound=1.0, frac=60)
        for _ in range(30):
            x = x / 2
        assert abs(await opened(run, x.cut(10))).max() <= 2.0**-10
        assert abs(await opened(run, (x * 1.5).cut(0))).max() <= 1
        np.testing.assert_allclose(await opened(run, x.cut(70)), [0.9 * 2.0**-30, -0.9 * 2.0**-30], atol=2.0**-69)

    evaluate(script, parties=1)


def test_cut_rounds_down_or_up_by_one():
    values = np.asarray([5, -5, 7, 0, -1, 8])
    got = compute(lambda x: x.cut(-2), values)
    np.testing.assert_array_equal(got, (values >> 2) << 2)


def test_a_public_number_beside_a_fine_scale():
    async def script(run):
        x = secret(run, [0.25], bound=1.0, frac=58)
        assert await opened(run, x + 1e6) == pytest.approx(1000000.25)
        assert (await opened(run, x < 1e30)).all()
        big = secret(run, [5], frac=0).with_handle(secret(run, [5]).handle).restated(type="int", bound=2**45)
        np.testing.assert_allclose(await opened(run, big + 0.5), 5.5, atol=0.5)

    evaluate(script, parties=1)


# ---- masks
def masked(run, values, mask, why="unknown"):
    return secret(run, values).masked(secret(run, mask), why)


@given(data=st.data())
def test_masks_follow_elementwise_operations(data):
    shape = data.draw(st.sampled_from([(), (3,), (2, 2)]))
    a, b = data.draw(integers(shape, 9)), data.draw(integers(shape, 9))
    ma, mb = data.draw(booleans(shape)), data.draw(booleans(shape))

    async def script(run):
        x, y = masked(run, a, ma), masked(run, b, mb)
        for op in (operator.add, operator.mul, operator.lt, operator.eq, mpc.maximum):
            expected = np.where(ma & mb, (np.maximum if op is mpc.maximum else op)(a, b), np.nan)
            np.testing.assert_array_equal(await opened(run, op(x, y)), expected)
        for to in (lambda v: v * 2, lambda v: v + 1, lambda v: -v, lambda v: v.reshape(-1), lambda v: v.T):
            np.testing.assert_array_equal(await opened(run, to(x)), to(np.where(ma, a, np.nan)))
        joined = mpc.concatenate([x.reshape(-1), secret(run, b).reshape(-1)])
        np.testing.assert_array_equal(
            await opened(run, joined), np.concatenate([np.where(ma, a, np.nan).reshape(-1), b.reshape(-1)])
        )
        assert (x + y).why == "unknown"
        assert x.without_mask().valid is None

    evaluate(script, parties=1)


@given(a=integers((3, 2), 9), mask=booleans((3, 2)))
def test_sums_skip_what_is_masked(a, mask):
    async def script(run):
        x = masked(run, a, mask)
        for axis in (None, 0, 1):
            np.testing.assert_array_equal(await opened(run, x.sum(axis)), (a * mask).sum(axis))
        count = mask.sum()
        got = await opened(run, x.mean())
        if count:
            np.testing.assert_allclose(got, (a * mask).sum() / count, rtol=1e-6, atol=1e-6)
        else:
            assert np.isnan(got)

    evaluate(script, parties=1)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("set_", [True, False])
def test_one_bit_for_all_stays_with_sums_and_products(shape, set_):
    """A value that is meaningless as a whole must not come out as a number by summing it up."""
    a = np.full(shape, 7)

    async def script(run):
        x = masked(run, a, set_, "meaningless")
        for total in (x.sum(), x.mean(), x.sum() * 2, (x.reshape(-1) @ np.ones(max(a.size, 1))).sum()):
            got = await opened(run, total)
            assert np.isnan(got) == (not set_)
            assert total.why == "meaningless"
        joined = mpc.concatenate([x.reshape(-1), secret(run, [1])])
        got = await opened(run, joined)
        assert np.isnan(got[0]) == (not set_)
        assert got[-1] == 1

    evaluate(script, parties=1)


@given(a=reals((4,), 10.0), low=st.floats(-9, 0), high=st.floats(0.5, 9))
def test_undefined_outside(a, low, high):
    values, limit = a
    assume(np.all(np.minimum(abs(values - low), abs(values - high)) > 1e-6))

    async def script(run):
        x = secret(run, values, bound=limit).undefined_outside(low, high, "outside of its domain")
        assert x.limit <= max(-low, high) + 1e-6
        assert x.why == "outside of its domain"
        inside = (low <= values) & (values <= high)
        np.testing.assert_allclose(await opened(run, x), np.where(inside, values, np.nan), atol=1e-7)
        raw = await opened(run, x.without_mask())
        np.testing.assert_allclose(raw, np.where(inside, values, low), atol=1e-7)
        again = x.undefined_outside(low / 2, high / 2, "still outside")
        inside &= (low / 2 <= values) & (values <= high / 2)
        assert (~np.isnan(await opened(run, again))).sum() <= inside.sum() + 1

    evaluate(script, parties=1)


# ---- checked assumptions
@given(
    values=hnp.arrays(np.int64, 3, elements=st.integers(-40, 40)),
    limit=st.integers(0, 30),
    frac=st.sampled_from([0, 3]),
    bound=st.sampled_from([2**10, 2**50, 2**62 - 1]),
)
def test_within_is_checked_to_the_last_unit(values, limit, frac, bound):
    async def script(run):
        x = secret(run, values)
        x = x.restated(type="fixed", frac=frac, bound=bound)
        y = x.within(limit * 2.0**-frac)
        assert y.bound == max(limit, 1)
        (check,) = y.handle.assumptions
        held = await opened(run, check.bit)
        exact = np.abs(values).max() <= max(limit, 1)
        if bound < 2**61:
            assert held == exact
        else:  # compared on two bits less: stricter, never laxer
            assert not held or exact
            assert held or np.abs(values).max() > max(limit, 1) - 8

    evaluate(script, parties=1)


def test_within_where_the_bound_is_known_costs_nothing():
    async def script(run):
        x = secret(run, [1.0], bound=2.0)
        assert x.within(2.0) is x
        assert x.within(5) is x
        before = run.operations
        y = x.within(1.5)
        assert y.limit <= 1.5
        assert len(y.handle.assumptions) == 1
        assert run.operations > before

    evaluate(script, parties=1)


# ---- cohorts
def test_cohorts_follow_values():
    async def script(run):
        counts = secret(run, [5, 50, 500])
        x = secret(run, [1.0, 2.0, 3.0]).about(counts)
        one = secret(run, 7)

        async def behind(value, k=0):
            return (await opened(run, value.basis.cohorts[k].counts().total)).tolist()

        assert await behind(x[1]) == [50]
        assert await behind((x * 2 + 1)[::-1]) == [[500, 50, 5]]
        assert await behind(x.sum()) == [5, 50, 500]
        both = x * secret(run, [1, 1, 1]).about(one)
        assert len(both.basis.cohorts) == 2
        joined = mpc.concatenate([x, secret(run, [9.0])])
        assert await behind(joined) == [5, 50, 500]  # of one part only: behind the whole
        pair = mpc.concatenate([x, x[:1] + secret(run, 1).about(one)])
        assert (await behind(pair))[0] == [5, 50, 500, 5]
        for value in (x < 2, mpc.where(x < 2, 1, 0), x @ x, x.within(1.0)):
            assert value.basis.cohorts
            assert not value.basis.public
        assert constant(run, [1]).basis.public

    evaluate(script, parties=1)


@pytest.mark.parametrize("engine", ["replicated"])
def test_a_program_on_shares_gives_what_the_ideal_engine_gives(engine):
    def program(a, b, k):
        x = mpc.where(a < b, a * b, a - 0.25) + k
        y = mpc.maximum(x, b) @ np.ones((3, 1))
        return [x, y, x.sum(0), (x > 1).sum(), abs(x).mean(), (a == b), x.undefined_outside(-1, 3, "outside")]

    rng = np.random.default_rng(3)
    arguments = rng.uniform(-3, 3, (2, 3)), rng.uniform(-3, 3, (2, 3)), rng.integers(-3, 3, (1, 3))
    ideal = compute(program, *arguments)
    shared = compute(program, *arguments, engine=engine)
    for a, b in zip(ideal, shared, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)


def test_scale_rule_for_a_constant():
    async def script(run):
        assert constant(run, [0.3, 100.0]).frac == frac_for(100.0)
        assert constant(run, [3, 4]).type == "int"
        assert constant(run, [True]).type == "bool"
        assert constant(run, [3, 4], frac=5).type == "fixed"

    evaluate(script, parties=1)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mpc.errors import LocalProtocolError, RemoteProtocolError, ShapeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.engine import Cost
from mpc.machine.simulation import simulate_parties
from tests.support.replicated_harness import LABELS, combined, engine, run, shared

WORDS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from([0, 1, -1, 2**63 - 1, -(2**63), 2**62, -(2**62)])
SIZES = [0, 1, 5, 5000, 40_000]
SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
few = settings(max_examples=25, deadline=None)


def arrays(shape):
    return hnp.arrays(np.int64, shape, elements=WORDS)


def words(rng, size):
    return rng.integers(-(2**63), 2**63 - 1, size, endpoint=True)


@few
@given(data=st.data(), shape=SHAPES, seed=st.integers(0, 2**32), label=st.sampled_from(LABELS))
def test_linear_and_multiply_match_numpy(data, shape, seed, label):
    rng = np.random.default_rng(seed)
    a, b = data.draw(arrays(shape)), data.draw(arrays(shape))
    x, y = shared(a, rng), shared(b, rng)
    np.testing.assert_array_equal(run("add", x, y).value, a + b)
    np.testing.assert_array_equal(run("subtract", x, y).value, a - b)
    np.testing.assert_array_equal(run("scale", x, by=b).value, a * b)
    np.testing.assert_array_equal(run("scale", x, by=np.int64(-3)).value, a * -3)
    np.testing.assert_array_equal(run("add_public", x, values=b).value, a + b)
    np.testing.assert_array_equal(run("multiply", x, y, label=label).value, a * b)
    np.testing.assert_array_equal(run("constant", values=a).value, a)


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("size", [*SIZES, 200_000])
def test_multiply_at_every_size(size, label):
    rng = np.random.default_rng(size)
    a, b = words(rng, size), words(rng, size)
    ran = run("multiply", shared(a, rng), shared(b, rng), label=label)
    np.testing.assert_array_equal(ran.value, a * b)
    assert ran.cost.rounds == (1 if size else 0)
    assert ran.cost.bytes_sent == (8 * size,) * 3


@pytest.mark.parametrize("owner", range(3))
@pytest.mark.parametrize("size", SIZES)
def test_input_and_open(size, owner):
    rng = np.random.default_rng(size)
    a = words(rng, size)
    ran = run("input", owner=owner, values=a, shape=(size,))
    np.testing.assert_array_equal(ran.value, a)
    assert ran.cost.bytes_sent == tuple(8 * size if i == owner else 0 for i in range(3))
    for to in ([0, 1, 2], [owner], [owner, (owner + 1) % 3], []):
        opened = run("open", ran.results, to=to)
        for i, result in enumerate(opened.results):
            if i in to:
                assert result.dtype == np.int64
                np.testing.assert_array_equal(result, a)
            else:
                assert result is None
        assert sum(opened.cost.bytes_sent) == 8 * size * len(to)


def test_an_input_tells_the_third_party_nothing_at_all():
    ran = run("input", owner=1, values=np.arange(5), shape=(5,))
    assert [(sender, receiver) for sender, receiver, _, _ in ran.network.messages] == [(1, 0)]


def test_one_multiplication_costs_one_word_a_party():
    rng = np.random.default_rng(1)
    assert run("multiply", shared([3], rng), shared([4], rng)).cost == Cost(1, (8, 8, 8), (1, 1, 1))


@few
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), seed=st.integers(0, 99))
def test_rearranging(data, shape, seed):
    rng = np.random.default_rng(seed)
    a = data.draw(arrays(shape))
    x = shared(a, rng)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    np.testing.assert_array_equal(run("sum", x, axis=axis).value, a.sum(axis=axis))
    np.testing.assert_array_equal(run("concatenate", x, x, x, axis=axis).value, np.concatenate([a, a, a], axis=axis))
    np.testing.assert_array_equal(run("view", x, to=lambda v: v.T, shape=shape[::-1]).value, a.T)
    wide = (2, *shape)
    np.testing.assert_array_equal(
        run("view", x, to=lambda v: np.broadcast_to(v, wide), shape=wide).value, np.broadcast_to(a, wide)
    )
    bits = shared(a & 1, rng, width=1)
    np.testing.assert_array_equal(run("view", bits, to=lambda v: v.T, shape=shape[::-1]).value, (a & 1).T)
    np.testing.assert_array_equal(
        run("concatenate", bits, bits, axis=axis).value, np.concatenate([a & 1, a & 1], axis=axis)
    )


def test_random_elements_are_shared_and_uniform():
    value = run("random", shape=(40_000,)).value
    ones = np.unpackbits(value.view(np.uint8)).mean()
    assert abs(ones - 0.5) < 4 / (2 * np.sqrt(64 * value.size))
    assert len(np.unique(value)) == value.size


SMALL_SHAPES = [(3, 4, 5), (1, 1, 1), (0, 3, 2), (2, 0, 3), (2, 3, 0), (1, 9, 70), (70, 9, 1)]
LIMB_SHAPES = [(40, 600, 50), (300, 40, 200), (20, 1500, 20), (13, 7, 4000), (4000, 7, 13), (200, 513, 210)]


@pytest.mark.parametrize(("m", "k", "n"), SMALL_SHAPES + LIMB_SHAPES)
def test_matrix_products_are_exact(m, k, n):
    rng = np.random.default_rng(m + k + n)
    a, b = words(rng, (m, k)), words(rng, (k, n))
    ran = run("matmul", shared(a, rng), shared(b, rng), label=LABELS[k % 3])
    np.testing.assert_array_equal(ran.value, a @ b)
    assert ran.cost.bytes_sent == (8 * m * n,) * 3


@pytest.mark.parametrize("role", [0, 1, 2])
def test_limbs_are_exact_at_their_limits(role):
    """Entries at the ends of what a limb holds, over a full inner block; checked with Python's integers."""
    from protocols.replicated import kernels
    from protocols.replicated.limbs import BLOCK, Limbs, add_product

    kernels.ready()
    lowest, highest = -(2**21) * (1 + 2**22) - (2**20 << 44), (2**21 - 1) * (1 + 2**22) + ((2**20 - 1) << 44)
    worst = [lowest, highest, -(2**21) * (1 + 2**22), -1, 2**63, 2**64 - 2**43, 2**21, 0]
    # Components (p, q) of which a role multiplies 2p + q or p - q, such that it is the wanted number.
    combined = {0: lambda p, q: 2 * q + p, 1: lambda p, q: p - q, 2: lambda p, q: 2 * p + q}[role]
    pairs = {
        0: lambda u: (u % 2, u // 2 % 2**64),
        1: lambda u: ((u + 12345) % 2**64, 12345),
        2: lambda u: (u // 2 % 2**64, u % 2),
    }[role]
    pairs_of = [pairs(u) for u in worst] + [(2**64 - 1, 2**64 - 1), (2**63, 2**64 - 1), (2**64 - 1, 0), (0, 2**64 - 1)]
    a, b = Limbs(np.empty(8 * BLOCK), 2, BLOCK, left=True), Limbs(np.empty(12 * BLOCK), BLOCK, 3, left=False)
    for p in pairs_of:
        a.fill(role, np.asarray(p, np.uint64).reshape(2, 1, 1).repeat(2, 1).repeat(BLOCK + 7, 2), 0, 7)
        assert np.abs(a.both).max() <= 2**22
        for q in pairs_of:
            b.fill(role, np.asarray(q, np.uint64).reshape(2, 1, 1).repeat(BLOCK + 5, 1).repeat(3, 2), 5, 0)
            out = np.full((2, 3), 99, np.uint64)
            add_product(role, a, b, np.empty(24), out)
            exact = BLOCK * combined(*p) * combined(*q)
            if role != 1:
                assert ((out.astype(object) - 99 - exact // 2) % 2**64 == 0).all()  # BLOCK is even
            else:
                assert ((out.astype(object) - 99 + exact) % 2**64 == 0).all()


def test_halves_of_odd_products_are_rounded_towards_each_other():
    """2 x y = (2a + b)(2d + e) - 2 (a - c)(d - f) + (b + 2c)(e + 2f), where b e is odd."""
    from protocols.replicated import kernels
    from protocols.replicated.limbs import Limbs, add_product

    kernels.ready()
    rng = np.random.default_rng(5)
    x, y = (words(rng, shape).view(np.uint64) for shape in ((3, 30, 41), (3, 41, 20)))
    x[1] |= np.uint64(1)
    y[1] |= np.uint64(1)
    total = np.zeros((30, 20), np.uint64)
    # a, b, c in turn are what D and E, F and D, E and F hold: D has (b, a), E (a, c), F (c, b).
    for role, held in enumerate(((1, 0), (0, 2), (2, 1))):
        left, right = Limbs(np.empty(4 * 30 * 41), 30, 41, left=True), Limbs(np.empty(4 * 41 * 20), 41, 20, left=False)
        left.fill(role, x[list(held)], 0, 0)
        right.fill(role, y[list(held)], 0, 0)
        add_product(role, left, right, np.empty(4 * 600), total)
    np.testing.assert_array_equal(total, x.sum(0, dtype=np.uint64) @ y.sum(0, dtype=np.uint64))


def test_shapes_that_do_not_fit():
    rng = np.random.default_rng(1)
    x, y, b = shared(np.zeros(3), rng), shared(np.zeros(4), rng), shared(np.zeros(3), rng, width=1)
    for primitive, *operands in (("add", x, y), ("multiply", x, y), ("multiply", x, b), ("inject", b, y)):
        with pytest.raises(ShapeError):
            run(primitive, *operands)
    with pytest.raises(ShapeError):
        run("matmul", x, x)
    with pytest.raises(ShapeError):
        run("add_public", x, values=np.zeros(4, np.int64))
    with pytest.raises(ShapeError):
        run("view", x, to=lambda v: v[:2], shape=(3,))
    with pytest.raises(LocalProtocolError):
        engine().plan("divide", LABELS[0])


def test_a_message_of_another_length_is_the_peers_fault():
    rng = np.random.default_rng(1)
    x = shared(np.arange(5), rng)
    for change in (lambda p: p[:-1], lambda p: np.append(p, np.uint8(0)), lambda p: p[:0]):
        net = MemoryNetwork(3, tamper=lambda s, r, tag, p, change=change: change(p) if s == 1 else p)
        with pytest.raises(RemoteProtocolError) as caught:
            simulate_parties(lambda party: engine().multiply(party, x[party.index], x[party.index]), network=net)
        assert caught.value.peer == 1


WRONG_KINDS = [
    ("add", [1, 1], {}),
    ("subtract", [1, 1], {}),
    ("add", [None, 1], {}),
    ("scale", [1], {"by": np.int64(2)}),
    ("add_public", [1], {"values": np.int64(2)}),
    ("sum", [1], {"axis": 0}),
    ("multiply", [1, 1], {}),
    ("multiply_truncate", [1, 1], {"bits": 3}),
    ("multiply_truncate", [None, 1], {"bits": 3}),
    ("truncate", [1], {"bits": 3}),
    ("sign", [1], {"width": 3}),
    ("decompose", [1], {"width": 3}),
    ("xor", [None, None], {}),
    ("xor", [1, 2], {}),
    ("invert", [None], {}),
    ("unpack", [None], {}),
    ("bits_and", [None, None], {}),
    ("bits_and", [1, 2], {}),
    ("prefix_or", [None], {}),
    ("bit_to_ring", [2], {}),
    ("inject", [1, 1], {}),
    ("inject", [None, None], {}),
    ("concatenate", [1, None], {"axis": 0}),
    ("matmul", [None, None], {}),
]


@pytest.mark.parametrize(("primitive", "kinds", "parameters"), WRONG_KINDS)
def test_operands_of_the_wrong_kind_fail_in_the_run_and_in_the_plan(primitive, kinds, parameters):
    rng = np.random.default_rng(1)
    operands = [shared(np.arange(3) % 2, rng, width=kind) for kind in kinds]
    with pytest.raises(ShapeError):
        run(primitive, *operands, **parameters)
    with pytest.raises(ShapeError):
        engine().plan(primitive, LABELS[0], *(x[0].spec for x in operands), **parameters)


OPERATIONS = [
    ("multiply", [None, None], {}),
    ("truncate", [None], {"bits": 16}),
    ("multiply_truncate", [None, None], {"bits": 20}),
    ("sign", [None], {"width": 33}),
    ("decompose", [None], {"width": 20}),
    ("prefix_or", [24], {}),
    ("bits_and", [1, 1], {}),
    ("bit_to_ring", [1], {}),
    ("inject", [1, None], {}),
    ("open", [None], {"to": [0, 1, 2]}),
]


def tampered(primitive, kinds, parameters, change):
    """Run with every message passed through change(number, payload); returns how many there were."""
    rng = np.random.default_rng(1)
    operands = [shared(np.arange(9) % 2, rng, width=kind) for kind in kinds]
    count = 0

    def tamper(sender, receiver, tag, payload):
        nonlocal count
        count += 1
        return change(count - 1, payload)

    async def program(party):
        return await getattr(engine(), primitive)(party, *(x[party.index] for x in operands), **parameters)

    simulate_parties(program, network=MemoryNetwork(3, tamper=tamper))
    return count


@pytest.mark.parametrize(("primitive", "kinds", "parameters"), OPERATIONS)
def test_any_message_cut_short_or_made_longer_is_an_error(primitive, kinds, parameters):
    count = tampered(primitive, kinds, parameters, lambda number, payload: payload)
    for wrong in range(count):
        for change in (lambda p: p[:-1], lambda p: np.append(p, p)):
            with pytest.raises(RemoteProtocolError):
                tampered(
                    primitive,
                    kinds,
                    parameters,
                    lambda number, p, change=change, wrong=wrong: change(p) if number == wrong else p,
                )


@pytest.mark.parametrize(("primitive", "kinds", "parameters"), OPERATIONS)
def test_no_content_of_a_message_breaks_the_receiver(primitive, kinds, parameters):
    rng = np.random.default_rng(2)
    for fill in (lambda p: np.full_like(p, 255), lambda p: rng.integers(0, 256, p.size, np.uint8)):
        assert tampered(primitive, kinds, parameters, lambda number, p, fill=fill: fill(p))


def test_the_engine_is_passive_only_a_changed_word_changes_the_product():
    """Semi-honest, as the docstrings say: nothing notices a wrong value of the right form."""
    rng = np.random.default_rng(1)
    x = shared([7], rng)
    net = MemoryNetwork(3, tamper=lambda s, r, tag, p: p ^ np.uint8(1) if s == 0 else p)
    done = simulate_parties(lambda party: engine().multiply(party, x[party.index], x[party.index]), network=net)
    with pytest.raises(AssertionError, match="split"):
        combined(done.results)

"""What one party receives is uniform, whatever the others hold.

Conditioned on everything a party knows (its shares, its keys, the public coins) the messages it receives must be
uniform and independent. So everything it knows is set to zero: its two components of each input are 0, every stream
of a key it holds gives zeros; the component it lacks is a constant secret. What arrives then is random only through
the streams it does not hold. Columns of bits, over many elements, must be

    linearly independent over Z_2, together with the constant one (a missing, short or repeated mask is a relation)
    unbiased and pairwise uncorrelated within 6.5 standard deviations (a skewed mask)

and the same tests must fail once any mask of the protocol is taken away, or one stream is used for two.
"""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from mpc.machine.channel import MemoryNetwork
from mpc.machine.party import Environment, Keys, Party
from protocols.replicated import kernels_hash, kernels_lookup, kernels_order
from protocols.replicated.compare import reveal_sign
from protocols.replicated.given import Given
from protocols.replicated.kernels import ready
from protocols.replicated.orders import Order
from protocols.replicated.sharing import Arithmetic, Bits, dtype_of
from tests.support.replicated_harness import LABELS, engine
from tests.support.replicated_views import Changed, Zeros
from tests.support.view_lab import rank

N = 2048
LINE = np.stack([np.arange(64) - 5, np.ones(64), np.zeros(64), np.zeros(64)]).astype(np.int64)
#: primitive, kinds of its operands (None: arithmetic, else a width of bits), parameters
CASES = {
    "multiply": ("multiply", [None, None], {}),
    "matmul": ("matmul", ["matrix", "matrix"], {}),
    "truncate 5": ("truncate", [None], {"bits": 5}),
    "truncate 16": ("truncate", [None], {"bits": 16}),
    "truncate 40": ("truncate", [None], {"bits": 40}),
    "multiply_truncate 16": ("multiply_truncate", [None, None], {"bits": 16}),
    "multiply_truncate 28": ("multiply_truncate", [None, None], {"bits": 28}),
    "matmul_truncate": ("matmul_truncate", ["matrix", "matrix"], {"bits": 16}),
    "sign 4": ("sign", [None], {"width": 4}),
    "sign 17": ("sign", [None], {"width": 17}),
    "sign 40": ("sign", [None], {"width": 40}),
    "sign 53": ("sign", [None], {"width": 53}),
    "sign 64": ("sign", [None], {"width": 64}),
    "signs 4": ("signs", [None], {"width": 4, "thresholds": np.array([[1], [-2]])}),
    "signs 33": ("signs", [None], {"width": 33, "thresholds": np.array([[0], [5]])}),
    "equal 20": ("equal", [None], {"width": 20}),
    "equal 40": ("equal", [None], {"width": 40}),
    "equal 64": ("equal", [None], {"width": 64}),
    "bits_and 1": ("bits_and", [1, 1], {}),
    "bits_and 24": ("bits_and", [24, 24], {}),
    "prefix_or": ("prefix_or", [32], {}),
    "decompose 20": ("decompose", [None], {"width": 20}),
    "decompose 64": ("decompose", [None], {"width": 64}),
    "truncate_exact 8": ("truncate_exact", [None], {"bits": 8, "rounding": "floor"}),
    "truncate_exact 32": ("truncate_exact", [None], {"bits": 32, "rounding": "nearest"}),
    "rows_zero": ("rows_zero", ["rows"], {}),
    "recompose 1": ("recompose", [1], {}),
    "recompose 12": ("recompose", [12], {}),
    "recompose 30": ("recompose", [30], {}),
    "shuffle": ("shuffle", [None, "order"], {}),
    "shuffle 1": ("shuffle", [1, "order"], {}),
    "shuffle 24": ("shuffle", [24, "order"], {}),
    "unshuffle": ("unshuffle", [None, "order"], {}),
    "unshuffle 1": ("unshuffle", [1, "order"], {}),
    "shuffle given": ("shuffle", [None, "given"], {}),
    "shuffle given 24": ("shuffle", [24, "given"], {}),
    "unshuffle given": ("unshuffle", [None, "given"], {}),
    "copy_down": ("copy_down", [None, "given line"], {}),
    "sum_up": ("sum_up", [None, "given line"], {}),
    "bit_to_ring": ("bit_to_ring", [1], {}),
    "inject": ("inject", [1, None], {}),
    "piecewise_cubic 8": ("piecewise_cubic", [None], {"low": -5, "step": 9, "table": LINE[:, :8], "bits": 0}),
    "piecewise_cubic 64": ("piecewise_cubic", [None], {"low": 0, "step": 40, "table": LINE, "bits": 20}),
    "table_of_count": ("table_of_count", ["counted"], {"table": np.arange(8)}),
    "exponential": ("exponential", [None], {"low": -9 << 20, "high": 3 << 20, "frac": 20, "digits": 48, "bits": 0}),
    "exponential 20": ("exponential", [None], {"low": -9 << 20, "high": 0, "frac": 20, "digits": 48, "bits": 20}),
}
REVEALED = (reveal_sign, [None], {"width": 64, "lead": 0})
SECRETS = [0, -1, 0x123456789ABCDEF]
#: Public coins: they decide how a value is rounded and hide nothing.
NOT_MASKS = {b"dither"}


#: Masks whose lack shows between elements only: see test_copies_are_told_from_running_sums.
ELSEWHERE = {"copy_down": {b"given r"}}


def operand(kind, secret, party, corrupt, size):
    """`party`'s share of a constant whose only non-zero component is the one that `corrupt` lacks."""
    if kind == "order":  # permutations that leave the rows where they are, so that masks that meet are seen to
        stay = np.arange(size, dtype=np.uint32)
        return Order(stay, stay, 0)
    if kind in ("given", "given line"):  # party 0 knows it, and the others one half of it each
        stay = np.arange(size if kind == "given" else 2 * size, dtype=np.uint32)
        return Given(0, stay.size, None if party == 2 else stay, None if party == 1 else stay)
    shape = (32, size // 32) if kind == "matrix" else (size,)
    if kind == "counted":  # seven bits an element
        kind, shape, size = 1, (7, size), 7 * size
    if kind == "rows":
        shape, size = (size, 3), 3 * size
    bits = isinstance(kind, int)
    word = np.uint64(secret % 2**64) & np.uint64((1 << kind) - 1) if bits else np.uint64(secret % 2**64)
    data = np.zeros((2, size), dtype_of(kind) if bits else np.uint64)
    lacking = (corrupt + 1) % 3
    for row, component in ((0, (party - 1) % 3), (1, party)):
        if component == lacking:
            data[row] = word
    if bits:
        return Bits(data, shape, kind)
    return Arithmetic(data, shape)


def received(case, corrupt, secret, label, change=lambda purpose, part: (purpose, part), seen=None, size=N):
    """All messages to party `corrupt`, in order of their tags."""
    primitive, kinds, parameters = REVEALED if case == "reveal_sign" else CASES[case]
    protocol = primitive if callable(primitive) else getattr(engine(), primitive)
    engine()
    ready(groups=[kernels_order.GROUP, kernels_lookup.GROUP, kernels_hash.GROUP])
    network = MemoryNetwork(3)
    network.record = []
    seen = set() if seen is None else seen
    keys = {}
    for i in range(3):
        for j in range(i):
            keys[j, i] = Zeros() if corrupt in (i, j) else Changed(b"key of the others"[:16], change, seen)

    async def main():
        tasks = []
        for i in range(3):
            pair = {j: keys[min(i, j), max(i, j)] for j in range(3) if j != i}
            private = Zeros() if i == corrupt else Changed(bytes([i]) * 16, change, seen)
            party = Party(Environment(network.channels[i], Keys(pair, Zeros(), private)), label)
            operands = [operand(kind, secret, i, corrupt, size) for kind in kinds]
            if kinds[0] == "matrix":  # (32, 64) @ (64, 32)
                operands[1] = Arithmetic(operands[1].data, operands[1].shape[::-1])
            tasks.append(protocol(party, *operands, **parameters))
        await asyncio.gather(*tasks)

    asyncio.run(main())
    messages = [(sender, tag, payload) for sender, to, tag, payload in network.record if to == corrupt]
    return [np.frombuffer(payload, np.uint8) for _, _, payload in sorted(messages, key=lambda m: (m[0], m[1]))]


def columns(messages, n, by_element):
    """Bits of all messages as columns over n rows: element by element, or by position in the message."""
    found = []
    for message in messages:
        whole = message.size // n * n
        if whole:
            octets = message[:whole].reshape(n, -1) if by_element else message[:whole].reshape(-1, n).T
            found.append(np.unpackbits(np.ascontiguousarray(octets), axis=1))
        if message.size > whole:
            found.append(np.unpackbits(message[whole:])[:n].reshape(n, 1))
    return np.concatenate(found, axis=1)


def uniform(messages, n):
    for by_element in (True, False):
        bits = columns(messages, n, by_element)
        rows = np.concatenate([np.packbits(bits, axis=0).T, np.full((1, n // 8), 255, np.uint8)])
        if rank(rows, rows.shape[1] * 8) < len(rows):
            return False
        signs = bits.astype(np.float32) * 2 - 1
        if np.abs(signs.mean(axis=0)).max() > 6.5 / np.sqrt(n):
            return False
        correlation = signs.T @ signs / n
        np.fill_diagonal(correlation, 0)
        if np.abs(correlation).max() > 6.5 / np.sqrt(n):
            return False
    return True


def rows_of(case):
    return 32 * 32 if "matmul" in case else N


@pytest.mark.parametrize("case", CASES)
def test_a_party_receives_uniform_words(case):
    for corrupt in range(3):
        for number, secret in enumerate(SECRETS):
            messages = received(case, corrupt, secret, LABELS[number % 3])
            if messages:
                assert uniform(messages, rows_of(case)), f"party {corrupt}, secret {secret}"


def caught(case, change):
    """Whether the test above fails for some party once the streams are changed."""
    return any(
        not uniform(messages, rows_of(case))
        for corrupt in range(3)
        if (messages := received(case, corrupt, SECRETS[2], LABELS[0], change))
    )


@pytest.mark.parametrize("case", CASES)
def test_without_any_one_mask_it_fails(case):
    seen: set[bytes] = set()
    for corrupt in range(3):
        received(case, corrupt, SECRETS[2], LABELS[0], seen=seen)
    assert seen - NOT_MASKS
    for mask in seen - NOT_MASKS - ELSEWHERE.get(case, set()):
        assert caught(case, lambda p, part, mask=mask: None if p == mask else (p, part)), f"{mask!r} hides nothing"


@pytest.mark.parametrize(
    ("case", "first", "second"),
    [
        ("truncate 16", b"s1", b"s2"),
        ("truncate 16", b"c1", b"a2"),
        ("multiply_truncate 16", b"r", b"rho"),
        ("multiply_truncate 16", b"s1", b"s2"),
        ("multiply_truncate 16", b"c1", b"t2"),
        ("sign 64", b"g1", b"g2"),
        ("signs 33", b"g1", b"g2"),
        ("decompose 64", b"g1", b"g2"),
        ("bit_to_ring", b"s1", b"s2"),
        ("recompose 12", b"s1", b"s2"),
        ("inject", b"s1", b"s2"),
        ("shuffle", b"m2", b"r"),
        ("unshuffle", b"m2", b"r"),
        ("shuffle given", b"given r", b"given s"),
        ("sum_up", b"given r", b"given s"),
        ("inject", b"v2", b"a2"),
        ("piecewise_cubic 64", b"hidden", b"cover"),
        ("piecewise_cubic 64", b"r", b"rho"),
        ("piecewise_cubic 64", b"query", b"g2"),
        ("exponential 20", b"c1", b"g2"),
        ("table_of_count", b"s1", b"s2"),
        ("table_of_count", b"hidden", b"cover"),
    ],
)
def test_one_stream_for_two_masks_fails(case, first, second):
    assert caught(case, lambda p, part: (first if p == second else p, part))


@pytest.mark.parametrize("case", ["sign 64", "equal 64", "prefix_or", "decompose 64"])
def test_one_stream_for_all_levels_of_a_tree_fails(case):
    assert caught(case, lambda p, part: (p, part & ~0xFFFF))


@pytest.mark.parametrize("hidden", [True, False])
def test_copies_are_told_from_running_sums(hidden):
    """The party where the rows of `copy_down` turn knows their running sums. Copies come back to it in the sequence
    that it does not know: without their mask it would find each of them among the sums, and so the order."""

    def change(purpose, part):
        return (purpose, part) if hidden or purpose != b"given r" else None

    shown = []
    for corrupt in range(3):
        messages = received("copy_down", corrupt, SECRETS[2], LABELS[0], change)
        words = [part for message in messages for part in np.split(message.view(np.uint64), message.size // (8 * N))]
        apart = [np.diff(part, prepend=np.uint64(0)) for part in words]
        shown.append(not any((a[1:] == b[1:]).all() for a in apart for b in words if a is not b))
    assert all(shown) == hidden


def test_streams_restarted_in_every_chunk_fail():
    """Roles rotate from chunk to chunk; the same streams again would be two messages under one mask."""
    size = 3 * 4096
    for change, good in ((lambda p, part: (p, part), True), (lambda p, part: (p, part & 0xFFFF), False)):
        messages = received("multiply", 0, SECRETS[2], LABELS[0], change, size=size)
        assert len(messages) == 3
        assert uniform(messages, size // 3) == good


def test_a_draw_is_never_repeated():
    """The simulation's own check, on the largest mixture of roles: it is what the other tests rely on (C1)."""
    from mpc.errors import LocalProtocolError
    from tests.support.replicated_harness import run, shared

    rng = np.random.default_rng(1)
    x = shared(np.zeros(9000, np.int64), rng)
    run("sign", x, width=64)

    async def twice(party):
        await engine().multiply(party, x[party.index], x[party.index])
        await engine().multiply(party, x[party.index], x[party.index])

    from mpc.machine.simulation import simulate_parties

    with pytest.raises(LocalProtocolError, match="twice"):
        simulate_parties(twice)


def without_one_of_the_last(corrupt, secret, change=lambda p, part: (p, part)):
    """What a party receives in `reveal_sign` but for the last message of one of the others, or of the other one, which
    follows from the result and all else that it has."""
    messages = received("reveal_sign", corrupt, secret, LABELS[0], change)
    last = [i for i, message in enumerate(messages) if message.size == N // 8]
    assert len(last) == 2
    return [[message for i, message in enumerate(messages) if i != left_out] for left_out in last]


def test_a_revealed_sign_shows_the_result_alone():
    for corrupt in range(3):
        for secret in SECRETS:
            for messages in without_one_of_the_last(corrupt, secret):
                assert uniform(messages, N)


@pytest.mark.parametrize("mask", [b"phi", b"g1", b"g2", b"zero"])
def test_a_revealed_sign_without_one_mask_shows_more(mask):
    def change(purpose, part):
        return None if purpose == mask else (purpose, part)

    shown = (m for corrupt in range(3) for m in without_one_of_the_last(corrupt, SECRETS[2], change))
    assert not all(uniform(messages, N) for messages in shown)

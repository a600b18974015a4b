"""The comparison in few rounds: its results, its cost, and what each party sees of it."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import RangeError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.labels import Streams
from mpc.machine.party import Environment, Keys, Party
from mpc.machine.simulation import simulate_parties
from protocols.replicated import kernels, kernels_quick
from protocols.replicated.sharing import Arithmetic
from tests.support.marks import WIDTHS, thinned
from tests.support.replicated_harness import LABELS, engine, run, shared, values
from tests.support.replicated_views import Changed, Zeros


@pytest.mark.parametrize("width", thinned(range(2, 65), WIDTHS))
def test_quick_sign_at_every_width(width):
    rng = np.random.default_rng(width)
    x = values(rng, width, None)
    ran = run("quick_sign", shared(x, rng), width=width, label=LABELS[width % 3], seed=width)
    np.testing.assert_array_equal(ran.value, x < 0)
    assert ran.cost.rounds == 3


@pytest.mark.parametrize("size", [0, 1, 8, 5000, 30_000])
def test_quick_sign_at_every_size(size):
    rng = np.random.default_rng(size)
    x = rng.integers(-(2**31), 2**31, size)
    ran = run("quick_sign", shared(x, rng), width=32)
    np.testing.assert_array_equal(ran.value, x < 0)
    assert abs(8 * sum(ran.cost.bytes_sent) - (8 * (3 * 32 - 1) + 1) * size) < 1000


def test_widths_that_are_not_there():
    for width in (1, 65):
        with pytest.raises(RangeError):
            run("quick_sign", shared([1], np.random.default_rng(1)), width=width)


@pytest.mark.parametrize(("modulus", "lowest"), [(67, 0), (66, 1)])
def test_residues_are_uniform(modulus, lowest):
    engine()
    kernels.ready(groups=[kernels_quick.GROUP])
    words, out = np.empty(100_000, np.uint64), np.empty(300_000, np.uint8)
    Streams(b"residues: even? ").fill(words, b"label", b"r")
    kernels_quick.residues(words, np.uint64(modulus), np.uint64(lowest), out)
    counts = np.bincount(out, minlength=lowest + modulus)
    assert counts[:lowest].sum() == 0
    assert counts.size == lowest + modulus
    expected = out.size / modulus
    assert ((counts[lowest:] - expected) ** 2 / expected).sum() < modulus + 8 * np.sqrt(2 * modulus)
    for place in range(3):  # the three numbers of a word are independent of each other
        pair = out[place::3].astype(np.int64) * 67 + np.roll(out, -1)[place::3]
        assert np.bincount(pair).max() < 2 * 100_000 / modulus**2 + 60


N, WIDTH = 4096, 12


def seen(corrupt, secret, change=lambda purpose, part: (purpose, part), thresholds=None):
    """What party `corrupt` receives when D is party 0, all that it knows is zero, and the rest is `secret`."""
    kernels.ready(groups=[kernels_quick.GROUP])
    network = MemoryNetwork(3)
    network.record = []
    noted: set[bytes] = set()
    keys = {
        (i, j): Zeros() if corrupt in (i, j) else Changed(b"key of the others"[:16], change, noted)
        for i, j in ((0, 1), (0, 2), (1, 2))
    }

    async def program(party):
        i = party.index
        pair = {j: keys[min(i, j), max(i, j)] for j in range(3) if j != i}
        inside = Party(Environment(network.channels[i], Keys(pair, Zeros(), Zeros())), LABELS[0])
        data = np.zeros((2, N), np.uint64)
        lacking = (corrupt + 1) % 3
        for row, component in ((0, (i - 1) % 3), (1, i)):
            if component == lacking:
                data[row] = secret
        x = Arithmetic(data, (N,))
        if thresholds is not None:
            return await engine().quick_signs(inside, x, thresholds=thresholds, width=WIDTH)
        return await engine().quick_sign(inside, x, width=WIDTH)

    simulate_parties(program, network=network)
    messages = [(sender, tag, payload) for sender, to, tag, payload in network.record if to == corrupt]
    return [np.frombuffer(payload, np.uint8) for _, _, payload in sorted(messages, key=lambda m: (m[0], m[1]))]


def even(octets, low=0, high=66):
    """Whether numbers are uniform in low..high, at each place of the elements."""
    table = octets.reshape(N, -1)
    if octets.min() < low or octets.max() > high:
        return False
    kinds = high - low + 1
    for column in table.T:
        counts = np.bincount(column, minlength=high + 1)[low:]
        expected = N / kinds
        if ((counts - expected) ** 2 / expected).sum() > kinds + 7 * np.sqrt(2 * kinds):
            return False
    return True


SECRETS = [0, 1, 0x7FF, 0x800, 0xABC]


def hidden_from_e(secret, change=lambda p, part: (p, part)):
    residues, packed = seen(1, secret, change)
    bits = np.unpackbits(packed)
    return even(residues) and abs(bits.mean() - 0.5) < 3.5 / np.sqrt(N)


def hidden_from_d(secret, change=lambda p, part: (p, part)):
    """D's pairs are uniform; their sums are 0 at one uniform place for half of the elements, else uniform and not 0."""
    first, second = seen(0, secret, change)
    sums = ((first.astype(np.int64) + second) % 67).reshape(N, WIDTH)
    zeros = sums == 0
    if zeros.sum(axis=1).max() > 1 or abs(zeros.any(axis=1).mean() - 0.5) > 3.5 / np.sqrt(N):
        return False
    places = zeros.sum(axis=0)
    expected = places.sum() / WIDTH
    if ((places - expected) ** 2 / expected).sum() > WIDTH + 7 * np.sqrt(2 * WIDTH):
        return False
    others = sums[~zeros.any(axis=1)]
    counts = np.bincount(others.reshape(-1), minlength=67)[1:]
    mean = others.size / 66
    return even(first) and even(second) and ((counts - mean) ** 2 / mean).sum() < 66 + 7 * np.sqrt(132)


@pytest.mark.parametrize("secret", SECRETS)
def test_what_e_and_d_see_tells_nothing(secret):
    assert hidden_from_e(secret)
    assert hidden_from_d(secret)
    assert not seen(2, secret)


def hidden_together(secret, change=lambda p, part: (p, part)):
    """Of two thresholds: D's numbers are as for one, and what it sees of the one is independent of the other."""
    first, second = seen(0, secret, change, np.asarray([[3], [-500]]))
    sums = ((first.astype(np.int64) + second) % 67).reshape(2, N, WIDTH)
    zeros = sums == 0
    if zeros.sum(axis=2).max() > 1 or not all(even(part) for part in np.split(first, 2)):
        return False
    some, place = zeros.any(axis=2), zeros.argmax(axis=2)
    both, neither = some.all(axis=0), ~some.any(axis=0)
    if abs(both.mean() - 0.25) > 0.05 or abs(neither.mean() - 0.25) > 0.05:
        return False
    if max(np.bincount(at[found]).max() / found.sum() for at, found in zip(place, some, strict=True)) > 2 / WIDTH:
        return False
    alike = (place[0] == place[1])[both].mean()
    close = (np.abs(sums[0] - sums[1]) <= 1)[neither].mean()
    return alike < 2 / WIDTH and close < 0.1


@pytest.mark.parametrize("secret", SECRETS)
def test_thresholds_do_not_tell_of_each_other(secret):
    assert hidden_together(secret)


@pytest.mark.parametrize("mask", [b"beta", b"r", b"turn", b"z"])
def test_without_any_one_mask_several_thresholds_fail(mask):
    assert not all(hidden_together(secret, lambda p, part: None if p == mask else (p, part)) for secret in SECRETS)


@pytest.mark.parametrize(
    ("mask", "hidden"),
    [(b"a2", hidden_from_e), (b"out", hidden_from_e)] + [(m, hidden_from_d) for m in (b"beta", b"r", b"turn", b"z")],
)
def test_without_any_one_mask_it_fails(mask, hidden):
    assert not all(hidden(secret, lambda p, part: None if p == mask else (p, part)) for secret in SECRETS)

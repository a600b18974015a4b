"""What a party that sends something else brings about: errors where the form is wrong, wrong results where only the
content is and they are not opened as they are. The engine is for semi-honest parties; this shows what that means."""

from __future__ import annotations

import numpy as np
import pytest

from mpc.errors import CheckFailed, RemoteProtocolError
from mpc.machine.channel import MemoryNetwork
from mpc.machine.simulation import simulate_parties
from tests.support.shamir_harness import engine, label, run, shared

X = np.arange(70) - 35


class Change:
    """Changes the message of this number, counted from 0, between any two parties."""

    def __init__(self, number, change):
        self.number, self.change, self.seen = number, change, 0

    def __call__(self, sender, receiver, tag, payload):
        self.seen += 1
        return self.change(payload) if self.seen == self.number + 1 else payload


def changed(primitive, kinds, number, change, parties=3, **parameters):
    network = MemoryNetwork(parties, tamper=Change(number, change))
    rng = np.random.default_rng(1)
    operands = [shared(X, rng, parties, width=kind) for kind in kinds]
    return run(primitive, *operands, parties=parties, network=network, **parameters)


CASES = {
    "multiply": ([None, None], {}),
    "multiply_truncate": ([None, None], {"bits": 5}),
    "sign": ([None], {"width": 9}),
    "bit_to_ring": ([1], {}),
    "bits_and": ([4, 4], {}),
    "random_bits": ([], {"shape": (70,), "width": 3}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("parties", [3, 5])
@pytest.mark.parametrize(
    "change",
    [lambda p: p[:-8], lambda p: p[:0], lambda p: np.concatenate([p, p[:8]]), lambda p: np.concatenate([p, p])],
    ids=["truncated", "empty", "longer", "twice as long"],
)
def test_messages_of_another_length_are_refused(case, parties, change):
    kinds, parameters = CASES[case]
    count = sum(engine(parties).plan(case, label(0, parties), *specs(kinds), **parameters)[1].messages)
    for number in {0, count // 2, count - 1}:
        with pytest.raises(RemoteProtocolError, match="expected"):
            changed(case, kinds, number, change, parties, **parameters)


def specs(kinds):
    return [share[0].spec for share in (shared(X, np.random.default_rng(1), width=kind) for kind in kinds)]


def flipped(payload):
    payload = payload.copy()
    payload[0] ^= 1
    return payload


def opened_with(change, number, program):
    """What the parties opened, or the error."""
    network = MemoryNetwork(3, tamper=Change(number, change))
    try:
        return simulate_parties(program, label=label(0, 3), network=network).results
    except CheckFailed as error:
        return str(error)


def test_a_wrong_share_of_a_product_is_told_when_it_is_opened():
    """Whoever gets it, and however small it is: shares of all parties must lie on one polynomial."""
    x = shared(X, np.random.default_rng(1))

    async def at(party, to):
        product = await engine().multiply(party, x[party.index], x[party.index])
        return await engine().open(party.inner("open"), product, to=(to,))

    for to in range(3):
        for number in range(3):
            found = opened_with(flipped, number, lambda party, to=to: at(party, to))
            assert isinstance(found, str)
            assert "lie on no polynomial" in found


@pytest.mark.parametrize("parties", [3, 4, 5])
def test_a_wrong_share_in_an_opening_is_told_whoever_sends_it(parties):
    """Also that of t parties together, which know what they would have opened."""
    x, b = shared(X, np.random.default_rng(1), parties), shared(X & 1, np.random.default_rng(1), parties, width=1)
    t = engine(parties).threshold
    for secret in (x, b):
        for liars in (range(1), range(1, 1 + t), range(parties - t, parties)):

            def change(sender, receiver, tag, payload, liars=liars):
                return flipped(payload) if sender in liars else payload

            async def program(party, secret=secret):
                return await engine(parties).open(party, secret[party.index], to=range(parties))

            network = MemoryNetwork(parties, tamper=change)
            with pytest.raises(CheckFailed, match="lie on no polynomial"):
                simulate_parties(program, parties=parties, label=label(0, parties), network=network)


def test_wrong_bits_make_a_wrong_comparison():
    """The last message of a sign is a share of its ands."""
    wrong = 0
    for number in range(12, 24):
        done = changed("sign", [None], number, lambda p: ~p, width=9)
        try:
            wrong += int((done.value != (X < 0)).any())
        except AssertionError:  # a sharing of no bit any more
            wrong += 1
    assert wrong


def test_words_beyond_the_prime_stand_for_what_they_are_modulo_it():
    """A peer that sends 2^127 - 1 in place of 0, or a highest bit, cannot make a kernel fail."""
    for octets in (b"\xff" * 16, b"\xff" * 8 + b"\x7f" * 8):
        done = changed(
            "multiply", [None, None], 1, lambda p, o=octets: np.frombuffer(o * (p.size // 16), np.uint8).copy()
        )
        assert len(done.results) == 3

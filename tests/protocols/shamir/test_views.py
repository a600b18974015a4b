"""What any t parties receive is uniform, whatever the others hold: see `view_lab`. It is not any more once a mask is
taken away, or one stream is used for two."""

from __future__ import annotations

import numpy as np
import pytest

from protocols.shamir import floor
from protocols.shamir.hops import HOP
from protocols.shamir.walk import walk
from tests.support.view_lab import coalitions, complaint, view

N = 1024
ONES = np.ones((4, 8), np.int64)
#: primitive, kinds of its operands, parameters, elements
CASES = {
    "multiply": ("multiply", [None, None], {}),
    "truncate 16": ("truncate", [None], {"bits": 16}),
    "multiply_truncate": ("multiply_truncate", [None, None], {"bits": 28}),
    "truncate_exact 4": ("truncate_exact", [None], {"bits": 4, "rounding": "floor"}),
    "truncate_exact 9": ("truncate_exact", [None], {"bits": 9, "rounding": "nearest"}),
    "sign 2": ("sign", [None], {"width": 2}),
    "sign 9": ("sign", [None], {"width": 9}),
    "sign 20": ("sign", [None], {"width": 20}),
    "nonnegative": ("nonnegative", [None], {}),
    "equal 12": ("equal", [None], {"width": 12}),
    "decompose 9": ("decompose", [None], {"width": 9}),
    "recompose 5": ("recompose", [5], {}),
    "bit_to_ring": ("bit_to_ring", [1], {}),
    "inject": ("inject", [1, None], {}),
    "bits_and 7": ("bits_and", [7, 7], {}),
    "prefix_or 11": ("prefix_or", [11], {}),
    "table_of_count": ("table_of_count", [((3,), 1)], {"table": np.arange(4)}),
    "piecewise_cubic": ("piecewise_cubic", [None], {"low": -40, "step": 4, "table": ONES, "bits": 28}),
    "exponential": ("exponential", [None], {"low": -90, "high": 40, "frac": 6, "digits": 40, "bits": 0}),
    "hand_out": ("hand_out", [None], {}),
    "hand_out 6": ("hand_out", [6], {}),
    "shuffle": ("shuffle", [None], {}),
    "unshuffle": ("unshuffle", [None], {}),
    "shuffle 3": ("shuffle", [3], {}),
    "random": ("random", [], {"shape": (N,)}),
    "random_bits": ("random_bits", [], {"shape": (N,), "width": 8}),
}
SECRETS = [0, -3, 0x1234567]
#: One stream of a pair, or nothing that another one would tell.
ALONE = ("multiply", "bits_and 7", "random_bits", "hand_out", "hand_out 6", "shuffle", "unshuffle", "shuffle 3")
WIDE = [
    "multiply",
    "multiply_truncate",
    "sign 9",
    "bit_to_ring",
    "random_bits",
    "table_of_count",
    "shuffle",
    "shuffle 3",
]


def secret_of(case, secret):
    """Within what the case compares."""
    width = CASES[case][2].get("width", 40)
    return secret if "sign" not in case else max(-(1 << (width - 1)), secret & ((1 << (width - 1)) - 1))


def seen_by(case, coalition, secret=SECRETS[2], size=N, **how):
    primitive, kinds, parameters = CASES[case]
    if "shape" in parameters:
        parameters = {**parameters, "shape": (size,)}
    return view(primitive, kinds, coalition, secret_of(case, secret), size, **parameters, **how)


@pytest.mark.parametrize("case", CASES)
def test_each_of_three_parties_receives_uniform_messages(case):
    for party in range(3):
        for number, secret in enumerate(SECRETS):
            if case not in ("multiply", "sign 9") and party != number:
                continue
            found = seen_by(case, (party,), secret, first=(number + party) % 3, octet=(0, 0x5B, 0xC3)[number])
            assert not complaint(found, N), f"party {party}, secret {secret}"


@pytest.mark.parametrize("case", WIDE)
@pytest.mark.parametrize(("parties", "threshold"), [(4, 1), (5, 2)])
def test_any_t_parties_receive_uniform_messages(case, parties, threshold):
    for number, coalition in enumerate(coalitions(parties, threshold)[::3]):
        found = seen_by(case, coalition, parties=parties, threshold=threshold, octet=number)
        assert not complaint(found, N), f"parties {coalition}"


@pytest.mark.slow
# Of so many parties, "nonnegative" has more bits on the wire than its elements can tell apart; of three it is above.
@pytest.mark.parametrize("case", [case for case in CASES if case not in ("exponential", "random", "nonnegative")])
@pytest.mark.parametrize(
    ("parties", "threshold"),
    [(5, 2), *(pytest.param(7, threshold, marks=pytest.mark.exhaustive) for threshold in (3, 2))],
)
def test_any_t_of_more_parties_receive_uniform_messages(case, parties, threshold):
    size = 4 * N  # more elements than columns
    for number, coalition in enumerate(coalitions(parties, threshold)[::7]):
        first = number % parties
        found = seen_by(case, coalition, size=size, parties=parties, threshold=threshold, octet=number, first=first)
        assert not complaint(found, size), f"parties {coalition}"


def caught(case, change, **how):
    """Whether some party's view is not uniform after the change."""
    return any(complaint(seen_by(case, (party,), change=change, **how), N) for party in range(3))


def streams_of(case):
    seen: set[tuple[bytes, int]] = set()
    for party in range(3):
        seen_by(case, (party,), seen=seen)
    return seen


@pytest.mark.parametrize("case", ["multiply", "multiply_truncate", "sign 9", "bit_to_ring"])
def test_without_any_one_stream_it_fails(case):
    """Each stream, of one purpose and part, hides something from somebody."""
    needed = streams_of(case)
    assert len(needed) > 2
    for one in needed:
        assert caught(case, lambda purpose, part, one=one: None if (purpose, part) == one else (purpose, part)), one


@pytest.mark.parametrize("case", ["shuffle", "unshuffle", "shuffle 3"])
def test_without_the_masks_of_any_move_it_fails(case):
    for number in range(len(walk(1).moves)):
        assert caught(
            case, lambda purpose, part, number=number: None if (purpose, part) == (HOP, number) else (purpose, part)
        )


@pytest.mark.parametrize("case", ["shuffle", "unshuffle", "shuffle 3"])
@pytest.mark.parametrize("every", [True, False])
def test_of_five_parties_some_two_see_more_without_masks_of_moves(case, every):
    """Not every move is missed, since a part may have a mask already that the two do not know; the first one is."""
    last = len(walk(2).moves) - 1

    def change(purpose, part):
        first = part == (last if case == "unshuffle" else 0)
        return None if purpose == HOP and (every or first) else (purpose, part)

    pairs = coalitions(5, 2)
    assert any(complaint(seen_by(case, pair, change=change, parties=5, threshold=2), N) for pair in pairs)


@pytest.mark.parametrize("case", [case for case in CASES if case not in ALONE])
def test_one_stream_for_all_parts_fails(case):
    assert len({part for _, part in streams_of(case)}) > 1
    assert caught(case, lambda purpose, part: (purpose, 1))


@pytest.mark.parametrize("case", ["multiply_truncate", "sign 9", "truncate_exact 9"])
def test_a_mask_no_longer_than_the_number_fails(case, monkeypatch):
    room = 9 if case == "sign 9" else 64
    monkeypatch.setattr(floor, "mask_bits", lambda threshold: room)
    assert caught(case, None)


def test_the_check_itself():
    """It accepts uniform columns, and finds a constant, a repetition, a sum, and a multiple modulo p."""
    from protocols.shamir.prime import PRIME
    from tests.support.view_lab import View

    rng = np.random.default_rng(1)

    def number():
        return [int.from_bytes(rng.bytes(16), "little") % PRIME for _ in range(N)]

    a, b = number(), number()
    bits = list(rng.integers(0, 2, (20, N), np.uint8))
    assert not complaint(View([a, b], [([v % 2**104 for v in number()], 104, 1)], bits), N)
    assert complaint(View([a, [5] * N]), N) == "a relation between numbers"
    assert complaint(View([a, [(3 * v + 7) % PRIME for v in a]]), N) == "a relation between numbers"
    assert complaint(View([a, b, [(v * 9 - w) % PRIME for v, w in zip(a, b, strict=True)]]), N)
    assert complaint(View([], [(a, 104, 1)]), N) == "a mask shorter than what was opened"
    assert complaint(View([[v >> 1 for v in a]]), N) == "a biased number"
    assert complaint(View([], [], [*bits, bits[0] ^ bits[3] ^ 1]), N) == "a relation between bits"
    assert complaint(View([], [], [*bits, bits[0] & bits[3]]), N) == "a biased bit"

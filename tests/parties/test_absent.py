"""Shares of zeros in place of a contribution that has not come."""

from __future__ import annotations

import pytest

from parties.contributors.absent import without_rows
from protocols.simulate import make_engine


@pytest.mark.parametrize(("engine", "parties"), [("replicated", 3), ("shamir", 3), ("shamir", 5)])
def test_all_parties_make_the_same_sharing_and_hold_their_own_pieces(engine, parties):
    made = [without_rows(make_engine(engine, parties), 9, 42, index=index) for index in range(parties)]
    for number, kind in enumerate(make_engine(engine, parties).pieces(42)):
        pieces = [dealt.pieces[number] for dealt in made]
        assert [piece is not None for piece in pieces] == [index in kind.holders for index in range(parties)]
        held = {piece.tobytes() for piece in pieces if piece is not None}
        assert len(held) == 1
        assert len(held.pop()) == kind.octets

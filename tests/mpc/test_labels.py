from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpc.errors import LocalProtocolError
from mpc.machine.labels import Scope, Streams
from mpc.machine.simulation import simulated_keys

LABEL = b"sixteen bytes ok"


def drawn(streams, size, label=LABEL, purpose=b"c1", part=0):
    out = np.empty(size, np.uint8)
    streams.fill(out, label, purpose, part)
    return out.tobytes()


# ---- scopes
def test_labels_follow_the_program_and_the_name():
    a, b = Scope(b"run"), Scope(b"run")
    names = ["add", "multiply", "add", "open"]
    first = [a.label(name) for name in names]
    assert first == [b.label(name) for name in names]
    assert len(set(first)) == 4
    assert all(len(label) == 16 for label in first)
    assert Scope(b"another run").label("add") != first[0]
    assert Scope(b"run").label("multiply") != first[0]


def test_child_scopes_have_labels_of_their_own():
    scope = Scope(b"run")
    one, other = scope.child("gather"), scope.child("gather")
    labels = {one.label("add"), other.label("add"), scope.label("add"), one.child("x").label("add")}
    assert len(labels) == 4


def test_another_task_must_not_take_labels_from_a_scope():
    async def main():
        scope = Scope(b"run", owned=True)
        scope.label("add")

        async def stranger():
            scope.label("multiply")

        with pytest.raises(LocalProtocolError, match=r"study\.gather\(f\(a\), f\(b\)\)"):
            await asyncio.create_task(stranger())
        scope.label("add")

        child = scope.child("gather")

        async def adopter():
            child.adopt()
            return child.label("add")

        await asyncio.create_task(adopter())
        with pytest.raises(LocalProtocolError):
            child.label("add")
        with pytest.raises(LocalProtocolError):
            await asyncio.to_thread(scope.label, "add")

    asyncio.run(main())


def test_positions_are_in_program_order():
    scope = Scope(b"run")
    places = [scope.position]
    scope.label("add")
    places.append(scope.position)
    one, other = scope.child("gather"), scope.child("gather")
    one.label("add")
    places += [one.position, other.position]
    other.label("add")
    places += [other.position, scope.position]
    scope.label("add")
    places.append(scope.position)
    assert places == sorted(places)


def test_what_a_scope_shows_of_others():
    scope = Scope(b"run")
    table = object()
    scope.memo(table)["mean"] = 1
    one, other = scope.child("gather"), scope.child("gather")
    one.memo(table)["sd"] = 2
    assert one.memo(table)["mean"] == 1
    assert "sd" not in other.memo(table)
    assert "sd" not in scope.memo(table)
    assert one.memo(object()) == {}


# ---- streams
@given(size=st.integers(0, 5000), part=st.integers(0, 2**40), purpose=st.binary(max_size=8))
def test_both_holders_of_a_key_draw_the_same(size, part, purpose):
    a, b = Streams(b"k" * 16), Streams(b"k" * 16)
    assert drawn(a, size, purpose=purpose, part=part) == drawn(b, size, purpose=purpose, part=part)
    # Streams are never continued: a longer draw begins with the shorter one.
    assert drawn(b, size + 7, purpose=purpose, part=part)[:size] == drawn(a, size, purpose=purpose, part=part)


def test_any_difference_gives_another_stream():
    streams = Streams(b"k" * 16)
    draws = [
        drawn(streams, 64),
        drawn(streams, 64, purpose=b"c2"),
        drawn(streams, 64, part=1),
        drawn(streams, 64, label=b"another label ok"),
        drawn(Streams(b"l" * 16), 64),
    ]
    assert len(set(draws)) == len(draws)


def test_a_stream_longer_than_the_block_of_zeros_is_one_stream():
    streams = Streams(b"k" * 16)
    size = (2 << 20) + 12345
    words = np.empty((3, size // 24), np.uint64)
    streams.fill(words, LABEL, b"c1")
    assert words.tobytes() == drawn(streams, words.nbytes)
    assert drawn(streams, 100) == words.tobytes()[:100]


def test_a_recorded_repetition_fails():
    streams = Streams(b"k" * 16, record=True)
    drawn(streams, 16)
    drawn(streams, 16, part=1)
    with pytest.raises(LocalProtocolError, match="twice"):
        drawn(streams, 8)


def test_threads_of_one_key_do_not_disturb_each_other():
    streams = Streams(b"k" * 16)
    expected = [drawn(Streams(b"k" * 16), 70_000, part=part) for part in range(40)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda part: drawn(streams, 70_000, part=part), range(40))) == expected


def test_the_run_ends_before_two_ranges_of_one_key_could_meet():
    streams = Streams(b"k" * 16)
    streams._blocks = (1 << 40) - 3
    drawn(streams, 32)
    with pytest.raises(LocalProtocolError, match=r"2\^40"):
        drawn(streams, 16, part=1)


def test_a_key_has_sixteen_bytes():
    with pytest.raises(ValueError, match="16"):
        Streams(b"short")


def test_simulated_keys_are_shared_by_pairs_only():
    keys = [simulated_keys(i, 3, seed=1) for i in range(3)]
    with_1 = drawn(keys[0].pair[1], 32)
    assert with_1 == drawn(keys[1].pair[0], 32)
    assert drawn(keys[0].pair[2], 32) != with_1
    assert len({drawn(k.common, 32) for k in keys}) == 1
    assert len({drawn(k.private, 32) for k in keys}) == 3
    assert drawn(simulated_keys(0, 3, seed=2).common, 32) != drawn(simulated_keys(0, 3, seed=1).common, 32)

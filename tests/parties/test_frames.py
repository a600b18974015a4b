"""Framing: byte by byte, with trailing bytes, and against garbage."""

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import RemoteProtocolError
from mpc.machine.channel import FRAME_HEADER, MAX_MESSAGE
from parties.net import frames
from parties.net.frames import Decoder


class Collector:
    def __init__(self, limits=None):
        self.frames = []
        self.decoder = Decoder(lambda *frame: self.frames.append(frame))
        if limits is not None:
            self.decoder.accept(limits)

    def feed(self, data: bytes, piece: int | None = None) -> None:
        view, done = memoryview(data), 0
        while done < len(data):
            buffer = self.decoder.get_buffer(1 << 16)
            count = min(len(buffer), len(data) - done, piece or len(data))
            assert count > 0
            buffer[:count] = view[done : done + count]
            self.decoder.buffer_updated(count)
            done += count


def frame(kind: int, payload: bytes, sequence: int = 1, acknowledged: int = 0, tag: bytes = bytes(20)) -> bytes:
    return frames.header(kind, len(payload), sequence, acknowledged, tag) + payload


payloads = st.lists(
    st.one_of(st.binary(max_size=200), st.integers(0, 60_000).map(lambda n: bytes(i & 255 for i in range(n)))),
    max_size=6,
)


@given(payloads=payloads, piece=st.sampled_from([None, 1, 7, 39, 41, 4096]), tag=st.binary(min_size=20, max_size=20))
@settings(max_examples=60, deadline=None)
def test_frames_come_out_as_they_went_in(payloads, piece, tag):
    if piece == 1:
        payloads = [payload[:300] for payload in payloads]
    collector = Collector(frames.AGREED)
    data = b"".join(frame(frames.DATA, p, i, i + 5, tag) for i, p in enumerate(payloads))
    collector.feed(data, piece)
    assert [(k, s, a, t, p.tobytes()) for k, s, a, t, p in collector.frames] == [
        (frames.DATA, i, i + 5, tag, p) for i, p in enumerate(payloads)
    ]
    for *_, payload in collector.frames:
        assert payload.flags.writeable
        assert payload.flags.c_contiguous
        assert payload.ctypes.data % 8 == 0
        assert payload.dtype == np.uint8


def test_a_large_payload_is_read_into_its_own_array():
    collector = Collector(frames.AGREED)
    collector.feed(frames.header(frames.DATA, 1 << 20, 1, 0, bytes(20)))
    buffer = collector.decoder.get_buffer(0)
    assert len(buffer) == 1 << 20
    buffer[:] = bytes(1 << 20)
    collector.decoder.buffer_updated(1 << 20)
    assert np.shares_memory(np.frombuffer(buffer, np.uint8), collector.frames[0][4])


@given(data=st.binary(max_size=400), agreed=st.sampled_from([frames.FIRST, frames.AGREED, frames.DISAGREED]))
@settings(max_examples=300, deadline=None)
def test_garbage_is_refused_or_waits(data, agreed):
    collector = Collector(agreed)
    try:
        collector.feed(data)
    except RemoteProtocolError:
        return
    assert all(kind in agreed and payload.size <= agreed[kind] for kind, _, _, _, payload in collector.frames)


@given(data=st.binary(max_size=120))
@settings(max_examples=200, deadline=None)
def test_control_messages_are_refused_or_objects(data):
    try:
        message = frames.parse(np.frombuffer(data, np.uint8))
    except RemoteProtocolError:
        return
    assert isinstance(message, dict)


@pytest.mark.parametrize("text", ["[" * 100_000, "1" * 10_000, '{"a": ' * 2_000, "\xff", "NaN", '"text"'])
def test_json_that_is_no_message(text):
    with pytest.raises(RemoteProtocolError):
        frames.parse(np.frombuffer(text.encode("latin-1"), np.uint8))


@pytest.mark.parametrize(
    ("limits", "kind", "length", "named"),
    [
        (frames.AGREED, frames.DATA, MAX_MESSAGE + 1, "data frame of"),
        (frames.AGREED, frames.BEAT, 5000, "beat frame of"),
        (frames.AGREED, frames.ACK, 1, "ack frame of"),
        (frames.AGREED, frames.HELLO, 0, "second hello"),
        (frames.AGREED, frames.DOCUMENT, 10, "an unexpected"),
        (frames.AGREED, 0, 10, "not a frame"),
        (frames.AGREED, 255, (1 << 24) - 1, "not a frame"),
        (frames.FIRST, frames.HELLO, (64 << 10) + 1, "hello frame of"),
        (frames.FIRST, frames.DATA, 0, "an unexpected"),
        (frames.DISAGREED, frames.DOCUMENT, (4 << 20) + 1, "document frame of"),
    ],
)
def test_too_long_or_out_of_place_is_refused_before_anything_is_allocated(limits, kind, length, named):
    collector = Collector(limits)
    tracemalloc.start()
    try:
        with pytest.raises(RemoteProtocolError, match=named):
            collector.feed(frames.header(kind, length, 1, 0, bytes(20)))
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


def test_limits_may_change_between_two_frames_of_one_read():
    collector = Collector()
    seen = []

    def on_frame(kind, *rest):
        seen.append(kind)
        collector.decoder.accept(frames.AGREED)

    collector.decoder = Decoder(on_frame)
    collector.feed(frame(frames.HELLO, b"{}") + frame(frames.DATA, b"abc") + frame(frames.ACK, b""))
    assert seen == [frames.HELLO, frames.DATA, frames.ACK]


def test_the_header_is_what_costs_count():
    assert len(frames.header(frames.DATA, 0, 0, 0, bytes(20))) == FRAME_HEADER


def test_canonical_json_has_one_spelling():
    assert frames.canonical({"b": 1, "a": "ü"}) == b'{"a":"\xc3\xbc","b":1}'
    with pytest.raises(ValueError):
        frames.canonical({"a": float("nan")})


def test_text_of_peers_is_bounded_and_cleaned():
    message = {"text": "a\x1b[31mb\u202ec\nd\x00\u200be", "long": "x" * 10_000}
    assert frames.text(message, "text") == r"a\x1b[31mb\u202ec d\x00\u200be"
    assert len(frames.text(message, "long")) == 200


@pytest.mark.parametrize("value", [None, -1, 1.0, True, "1", 1 << 70])
def test_numbers(value):
    with pytest.raises(RemoteProtocolError):
        frames.number({"n": value}, "n")


@pytest.mark.parametrize("value", [None, "", "0" * 63, "0" * 66, "g" * 64, 5, " " * 64])
def test_octets(value):
    with pytest.raises(RemoteProtocolError):
        frames.octets({"h": value}, "h", 32)


def test_control_frames():
    collector = Collector(frames.AGREED)
    collector.feed(frames.control(frames.BEAT, {"progress": 3}, acknowledged=9))
    kind, _, acknowledged, _, payload = collector.frames[0]
    assert (kind, acknowledged, json.loads(payload.tobytes())) == (frames.BEAT, 9, {"progress": 3})

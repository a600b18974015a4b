"""Messages to bytes and back, without sockets or clocks.

A frame is a header of 40 bytes and a payload. The header: 4 bytes with the kind (8 bits) and the length (24 bits),
the sequence number, the cumulative acknowledgement, and the tag of the message. `Decoder` gives the event loop the
buffers to read into, so that a large payload goes straight from TLS into the array that its receiver gets.
Control messages are small canonical JSON. Left out: what frames mean (`link`, `lane`, `session`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mpc.errors import RemoteProtocolError
from mpc.machine.channel import FRAME_HEADER, MAX_MESSAGE
from mpc.text import visible

HELLO, DOCUMENT, SETUP, DATA, END, BEAT, ACK, BYE, OFFER, SEALED, RECEIPT, NEWS = range(1, 13)
#: The kinds of frames that may come, and the largest payload of each in bytes: before the peer's hello.
FIRST = {HELLO: 64 << 10}
#: Between two compute parties, after hellos for the same study.
AGREED = {SETUP: 4 << 10, DATA: MAX_MESSAGE, END: 0, BEAT: 4 << 10, ACK: 0, BYE: 4 << 10}
#: Between a compute party and a visitor (an organization that does not compute), after hellos for the same study.
VISITING = {OFFER: 4 << 10, SEALED: MAX_MESSAGE, RECEIPT: 4 << 10, NEWS: 4 << 10, BYE: 4 << 10}
#: After hellos for different studies.
DISAGREED = {DOCUMENT: 4 << 20, BYE: 4 << 10}
NO_TAG = bytes(20)

_HEXADECIMAL = re.compile("[0-9a-f]*")
_HEADER = Struct("<IQQ20s")
_NAMES = ("hello", "document", "setup", "data", "end", "beat", "ack", "bye", "offer", "sealed", "receipt", "news")
_KINDS = dict(enumerate(_NAMES, 1))
#: The buffer that frames are cut out of: one TLS record. Of a longer payload at most this many bytes are copied.
_SCRATCH = 16 << 10
assert _HEADER.size == FRAME_HEADER

Frame = Callable[[int, int, int, bytes, NDArray[np.uint8]], None]


def header(kind: int, length: int, sequence: int, acknowledged: int, tag: bytes) -> bytes:
    """The 40 bytes before a payload of `length` bytes."""
    return _HEADER.pack(kind << 24 | length, sequence, acknowledged, tag)


def control(kind: int, message: dict[str, Any], *, sequence: int = 0, acknowledged: int = 0) -> bytes:
    """A whole frame with a control message."""
    payload = canonical(message)
    return header(kind, len(payload), sequence, acknowledged, NO_TAG) + payload


def canonical(message: dict[str, Any]) -> bytes:
    """JSON with one spelling for each value: sorted keys, no spaces, UTF-8, neither NaN nor infinity."""
    return json.dumps(
        message, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
    ).encode()


def parse(payload: NDArray[np.uint8]) -> dict[str, Any]:
    """The control message in `payload`; RemoteProtocolError when it is not a JSON object."""
    try:
        message = json.loads(payload.tobytes())
    except (ValueError, RecursionError):
        raise RemoteProtocolError("a control message that is not JSON") from None
    if not isinstance(message, dict):
        raise RemoteProtocolError("a control message that is not an object")
    return message


def text(message: dict[str, Any], key: str, limit: int = 200) -> str:
    """A text field, fit for a terminal; RemoteProtocolError when it is not text."""
    value = message.get(key)
    if not isinstance(value, str):
        raise RemoteProtocolError(f"a control message whose field {key} is not text")
    return visible(value, limit)


def number(message: dict[str, Any], key: str, limit: int = 1 << 62) -> int:
    """A field with an integer from 0 to `limit`; RemoteProtocolError otherwise."""
    value = message.get(key)
    if type(value) is not int or not 0 <= value <= limit:
        raise RemoteProtocolError(f"a control message whose field {key} is not a number from 0 to {limit}")
    return value


def octets(message: dict[str, Any], key: str, size: int) -> bytes:
    """A field with exactly `size` bytes in hexadecimal; RemoteProtocolError otherwise."""
    value = message.get(key)
    if isinstance(value, str) and _HEXADECIMAL.fullmatch(value) and len(value) == 2 * size:
        return bytes.fromhex(value)
    raise RemoteProtocolError(f"a control message whose field {key} is not {size} bytes in hexadecimal")


class Decoder:
    """Bytes to frames. `get_buffer` and `buffer_updated` are methods of `asyncio.BufferedProtocol`.

    `on_frame(kind, sequence, acknowledged, tag, payload)` is called for each whole frame; payloads are fresh,
    writable and aligned. Lengths are checked before anything is allocated. `buffer_updated` raises
    RemoteProtocolError for bytes that are not an expected frame, and must not be called again afterwards.
    """

    def __init__(self, on_frame: Frame) -> None:
        self._on_frame = on_frame
        self._limits = FIRST
        self._scratch = bytearray(_SCRATCH)
        self._view = memoryview(self._scratch)
        self._array = np.frombuffer(self._scratch, np.uint8)
        self._filled = 0
        self._payload: NDArray[np.uint8] | None = None
        self._rest = memoryview(b"")
        self._head: tuple[int, int, int, bytes] = (0, 0, 0, b"")

    def accept(self, limits: dict[int, int]) -> None:
        """From the next frame on, only the kinds in `limits` may come, each with a payload of at most so many bytes."""
        self._limits = limits

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where the next bytes go: never empty."""
        if self._payload is not None:
            return self._rest
        return self._view[self._filled :]

    def buffer_updated(self, count: int) -> None:
        """`count` bytes were written to the buffer handed out last."""
        if self._payload is not None:
            if count < len(self._rest):
                self._rest = self._rest[count:]
                return
            payload, self._payload = self._payload, None
            self._rest = memoryview(b"")
            kind, sequence, acknowledged, tag = self._head
            self._on_frame(kind, sequence, acknowledged, tag, payload)
            return
        self._cut(self._filled + count)

    def _cut(self, end: int) -> None:
        """Cut the frames out of the first `end` bytes of the scratch buffer."""
        start = 0
        while end - start >= FRAME_HEADER:
            word, sequence, acknowledged, tag = _HEADER.unpack_from(self._scratch, start)
            kind, length = word >> 24, word & 0xFFFFFF
            limit = self._limits.get(kind)
            if limit is None or length > limit:
                raise _refusal(kind, length, limit)
            start += FRAME_HEADER
            payload = np.empty(length, np.uint8)
            if end - start < length:
                here = end - start
                payload[:here] = self._array[start:end]
                self._payload = payload
                self._rest = payload.data[here:]
                self._head = (kind, sequence, acknowledged, tag)
                self._filled = 0
                return
            payload[:] = self._array[start : start + length]
            start += length
            self._on_frame(kind, sequence, acknowledged, tag, payload)
        if start:
            self._scratch[: end - start] = self._scratch[start:end]
        self._filled = end - start


def _refusal(kind: int, length: int, limit: int | None) -> RemoteProtocolError:
    name = _KINDS.get(kind)
    if name is None:
        return RemoteProtocolError(f"bytes that are not a frame (unknown kind {kind})")
    if limit is None:
        return RemoteProtocolError("a second hello" if kind == HELLO else f"an unexpected {name} frame")
    return RemoteProtocolError(f"a {name} frame of {length} bytes; at most {limit} are allowed")


def as_array(payload: bytes) -> NDArray[np.uint8]:
    """Bytes as a payload: a writable array of uint8."""
    return np.array(bytearray(payload), np.uint8)

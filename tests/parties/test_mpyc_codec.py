"""What MPyC programs send: field vectors and objects. Whatever bytes come give one of these or a typed error."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import random
import subprocess
import sys
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpc.errors import LocalProtocolError, RemoteProtocolError
from parties.mpyc import fields, kinds, labels, objects, sharing

PRIMES = [2, 3, 101, 2**31 - 1, 2**61 - 1, 2**64 - 59, 2**127 - 1, 2**255 - 19, 2**521 - 1]
ORDERS = [*PRIMES, 4, 256, 81, 2**64, 2**128, 3**50]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [0, 1, 2, 24, 25, 300])
def test_field_vectors_come_back(order, count):
    values = [0, order - 1, order // 2, *(random.Random(1).randrange(order) for _ in range(count))][:count]
    payload = fields.encode(order, values)
    assert payload.dtype == np.uint8
    assert payload.size == count * fields.width(order)
    assert fields.decode(order, payload, count, "north") == values
    assert fields.encode(order, sharing.objects(values)).tobytes() == payload.tobytes()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("count", [1, 3, 40])
def test_another_length_is_refused(order, count):
    payload = fields.encode(order, [order - 1] * count)
    for wrong in (payload[:-1], np.append(payload, np.uint8(0)), payload[:0], np.concatenate((payload, payload))):
        with pytest.raises(RemoteProtocolError, match=r"north sent \d+ bytes for") as caught:
            fields.decode(order, wrong, count, "north")
        assert caught.value.peer == "north"


@pytest.mark.parametrize("order", [o for o in ORDERS if o != 256 ** fields.width(o)])
@pytest.mark.parametrize("count", [1, 40])
def test_what_is_no_element_is_refused(order, count):
    for place in (0, count - 1):
        for bad in (order, 256 ** fields.width(order) - 1):
            values = [0] * count
            values[place] = bad
            data = b"".join(v.to_bytes(fields.width(order), "little") for v in values)
            with pytest.raises(RemoteProtocolError, match="not an element"):
                fields.decode(order, np.frombuffer(data, np.uint8), count, "north")


@settings(max_examples=200)
@given(data=st.binary(max_size=400), order=st.sampled_from(ORDERS), count=st.integers(0, 60))
def test_any_bytes_are_a_vector_or_refused(data, order, count):
    try:
        values = fields.decode(order, np.frombuffer(data, np.uint8), count, "north")
    except RemoteProtocolError:
        return
    assert fields.encode(order, values).tobytes() == data


@pytest.mark.parametrize("modulus", PRIMES[2:])
@pytest.mark.parametrize(("threshold", "parties"), [(1, 3), (2, 5), (4, 9)])
def test_sharings_recombine(modulus, threshold, parties):
    values = sharing.objects([0, 1, modulus - 1, *range(30)])
    values %= modulus
    shares = sharing.split(modulus, values, threshold, parties)
    points = list(range(1, parties + 1))[-threshold - 1 :]
    weights = []
    for i in points:
        top = bottom = 1
        for j in points:
            if i != j:
                top, bottom = top * -j % modulus, bottom * (i - j) % modulus
        weights.append(top * pow(bottom, -1, modulus) % modulus)
    found = sharing.recombine(modulus, [shares[point - 1] for point in points], weights)
    assert found.tolist() == values.tolist()
    assert all(0 <= v < modulus for share in shares for v in share)


@pytest.mark.parametrize("order", [2, 3, 5, 64, 65, 100])
def test_randomness_is_uniform(order):
    """Chi-square over the whole range: with 1 in 10^9 a false alarm."""
    from scipy.stats import chi2

    count = 200 * order
    counts = np.bincount(np.array(sharing.uniform(order, count)), minlength=order)
    assert counts.size == order
    assert float(((counts - 200) ** 2 / 200).sum()) < chi2.isf(1e-9, order - 1)


@pytest.mark.parametrize("order", ORDERS)
def test_randomness_reaches_every_bit(order):
    values = sharing.uniform(order, 400)
    assert len(values) == 400
    assert all(0 <= v < order for v in values)
    bits = (order - 1).bit_length()
    assert all(any(v >> k & 1 for v in values) for k in range(bits - 1))


def test_labels_differ_by_each_of_their_parts():
    seen = {labels.fork([number, depth]) for number in (0, 1, -1, 2**64, 2**127 + 5) for depth in range(4)}
    assert len(seen) == 20
    assert labels.label(2**128 + 5) == labels.label(5)
    assert len({labels.label(labels.fork([k, 0])) for k in range(1000)}) == 1000


LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-(2**2000), 2**2000),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(),
    st.binary(),
    st.fractions(),
    st.decimals(allow_nan=False),
    st.dates(),
    st.datetimes(),
    st.times(),
    st.timedeltas(),
)
HASHABLE = st.one_of(st.none(), st.integers(), st.text(), st.binary(), st.tuples(st.integers(), st.text()))
THINGS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(HASHABLE, inner),
        st.sets(HASHABLE),
        st.frozensets(HASHABLE),
        st.binary().map(bytearray),
        st.builds(range, st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 9)),
    ),
    max_leaves=20,
)


def same(a: object, b: object) -> bool:
    return type(a) is type(b) and repr(a) == repr(b)


@settings(max_examples=150)
@given(thing=THINGS)
def test_objects_come_back(thing):
    found = objects.decode(objects.encode(thing), "north")
    assert type(found) is type(thing)
    assert found == thing


@pytest.mark.parametrize("kind", kinds.NUMBERS, ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 0, 4)])
def test_arrays_come_back(kind, shape):
    array = (np.arange(np.prod(shape, dtype=int)) % 2).reshape(shape).astype(kind)
    for given_array in (array, array.astype(kind.newbyteorder(">")), np.asfortranarray(array)):
        found = objects.decode(objects.encode(given_array), "north")
        assert found.dtype == kind
        assert found.shape == given_array.shape
        assert np.array_equal(found, given_array)
        assert found.flags.writeable
    if array.size:
        scalar = array.reshape(-1)[0]
        assert same(objects.decode(objects.encode(scalar), "north"), scalar)


def test_object_arrays_come_back():
    array = np.array([[2**70, None], ["text", Fraction(1, 3)]], object)
    found = objects.decode(objects.encode(array), "north")
    assert found.tolist() == array.tolist()
    assert found.dtype == object


class Custom:
    pass


class Loud(dict):
    pass


@pytest.mark.parametrize(
    "thing",
    [Custom(), Custom, len, lambda: 0, Loud(), object(), [1, {"a": Custom()}], np.datetime64("2026-01-01"), iter([])],
    ids=lambda thing: type(thing).__name__,
)
def test_other_types_are_refused_by_name(thing):
    with pytest.raises(LocalProtocolError, match=r"cannot send .*it takes None, bool, int"):
        objects.encode(thing)


def test_a_loop_of_objects_is_refused():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(LocalProtocolError, match="levels of objects"):
        objects.encode(loop)


def nested(depth: int) -> list[object]:
    inner: list[object] = []
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("thing", "what"),
    [
        (nested(kinds.MOST_DEPTH + 1), "levels of objects"),
        ([None] * (kinds.MOST_OBJECTS + 1), "entries in one collection"),
        ([[None] * (1 << 19)] * 3, "objects in one message"),
        (set(range(kinds.MOST_KEYS + 1)), "entries in one collection"),
        (dict.fromkeys(range(kinds.MOST_KEYS + 1)), "entries in one dict"),
        (1 << 8 * kinds.MOST_INT, "bytes in an int"),
        (Fraction(1 << 8 * kinds.MOST_PART + 8, 3), "part of a Fraction"),
        (Decimal("1" * 5000), "part of a Decimal"),
        (range(1 << 8 * kinds.MOST_PART + 8), "part of a range"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_objects_that_nobody_takes_are_not_sent(thing, what):
    with pytest.raises(LocalProtocolError, match=what):
        objects.encode(thing)


@pytest.mark.parametrize(
    "thing",
    [
        nested(kinds.MOST_DEPTH - 1), [None] * (kinds.MOST_OBJECTS - 1), set(range(kinds.MOST_KEYS)),
        (1 << 8 * kinds.MOST_INT - 1) - 1, Fraction(1 << 8 * kinds.MOST_PART - 8, 3), np.zeros(1 << 22),
    ],
    ids=["deep", "long", "set", "int", "fraction", "array"],
)  # fmt: skip
def test_objects_up_to_the_bounds_are_sent_and_taken(thing):
    found = objects.decode(objects.encode(thing), "north")
    assert type(found) is type(thing)
    assert np.array_equal(found, thing) if isinstance(thing, np.ndarray) else found == thing


#: One of everything, to be cut and changed.
SAMPLE = [
    None, True, -5, 2**90, 2.5, 1j, "text", b"bytes", bytearray(b"y"), (1, 2), {3}, frozenset({4}), {"k": [5]},
    range(3), Fraction(1, 3), Decimal("1.50"), dt.date(2026, 1, 2), dt.datetime(2026, 1, 2, 3, tzinfo=dt.UTC),
    dt.time(1, 2), dt.timedelta(1, 2, 3), np.arange(6).reshape(2, 3), np.float64(2), np.array([None, "x"], object),
]  # fmt: skip


def _decode(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        objects.decode(data, "north")


def test_truncated_objects_are_refused():
    data = objects.encode(SAMPLE)
    for end in range(len(data)):
        with pytest.raises(RemoteProtocolError):
            objects.decode(data[:end], "north")
    with pytest.raises(RemoteProtocolError, match="after its end"):
        objects.decode(data + b"n", "north")


def test_changed_objects_are_others_or_refused():
    data = objects.encode(SAMPLE)
    generator = random.Random(7)
    for _ in range(4000):
        changed = bytearray(data)
        for _ in range(generator.choice((1, 1, 2, 8))):
            changed[generator.randrange(len(changed))] = generator.randrange(256)
        _decode(bytes(changed))


@settings(max_examples=400)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_objects_or_refused(data):
    _decode(data)


def length(number: int) -> bytes:
    """A length as it is written."""
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


@pytest.mark.parametrize(
    "data",
    [
        b"l" + b"\xff" * 7 + b"\x01",
        b"l\xff\xff\xff\x7f",
        b"a\x0b\x02\xff\xff\xff\x7f\xff\xff\xff\x7f",
        b"a\x0b\x20" + b"\xff\xff\x7f" * 32,
        b"O\x01\xff\xff\xff\xff\x7f",
        b"l\x01" * 5000 + b"n",
        b"u\x01" * (kinds.MOST_DEPTH + 1) + b"n",
        b"l" + length(kinds.MOST_OBJECTS + 1) + b"n" * (kinds.MOST_OBJECTS + 1),
        b"l\x03" + 3 * (b"l" + length(1 << 19) + b"n" * (1 << 19)),
        b"O\x02" + length(1 << 11) + length(1 << 11) + b"n" * (1 << 22),
        b"S" + length(kinds.MOST_KEYS + 1) + b"n" * (kinds.MOST_KEYS + 1),
        b"d" + length(kinds.MOST_KEYS + 1) + b"nn" * (kinds.MOST_KEYS + 1),
        b"i" + length(kinds.MOST_INT + 1) + bytes(kinds.MOST_INT + 1),
        b"q\x02" + 2 * (b"i" + length(1 << 18) + b"\x01" * (1 << 18)),
        b"D\x01s" + length(1 << 18) + b"9" * (1 << 18),
        b"s\x02\xff\xff",
        b"",
        b"q\x02i\x01\x01i\x01\x00",
        b"r\x03i\x01\x01i\x01\x01i\x01\x00",
        b"d\x01l\x00n",
        b"S\x01l\x00",
        b"M\x05",
        b"Mu\x01s\x02os" + b"s\x06system",
    ],
)
def test_objects_that_lie_about_themselves_are_refused(data):
    with pytest.raises(RemoteProtocolError):
        objects.decode(data, "north")


class Bomb:
    """Its pickle makes a file when somebody unpickles it."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_is_refused_and_not_run(tmp_path):
    planted = tmp_path / "planted"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        bomb = pickle.dumps(Bomb(str(planted)), protocol=protocol)
        with pytest.raises(RemoteProtocolError, match="north"):
            objects.decode(bomb, "north")
        with pytest.raises(RemoteProtocolError, match="north"):
            fields.decode(2**61 - 1, np.frombuffer(bomb, np.uint8), 5, "north")
        plain = pickle.dumps([1, 2, 3], protocol=protocol)
        with pytest.raises(RemoteProtocolError):
            objects.decode(plain, "north")
    assert not planted.exists()
    pickle.loads(pickle.dumps(Bomb(str(planted))))  # noqa: S301  it would have worked
    assert planted.exists()


def test_the_documented_types_are_those_that_are_taken():
    for thing in SAMPLE:
        assert type(thing).__name__ in kinds.TAKEN or thing is None or isinstance(thing, np.ndarray | np.generic)


def test_types_of_mpyc_come_back_and_no_others_are_made():
    ended = subprocess.run(
        [sys.executable, str(Path(__file__).parents[1] / "support" / "mpyc_types.py"), "-M3", "-I0", "--no-log"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = ended.stdout.splitlines()
    assert len(lines) == 25
    assert all(line.startswith("True True") for line in lines[:12]), lines
    assert all(line.startswith("refused north sent") for line in lines[12:]), lines

"""Sealed files: bytes for one organization, from another one that has signed them, for one study.

    4 bytes    length of the header
    header     canonical JSON: format, purpose, study, sender, recipient, number, ephemeral key, length, digest
    64 bytes   the sender's Ed25519 signature over header and ciphertext
    chunks     of 1 MiB of plaintext, each with AES-256-GCM and its place; the last one says that it is the last

The key follows from an ephemeral X25519 key and the recipient's sealing key by HKDF-SHA-256, bound to the whole
header. Who is who are SHA-256 of signing keys, as everywhere; the `number` grows from one submission to the next.
Source    the construction is HPKE's (RFC 9180, base mode, one key an envelope) with the chunks of STREAM (Hoang,
          Reyhanitabar, Rogaway, Vizár, CRYPTO 2015); the signature stands in place of HPKE's authenticated modes
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mpc.errors import AgreementError, AuthenticationError, CheckFailed, RemoteProtocolError
from parties.net import frames
from parties.organization.identity import Card, Identity, verify

FORMAT = 1
#: Largest header; one has about 500 bytes.
MAX_HEADER = 4 << 10
CHUNK = 1 << 20
_TAG = 16
_SIGNATURE = 64
_LENGTH = Struct("<I")
_FIELDS = {"sealed", "purpose", "study", "sender", "recipient", "number", "ephemeral", "length", "digest"}
#: What an envelope may hold at most: 2^40 bytes, far below what one key of GCM may encrypt in so many chunks.
_MOST = 1 << 40


@dataclass(frozen=True)
class Header:
    """What stands in the clear on an envelope.

    purpose    "contribution" or "release"
    study      the study hash
    number     grows from one submission of the sender to the next (nanoseconds since 1970)
    length     bytes of the plaintext
    digest     of what the sender hands to all recipients together; the same on each of their envelopes
    """

    purpose: str
    study: bytes
    sender: bytes
    recipient: bytes
    number: int
    ephemeral: bytes
    length: int
    digest: bytes

    def encoded(self) -> bytes:
        return frames.canonical(
            {
                "sealed": FORMAT,
                "purpose": self.purpose,
                "study": self.study.hex(),
                "sender": self.sender.hex(),
                "recipient": self.recipient.hex(),
                "number": self.number,
                "ephemeral": self.ephemeral.hex(),
                "length": self.length,
                "digest": self.digest.hex(),
            }
        )


def seal(
    identity: Identity, to: Card, *, purpose: str, study: bytes, number: int, digest: bytes, plaintext: bytes
) -> bytes:
    """The envelope of `plaintext` for the organization of the card `to`."""
    ephemeral = X25519PrivateKey.generate()
    header = Header(
        purpose,
        study,
        identity.key_hash,
        to.key_hash,
        number,
        ephemeral.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw),
        len(plaintext),
        digest,
    ).encoded()
    cipher = _cipher(ephemeral.exchange(X25519PublicKey.from_public_bytes(to.sealing_key)), header)
    chunks = [cipher.encrypt(place, plaintext[start:stop], None) for place, start, stop in _places(len(plaintext))]
    body = b"".join(chunks)
    signature = identity.sign("sealed", sha256(header).digest() + sha256(body).digest())
    return _LENGTH.pack(len(header)) + header + signature + body


def sealed_bytes(header: int, length: int) -> int:
    """Bytes of an envelope with so long a header and plaintext."""
    return _LENGTH.size + header + _SIGNATURE + length + _TAG * max(1, -(-length // CHUNK))


def read_header(envelope: bytes | memoryview) -> Header:
    """The header of an envelope, not verified yet. RemoteProtocolError when there is none."""
    return _split(envelope)[0]


def unseal(
    identity: Identity, sender: Card, envelope: bytes | memoryview, *, purpose: str, study: bytes, most: int
) -> tuple[Header, bytes]:
    """Header and plaintext of an envelope to us, verified.

    most  bytes that the plaintext may have; nothing is decrypted of a longer one
    Raises RemoteProtocolError (malformed, of another purpose, too long), AgreementError (another study),
    AuthenticationError (another recipient, another signer), CheckFailed (it was changed).
    """
    name = sender.name
    header, raw, signature, body = _split(envelope)
    if header.purpose != purpose:
        raise RemoteProtocolError(f"what {name} sealed is no {purpose}", peer=name)
    if header.study != study:
        raise AgreementError(
            f"what {name} sealed is for another study ({header.study.hex()[:16]}…, not {study.hex()[:16]}…). "
            "Compare the study files, and submit again"
        )
    if header.recipient != identity.key_hash:
        raise AuthenticationError(f"what {name} sealed is for another organization than this one", peer=name)
    if header.sender != sender.key_hash:
        raise AuthenticationError(f"the envelope is not from {name}: it names another key", peer=name)
    if header.length > most:
        raise RemoteProtocolError(f"{name} sealed {header.length} bytes; at most {most} are expected", peer=name)
    if not verify(sender.signing_key, "sealed", sha256(raw).digest() + sha256(body).digest(), signature):
        raise AuthenticationError(
            f"the signature on what {name} sealed is wrong: it was changed, or is not from {name}", peer=name
        )
    try:
        secret = identity.sealing.exchange(X25519PublicKey.from_public_bytes(header.ephemeral))
        cipher = _cipher(secret, raw)
        start, parts = 0, []
        for place, begin, end in _places(header.length):
            size = end - begin + _TAG
            parts.append(cipher.decrypt(place, bytes(body[start : start + size]), None))
            start += size
    except (InvalidTag, ValueError):  # ValueError: a point of small order
        raise CheckFailed(
            f"what {name} sealed cannot be decrypted here: it was sealed to another key than this home's. "
            f"Has {name} this organization's present card?"
        ) from None
    return header, b"".join(parts)


def _split(envelope: bytes | memoryview) -> tuple[Header, bytes, bytes, memoryview]:
    """(header, its bytes, signature, ciphertext); every length is checked."""
    view = memoryview(envelope)
    if len(view) < _LENGTH.size:
        raise RemoteProtocolError("a sealed file that is cut off")
    (size,) = _LENGTH.unpack_from(view)
    begin = _LENGTH.size + size + _SIGNATURE
    if size > MAX_HEADER or len(view) < begin:
        raise RemoteProtocolError("no sealed file, or one that is cut off")
    raw = bytes(view[_LENGTH.size : _LENGTH.size + size])
    header = _header(raw)
    if len(view) != sealed_bytes(size, header.length):
        raise RemoteProtocolError(
            f"a sealed file of {len(view)} bytes; by its header it has {sealed_bytes(size, header.length)}"
        )
    return header, raw, bytes(view[begin - _SIGNATURE : begin]), view[begin:]


def _header(raw: bytes) -> Header:
    try:
        fields = json.loads(raw)
    except (ValueError, RecursionError):
        raise RemoteProtocolError("a sealed file whose header is not JSON") from None
    if not isinstance(fields, dict) or set(fields) != _FIELDS or fields["sealed"] != FORMAT:
        raise RemoteProtocolError("no sealed file of a version this Comity knows")
    octets = {key: frames.octets(fields, key, 32) for key in ("study", "sender", "recipient", "ephemeral", "digest")}
    header = Header(
        frames.text(fields, "purpose", 20),
        octets["study"],
        octets["sender"],
        octets["recipient"],
        frames.number(fields, "number"),
        octets["ephemeral"],
        frames.number(fields, "length", _MOST),
        octets["digest"],
    )
    if header.encoded() != raw:
        raise RemoteProtocolError("a sealed file whose header is not in its one spelling")
    return header


def _cipher(secret: bytes, header: bytes) -> AESGCM:
    info = b"comity/1/sealed\0" + sha256(header).digest()
    return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret))


def _places(length: int) -> Iterator[tuple[bytes, int, int]]:
    """(nonce, start, stop) of each chunk: its number, and whether it is the last one."""
    count = max(1, -(-length // CHUNK))
    for i in range(count):
        yield i.to_bytes(11, "big") + bytes((i == count - 1,)), i * CHUNK, min(length, (i + 1) * CHUNK)
